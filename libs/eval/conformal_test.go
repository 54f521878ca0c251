package eval_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
)

// result returns a backtest with one horizon, forecasts of 100 and these actual values.
func result(actual ...float64) eval.Result {
	r := eval.Result{Kind: "fixed", Horizon: 1}
	for _, y := range actual {
		r.Origins = append(r.Origins, eval.Origin{Mean: []float64{100}, Actual: []float64{y}})
	}
	return r
}

// TestConformalQuantiles checks quantiles worked out by hand: of 9 residuals the corrected 90 % quantile is the
// 10*0.9 = 9th, the 10 % quantile the first, and the median the fifth.
func TestConformalQuantiles(t *testing.T) {
	r := result(91, 92, 93, 94, 95, 106, 107, 108, 109)
	c, err := eval.NewConformal(r, []float64{0.05, 0.1, 0.5, 0.9, 0.95})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Apply([]float64{200, 0})
	want := [][]float64{{182, 0}, {182, 0}, {190, 0}, {218, 0}, {218, 0}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" || !c.Relative {
		t.Errorf("relative %t, quantiles mismatch (-want +got):\n%s", c.Relative, diff)
	}
}

// TestConformalDifferences: with a value that is not positive, residuals are differences.
func TestConformalDifferences(t *testing.T) {
	c, err := eval.NewConformal(result(90, 110, -5, nan), []float64{0.5})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]float64{{-10, -20}}, c.Apply([]float64{0, -10})); diff != "" || c.Relative {
		t.Errorf("relative %t, quantiles mismatch (-want +got):\n%s", c.Relative, diff)
	}
}

// TestConformalCoverage: for exchangeable residuals coverage is nominal on average, whatever their
// distribution (Vovk, Gammerman & Shafer 2005). Origins are few on purpose.
func TestConformalCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	draw := func() float64 { return 100 * math.Exp(0.05*rng.ExpFloat64()-0.02) }
	const trials = 4000
	in80, in90 := 0.0, 0.0
	for range trials {
		actual := make([]float64, 29)
		for i := range actual {
			actual[i] = draw()
		}
		c, err := eval.NewConformal(result(actual...), forecast.Levels())
		if err != nil {
			t.Fatal(err)
		}
		q, y := c.Apply([]float64{100}), []float64{draw()}
		in80 += eval.Coverage(q[1], q[3], y) / trials
		in90 += eval.Coverage(q[0], q[4], y) / trials
	}
	if in80 < 0.78 || in80 > 0.83 || in90 < 0.88 || in90 > 0.93 {
		t.Errorf("80 %% intervals cover %.3f, 90 %% ones %.3f", in80, in90)
	}
}

// TestConformalOfDemand: quantiles nest and stay positive on real errors, and intervals grow with the horizon.
func TestConformalOfDemand(t *testing.T) {
	y := demand(t)
	r, err := eval.Backtest(t.Context(), y, model.ARRidge{}, eval.Plan{RefitEvery: 7, MinTrain: 150 * 24}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := eval.NewConformal(r, forecast.Levels())
	if err != nil {
		t.Fatal(err)
	}
	mean := make([]float64, 60) // beyond the table too
	for h := range mean {
		mean[h] = 1000
	}
	q := c.Apply(mean)
	for h := range mean {
		for i := range q {
			if !(q[i][h] > 0) || i > 0 && q[i][h] < q[i-1][h] {
				t.Errorf("horizon %d: quantiles do not nest: %v after %v", h+1, q[i][h], q[max(i-1, 0)][h])
			}
		}
	}
	if q[4][0]-q[0][0] >= q[4][47]-q[0][47] || q[4][59] != q[4][47] {
		t.Errorf("90 %% intervals: %v wide at 1 hour, %v at 48", q[4][0]-q[0][0], q[4][47]-q[0][47])
	}
}

func TestConformalJSON(t *testing.T) {
	c, err := eval.NewConformal(result(91, 93, 106.123456789, 107), forecast.Levels())
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back eval.Conformal
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, back); diff != "" || back.Check() != nil {
		t.Errorf("%v, round trip mismatch (-want +got):\n%s", back.Check(), diff)
	}
}

func TestConformalRefuses(t *testing.T) {
	if _, err := eval.NewConformal(result(nan, nan), forecast.Levels()); !errors.Is(err, model.ErrTooShort) {
		t.Errorf("without residuals = %v, want ErrTooShort", err)
	}
	failed := result(90)
	failed.Origins[0] = eval.Origin{At: time.Time{}, Err: model.ErrTooShort}
	if _, err := eval.NewConformal(failed, forecast.Levels()); !errors.Is(err, model.ErrTooShort) {
		t.Errorf("with failed origins only = %v, want ErrTooShort", err)
	}
	for _, levels := range [][]float64{nil, {0}, {1}, {0.5, 0.5}, {0.9, 0.1}, {nan}} {
		if _, err := eval.NewConformal(result(90, 110), levels); !errors.Is(err, eval.ErrConformal) {
			t.Errorf("levels %v = %v, want ErrConformal", levels, err)
		}
	}
	for name, c := range map[string]eval.Conformal{
		"empty":       {},
		"no horizons": {Levels: []float64{0.5}, Offsets: [][]float64{{}}},
		"ragged":      {Levels: []float64{0.1, 0.9}, Offsets: [][]float64{{0, 0}, {1}}},
		"crossing":    {Levels: []float64{0.1, 0.9}, Offsets: [][]float64{{1}, {0}}},
		"nan":         {Levels: []float64{0.1}, Offsets: [][]float64{{nan}}},
	} {
		if err := c.Check(); !errors.Is(err, eval.ErrConformal) {
			t.Errorf("%s: Check = %v, want ErrConformal", name, err)
		}
	}
}
