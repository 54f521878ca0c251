package eval_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
)

// backtested returns the result of a member whose error at origin i is errs[i] at both horizons; NaN fails there.
func backtested(strideHours int, errs ...float64) eval.Result {
	r := eval.Result{Kind: "x", Horizon: 2, Season: 24, Step: time.Hour}
	for i, e := range errs {
		o := eval.Origin{At: start.Add(time.Duration(i*strideHours) * time.Hour), Actual: []float64{100, 100}, Scale: 10}
		if math.IsNaN(e) {
			o.Err = model.ErrTooShort
		} else {
			o.Mean = []float64{100 + e, 100 + e}
		}
		r.Origins = append(r.Origins, o)
	}
	return r
}

// TestWeights checks inverse powers done by hand.
func TestWeights(t *testing.T) {
	for name, tc := range map[string]struct {
		w       eval.Weighting
		results []eval.Result
		want    [][]float64
	}{
		"inverse squares":    {eval.Weighting{Power: 2, Shrink: -1}, []eval.Result{backtested(5, 1, 1, 1), backtested(5, 2, 2, 2)}, [][]float64{{0.8, 0.2}}},
		"pulled to equal":    {eval.Weighting{Power: 2, Shrink: 3}, []eval.Result{backtested(5, 1, 1, 1), backtested(5, 2, 2, 2)}, [][]float64{{0.65, 0.35}}},
		"failed once":        {eval.Weighting{Power: 2, Shrink: -1}, []eval.Result{backtested(5, 1, 9, 1), backtested(5, 1, nan, 1)}, [][]float64{{0.5, 0.5}}},
		"failed mostly":      {eval.Weighting{Power: 2, Shrink: -1}, []eval.Result{backtested(5, 1, 1, 1), backtested(5, nan, nan, 1)}, [][]float64{{1, 0}}},
		"perfect":            {eval.Weighting{Shrink: -1}, []eval.Result{backtested(5, 0, 0, 0), backtested(5, 2, 2, 2)}, [][]float64{{1, 0}}},
		"both perfect":       {eval.Weighting{Shrink: -1}, []eval.Result{backtested(5, 0, 0, 0), backtested(5, 0, 0, 0)}, [][]float64{{0.5, 0.5}}},
		"two say too little": {eval.Weighting{}, []eval.Result{backtested(5, 1, 1), backtested(5, 2, 2)}, nil},
	} {
		got := tc.w.Weights(tc.results)
		if diff := cmp.Diff(tc.want, got.By, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWeightsByBlock: each block of horizons has weights of its own.
func TestWeightsByBlock(t *testing.T) {
	early, late := backtested(5, 1, 1, 1), backtested(5, 1, 1, 1)
	for i := range early.Origins {
		early.Origins[i].Mean[1], late.Origins[i].Mean[0] = 103, 103
	}
	got := eval.Weighting{Power: 2, Shrink: -1, Block: 1}.Weights([]eval.Result{early, late})
	if diff := cmp.Diff([][]float64{{0.9, 0.1}, {0.1, 0.9}}, got.By, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
}

// TestBlendIsHonest: an origin's own error, and those of origins that share its targets, do not weigh its forecast.
func TestBlendIsHonest(t *testing.T) {
	// The first is perfect at origin 1 alone; elsewhere the second is. Blended at 1, the second must have the weight.
	first, second := backtested(5, 9, 0, 9, 9, 9), backtested(5, 1e-3, 7, 1e-3, 1e-3, 1e-3)
	r := eval.Weighting{Shrink: -1}.Blend([]eval.Result{first, second}, "{}")
	if got := r.Origins[1].Mean[0]; math.Abs(got-107) > 0.01 {
		t.Errorf("origin 1 is forecast as %v, want 107, the word of the member that the other origins trust", got)
	}
	if r.Kind != model.KindEnsemble || r.Failed() != 0 || len(r.Origins) != 5 || r.Origins[0].Scale != 10 {
		t.Errorf("result %+v", r)
	}
	// An hour apart, origins 0 to 2 share targets with 1: only 3 and 4 say anything, which is too little.
	near := eval.Weighting{Shrink: -1}.Blend([]eval.Result{backtested(1, 9, 0, 9, 9, 9), backtested(1, 1, 7, 1, 1, 1)}, "{}")
	if got := near.Origins[1].Mean[0]; math.Abs(got-103.5) > 1e-9 {
		t.Errorf("origin 1 is forecast as %v, want 103.5, the median", got)
	}
}

func TestBlendFailsWhereAllDo(t *testing.T) {
	r := eval.Weighting{}.Blend([]eval.Result{backtested(5, 1, nan, 1), backtested(5, nan, nan, 1)}, "{}")
	if r.Failed() != 1 || !errors.Is(r.Origins[1].Err, model.ErrTooShort) {
		t.Errorf("%d origins failed: %v; want the one where both members did", r.Failed(), r.Err())
	}
}

// TestEnsembleFit: the ensemble of a real backtest is better than its worst member and leaves out what has no weight.
func TestEnsembleFit(t *testing.T) {
	y := demand(t)
	y = y.Slice(0, min(y.Len(), 3000))
	fitters := []model.Fitter{model.SeasonalNaive{Period: 24}, model.DSHW{}, model.ARRidge{}, model.LEAR{Window: 100}}
	var results []eval.Result
	for _, f := range fitters {
		r, err := eval.Backtest(t.Context(), y, f, eval.Plan{Origins: 12, RefitEvery: 12}, nil)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	w := eval.Weighting{}
	blend := w.Blend(results, w.Params())
	worst, best := 0.0, math.Inf(1)
	for _, r := range results {
		if r.Failed() == 0 {
			worst, best = max(worst, r.Metrics().MAE), min(best, r.Metrics().MAE)
		}
	}
	if got := blend.Metrics().MAE; got > 1.05*best || got >= worst {
		t.Errorf("the blend errs by %v, its members by %v to %v", got, best, worst)
	}
	e, err := w.Fit(y, fitters, results)
	if err != nil {
		t.Fatal(err)
	}
	kinds := make([]model.Kind, 0, len(e.Members))
	for _, m := range e.Members {
		kinds = append(kinds, m.Kind())
	}
	if !slices.Contains(kinds, model.KindARRidge) || slices.Contains(kinds, model.KindLEAR) {
		t.Errorf("members %v; want ar_ridge, but not lear, which has no 120 days", kinds)
	}
	if _, err := e.Forecast(y, 48); err != nil {
		t.Error(err)
	}
}
