package eval_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

var start = time.Date(2022, 1, 3, 0, 0, 0, 0, time.UTC)

// ramp returns 0, 1, 2, ...: the value is the index.
func ramp(n int) series.Series {
	y := series.Series{Start: start, Step: time.Hour, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = float64(i)
	}
	return y
}

// last forecasts the last value of the history it was fitted on plus the number of values it had seen then.
type last struct {
	fits     *int
	breaks   func(n int) error // asked with the length of the history before each fit
	fittedOn int
}

func (last) Kind() model.Kind { return "last" }
func (last) Params() string   { return "{}" }
func (last) History() int     { return 1 }

func (l last) Fit(y series.Series) (model.Forecaster, error) {
	if l.breaks != nil {
		if err := l.breaks(y.Len()); err != nil {
			return nil, err
		}
	}
	if l.fits != nil {
		*l.fits++
	}
	l.fittedOn = y.Len()
	return l, nil
}

func (l last) Forecast(y series.Series, h int) ([]float64, error) {
	return slices.Repeat([]float64{y.Values[y.Len()-1]}, h), nil
}

// TestBacktest checks errors of a ramp: the last value is h too low at horizon h, so MAE is (H+1)/2.
func TestBacktest(t *testing.T) {
	y := ramp(100)
	y.Values[60] = nan
	fits := 0
	r, err := eval.Backtest(t.Context(), y, last{fits: &fits}, eval.Plan{Origins: 3, Stride: 10, Horizon: 5, MinTrain: 50}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Origins) != 3 || fits != 3 || r.Failed() != 0 || r.Err() != nil {
		t.Fatalf("%d origins, %d fits, %d failed", len(r.Origins), fits, r.Failed())
	}
	for i, o := range r.Origins {
		at := 94 - 10*(2-i)
		if !o.At.Equal(y.Time(at)) {
			t.Errorf("origin %d at %s, want %s", i, o.At, y.Time(at))
		}
		want := eval.Metrics{N: 5, MAE: 3, RMSE: math.Sqrt(11), MAPE: o.Metrics().MAPE, MASE: 3.0 / 24, Bias: -3}
		if diff := cmp.Diff(want, o.Metrics()); diff != "" {
			t.Errorf("origin %d metrics mismatch (-want +got):\n%s", i, diff)
		}
	}
	if got := r.Metrics(); got.N != 15 || got.MAE != 3 {
		t.Errorf("N %d, MAE %v, want 15 and 3", got.N, got.MAE)
	}
	// Horizons are averaged with two neighbours on either side: 1..3, 1..4, 1..5, 2..5, 3..5.
	if diff := cmp.Diff([]float64{2, 2.5, 3, 3.5, 4}, r.HorizonMAE()); diff != "" {
		t.Errorf("HorizonMAE mismatch (-want +got):\n%s", diff)
	}
}

// TestBacktestSeesOnlyThePast hands out histories by origin and fails on a value after it.
func TestBacktestSeesOnlyThePast(t *testing.T) {
	y := demand(t)
	seen := 0
	history := func(origin time.Time) (series.Series, error) {
		seen++
		return eval.Plain(y)(origin)
	}
	plan := eval.Plan{Origins: 4, MinTrain: 1000}
	want, err := eval.Backtest(t.Context(), y, model.ARRidge{}, plan, history)
	if err != nil || seen == 0 {
		t.Fatalf("%v, %d histories", err, seen)
	}
	// With everything after the first origin changed, its forecast stays the same.
	first, _ := y.Index(want.Origins[0].At)
	changed := y
	changed.Values = slices.Clone(y.Values)
	for i := first + 1; i < len(changed.Values); i++ {
		changed.Values[i] *= 3
	}
	got, err := eval.Backtest(t.Context(), changed, model.ARRidge{}, plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Origins[0].Mean, got.Origins[0].Mean); diff != "" {
		t.Errorf("the future changed the forecast (-before +after):\n%s", diff)
	}
}

// TestBacktestLateHistory: a history that ends two steps before the origin makes the forecast two steps longer.
func TestBacktestLateHistory(t *testing.T) {
	y := ramp(100)
	late := func(origin time.Time) (series.Series, error) { return eval.Plain(y)(origin.Add(-2 * time.Hour)) }
	r, err := eval.Backtest(t.Context(), y, last{}, eval.Plan{Origins: 1, Horizon: 5, MinTrain: 50}, late)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Metrics().MAE; got != 5 || len(r.Origins[0].Mean) != 5 {
		t.Errorf("MAE %v of %d horizons, want 5 of 5", got, len(r.Origins[0].Mean))
	}
}

func TestBacktestNothingKnown(t *testing.T) {
	y := ramp(100)
	nothing := func(time.Time) (series.Series, error) { return series.Series{Step: time.Hour}, nil }
	r, err := eval.Backtest(t.Context(), y, last{}, eval.Plan{Origins: 2, Horizon: 5, MinTrain: 50}, nothing)
	if err != nil || !errors.Is(r.Err(), model.ErrTooShort) || r.Failed() != 2 {
		t.Errorf("%v; origins: %v, want ErrTooShort at both", err, r.Err())
	}
	future := func(time.Time) (series.Series, error) { return y, nil }
	r, err = eval.Backtest(t.Context(), y, last{}, eval.Plan{Origins: 1, Horizon: 5, MinTrain: 50}, future)
	if err != nil || !errors.Is(r.Err(), eval.ErrPlan) {
		t.Errorf("%v; origins: %v, want ErrPlan for a history that knows the future", err, r.Err())
	}
}

func TestBacktestRefit(t *testing.T) {
	fits := 0
	plan := eval.Plan{Origins: 7, Stride: 1, Horizon: 5, MinTrain: 50, RefitEvery: 3}
	if _, err := eval.Backtest(t.Context(), ramp(100), last{fits: &fits}, plan, nil); err != nil || fits != 3 {
		t.Errorf("%d fits, %v, want 3 for 7 origins", fits, err)
	}
}

// TestBacktestFailures: an error and a panic fail their origins and no other.
func TestBacktestFailures(t *testing.T) {
	broken := errors.New("broken")
	f := last{breaks: func(n int) error {
		switch n {
		case 75:
			return broken
		case 85:
			panic("index out of range")
		}
		return nil
	}}
	r, err := eval.Backtest(t.Context(), ramp(100), f, eval.Plan{Origins: 3, Stride: 10, Horizon: 5, MinTrain: 50}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed() != 2 || !errors.Is(r.Origins[0].Err, broken) || !strings.Contains(r.Origins[1].Err.Error(), "panic: index") {
		t.Errorf("errors: %v", r.Err())
	}
	if got := r.Metrics(); got.N != 5 || r.Origins[0].Metrics().N != 0 {
		t.Errorf("%d targets in all, %d of a failed origin; want 5 and 0", got.N, r.Origins[0].Metrics().N)
	}
}

func TestBacktestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := last{breaks: func(int) error { cancel(); return nil }}
	if _, err := eval.Backtest(ctx, ramp(100), f, eval.Plan{Origins: 3, Stride: 1, Horizon: 5, MinTrain: 50}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Backtest = %v, want context.Canceled", err)
	}
}

func TestSchedule(t *testing.T) {
	for name, tc := range map[string]struct {
		n    int
		plan eval.Plan
		want []int
		err  error
	}{
		"all":           {100, eval.Plan{Origins: 3, Stride: 10, Horizon: 5, MinTrain: 50}, []int{74, 84, 94}, nil},
		"fewer":         {100, eval.Plan{Origins: 9, Stride: 10, Horizon: 5, MinTrain: 75}, []int{74, 84, 94}, nil},
		"just one":      {100, eval.Plan{Origins: 9, Stride: 10, Horizon: 5, MinTrain: 95}, []int{94}, nil},
		"none":          {100, eval.Plan{Origins: 9, Stride: 10, Horizon: 5, MinTrain: 96}, nil, model.ErrTooShort},
		"empty":         {0, eval.Plan{}, nil, model.ErrTooShort},
		"negative plan": {100, eval.Plan{Stride: -1}, nil, eval.ErrPlan},
	} {
		t.Run(name, func(t *testing.T) {
			y := ramp(tc.n)
			got, err := tc.plan.Schedule(y)
			if !errors.Is(err, tc.err) {
				t.Fatalf("Schedule = %v, want %v", err, tc.err)
			}
			var at []int
			for _, o := range got {
				i, _ := y.Index(o)
				at = append(at, i)
			}
			if diff := cmp.Diff(tc.want, at); diff != "" {
				t.Errorf("origins mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHorizonMAEOfPerfect: a scale that live errors are divided by is never 0.
func TestHorizonMAEOfPerfect(t *testing.T) {
	y := ramp(100)
	for i := range y.Values {
		y.Values[i] = 7
	}
	r, err := eval.Backtest(t.Context(), y, last{}, eval.Plan{Origins: 3, Stride: 1, Horizon: 5, MinTrain: 50}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for h, v := range r.HorizonMAE() {
		if !(v > 0) {
			t.Errorf("horizon %d: scale %v", h+1, v)
		}
	}
}

// demand returns 300 days of one area.
func demand(tb testing.TB) series.Series {
	tb.Helper()
	y := seriestest.Demand(tb, []string{"EPE"}, map[string]string{"EPE": "America/Denver"})[0]
	return y.Slice(0, 300*24)
}

func BenchmarkBacktest(b *testing.B) {
	y := demand(b)
	for b.Loop() {
		if _, err := eval.Backtest(b.Context(), y, model.ARRidge{}, eval.Plan{RefitEvery: 7}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
