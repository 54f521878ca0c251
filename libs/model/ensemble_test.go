package model_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/model"
)

// TestCombine checks weighted means and medians done by hand.
func TestCombine(t *testing.T) {
	paths := [][]float64{{1, 10}, {2, 20}, {9, 90}}
	for name, tc := range map[string]struct {
		w     model.Weights
		paths [][]float64
		want  []float64
	}{
		"median":             {model.Weights{}, paths, []float64{2, 20}},
		"median of two":      {model.Weights{}, paths[:2], []float64{1.5, 15}},
		"one row":            {model.Weights{Block: 2, By: [][]float64{{0.5, 0.5, 0}}}, paths, []float64{1.5, 15}},
		"a row each":         {model.Weights{Block: 1, By: [][]float64{{1, 0, 0}, {0, 0.5, 0.5}}}, paths, []float64{1, 55}},
		"one cannot":         {model.Weights{Block: 2, By: [][]float64{{0.5, 0.25, 0.25}}}, [][]float64{nil, {2, 20}, {4, 40}}, []float64{3, 30}},
		"no weight is left":  {model.Weights{Block: 2, By: [][]float64{{1, 0, 0}}}, [][]float64{nil, {2, 20}, {4, 40}}, []float64{3, 30}},
		"nobody can":         {model.Weights{}, [][]float64{nil, nil}, []float64{nan, nan}},
		"large do not break": {model.Weights{Block: 2, By: [][]float64{{0.5, 0.5}}}, [][]float64{{1e308}, {1e308}}, []float64{1e308}},
	} {
		if diff := cmp.Diff(tc.want, tc.w.Combine(tc.paths, len(tc.want)), cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEnsembleSnapshot(t *testing.T) {
	y := demandLike(2000)
	var e model.Ensemble
	for _, f := range []model.Fitter{model.DSHW{}, model.ARRidge{}, model.SeasonalNaive{}} {
		m, err := f.Fit(y)
		if err != nil {
			t.Fatal(err)
		}
		e.Members = append(e.Members, m)
	}
	e.Weights = model.Weights{Block: 24, By: [][]float64{{0.5, 0.3, 0.2}, {0.2, 0.3, 0.5}}}
	b := mustEncode(t, e)
	back, err := model.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := e.Forecast(y, 60)
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Forecast(y, 60)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || !bytes.Equal(b, mustEncode(t, back)) {
		t.Errorf("decoded ensemble (-want +got):\n%s", diff)
	}
	for name, damaged := range map[string]string{
		"no members":      `{"version":1,"kind":"ensemble","model":{"members":[],"weights":{"block":0,"by":null}}}`,
		"weights missing": `{"version":1,"kind":"ensemble","model":{"members":[{"version":1,"kind":"snaive_24","model":{}}],"weights":{"block":1,"by":[[]]}}}`,
		"negative weight": `{"version":1,"kind":"ensemble","model":{"members":[{"version":1,"kind":"snaive_24","model":{}}],"weights":{"block":1,"by":[[-1]]}}}`,
		"nested":          `{"version":1,"kind":"ensemble","model":{"members":[` + string(b) + `],"weights":{"block":1,"by":null}}}`,
	} {
		if _, err := model.Decode([]byte(damaged)); !errors.Is(err, model.ErrSnapshot) {
			t.Errorf("%s: %v, want ErrSnapshot", name, err)
		}
	}
}

// TestEnsembleUpdate: members with a state are carried on, and the ensemble forecasts the same from it.
func TestEnsembleUpdate(t *testing.T) {
	y := demandLike(2100)
	m, err := model.DSHW{}.Fit(y.Slice(0, 2000))
	if err != nil {
		t.Fatal(err)
	}
	e := model.Ensemble{Members: []model.Forecaster{m, model.SeasonalNaive{Period: 24}}}
	next, err := e.Update(y)
	if err != nil {
		t.Fatal(err)
	}
	a, err := next.Forecast(y.Tail(48), 24)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Forecast(y, 24)
	if err != nil {
		t.Fatal(err)
	}
	for k := range a {
		if math.Abs(a[k]-b[k]) > 1e-9*b[k] {
			t.Errorf("horizon %d: %v after an update, %v without", k+1, a[k], b[k])
		}
	}
}
