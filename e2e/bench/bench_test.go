package bench

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

// TestScore checks the measures of M4 by hand: scale 2, errors of 2 and 4.
func TestScore(t *testing.T) {
	s := Set{Season: 1, Horizon: 2, Tasks: []Task{{Train: []float64{10, 12, 10, 12}, Test: []float64{10, 20}}}}
	got := s.Score([]Forecast{{Mean: []float64{12, 16}, Lo: []float64{8, 10}, Hi: []float64{14, 18}}})
	want := Scores{
		SMAPE: (200*2.0/22 + 200*4.0/36) / 2, MASE: 1.5,
		MSIS:     (6 + 8 + 40*2.0) / 2 / 2, // two beyond the upper bound cost 2/0.05 each
		Coverage: 0.5,
	}
	for name, pair := range map[string][2]float64{
		"smape": {got.SMAPE, want.SMAPE}, "mase": {got.MASE, want.MASE}, "msis": {got.MSIS, want.MSIS}, "coverage": {got.Coverage, want.Coverage},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s = %v, want %v", name, pair[0], pair[1])
		}
	}
	if owa := got.OWA(Scores{SMAPE: want.SMAPE * 2, MASE: 3}); math.Abs(owa-0.5) > 1e-9 {
		t.Errorf("OWA = %v, want 0.5", owa)
	}
}

func TestEarlier(t *testing.T) {
	s := Set{Horizon: 2, Tasks: []Task{{Train: []float64{1, 2, 3, 4, 5, 6}, Test: []float64{7, 8}}}}
	got := s.Earlier(2).Tasks[0]
	if len(got.Train) != 2 || got.Test[0] != 3 || got.Test[1] != 4 {
		t.Errorf("train %v, test %v; want 1 2 and 3 4", got.Train, got.Test)
	}
}

// TestLab: the lab's forecast of a series like those of M4 beats the seasonal naive one, and its interval holds it.
func TestLab(t *testing.T) {
	y := seriestest.Generate(series.Series{Start: start(), Step: time.Hour}, 748, 7)
	s := Set{Name: "generated", Season: 24, Horizon: 48, Tasks: []Task{{ID: "a", Train: y.Values[:700], Test: y.Values[700:]}}}
	f, err := HourlyLab().Forecasts(t.Context(), s, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for k, m := range f[0].Mean {
		if !(f[0].Lo[k] < m && m < f[0].Hi[k]) {
			t.Errorf("horizon %d: %v is not within %v to %v", k+1, m, f[0].Lo[k], f[0].Hi[k])
		}
	}
	if got := s.Score(f); !(got.MASE < 1.5) || got.Coverage < 0.5 {
		t.Errorf("scores %+v", got)
	}
}

// TestReplaySeesOnlyThePast: with everything after a day changed, what was scored before it stays the same.
func TestReplaySeesOnlyThePast(t *testing.T) {
	y := seriestest.Generate(series.Series{ID: series.ID{Source: "eia", Key: "X"}, Start: start(), Step: time.Hour}, 160*24, 8)
	replay := HourlyDemand()
	replay.Candidates, replay.WarmUp = replay.Candidates[:2], 10
	operator := make([]float64, y.Len())
	for i := range operator {
		operator[i] = 1.1 * y.Values[i]
	}
	from := y.Start.AddDate(0, 0, 140)
	run := func(y series.Series, days int) *Outcome {
		o, err := replay.Run(t.Context(), Area{Demand: y, Operator: operator}, from, from.AddDate(0, 0, days))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	// Forecasts of five days reach seven days ahead; only what lies beyond changes.
	before := run(y, 5)
	changed := y
	changed.Values = append([]float64(nil), y.Values...)
	for i := 148 * 24; i < len(changed.Values); i++ {
		changed.Values[i] *= 3
	}
	after := run(changed, 5)
	if before.First != after.First || before.Second != after.Second || before.DayAhead != after.DayAhead {
		t.Errorf("errors %+v became %+v when later values changed", before, after)
	}
	if got := before.Operator.MAPE(); math.Abs(got-10) > 1e-9 {
		t.Errorf("operator's error %v, want 10 %%", got)
	}
	if before.First.n != 5*24 || before.DayAhead.n != 5*24 {
		t.Errorf("%d and %d hours scored, want 120", before.First.n, before.DayAhead.n)
	}
}

func TestPathOfMissingData(t *testing.T) {
	t.Setenv(Env, t.TempDir())
	if _, err := M4("hourly"); !errors.Is(err, ErrNoData) {
		t.Errorf("M4 without data: %v, want ErrNoData", err)
	}
	if _, err := Areas(); !errors.Is(err, ErrNoData) {
		t.Errorf("Areas without data: %v, want ErrNoData", err)
	}
}
