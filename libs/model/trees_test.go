package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestBoosting: a step in one feature and a product of two others, which no sum of single features makes, are found; a
// fourth feature of noise is not followed.
func TestBoosting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	truth := func(r []float64) float64 {
		v := 3 * r[1] * r[2]
		if r[0] > 0.3 {
			v += 5
		}
		return v
	}
	var rows, y []float64
	for range 4000 {
		r := []float64{rng.Float64(), rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		rows, y = append(rows, r...), append(y, truth(r)+0.1*rng.NormFloat64())
	}
	base, trees := boosting{trees: 200, leaves: 16, least: 10, rate: 0.1, l2: 1}.fit(newBinned(rows, 4), y)
	sse, sst := 0.0, 0.0
	for range 500 {
		r := []float64{rng.Float64(), rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		f := base
		for _, tr := range trees {
			f += tr.at(r)
		}
		sse += math.Pow(f-truth(r), 2)
		sst += math.Pow(truth(r)-base, 2)
	}
	if sse > 0.1*sst {
		t.Errorf("trees leave %.1f %% of the variance, want less than 10 %%", 100*sse/sst)
	}
}

// TestBoostingQuantile: the share of targets below the forecast is the quantile, wherever the features are.
func TestBoostingQuantile(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var rows, y []float64
	for range 6000 {
		x := rng.Float64()
		rows, y = append(rows, x), append(y, (1+3*x)*rng.NormFloat64()) // noise grows with x
	}
	base, trees := boosting{trees: 100, leaves: 8, least: 50, rate: 0.1, l2: 1, quantile: 0.9}.fit(newBinned(rows, 1), y)
	for _, half := range []float64{0, 0.5} {
		below, n := 0, 0
		for i, x := range rows {
			if x < half || x >= half+0.5 {
				continue
			}
			f := base
			for _, tr := range trees {
				f += tr.at([]float64{x})
			}
			n++
			if y[i] <= f {
				below++
			}
		}
		if got := float64(below) / float64(n); math.Abs(got-0.9) > 0.03 {
			t.Errorf("%.3f of the targets with x from %v lie below, want 0.90", got, half)
		}
	}
}

func TestTreeMissing(t *testing.T) {
	tr := tree{Feature: []int{0, 0, 0}, Cut: []float64{1, -5, 5}, Left: []int{1, 0, 0}, Right: []int{2, 0, 0}}
	for v, want := range map[float64]float64{0: -5, 1: -5, 2: 5} {
		if got := tr.at([]float64{v}); got != want {
			t.Errorf("at %v: %v, want %v", v, got, want)
		}
	}
	if got := tr.at([]float64{math.NaN()}); got != -5 {
		t.Errorf("a missing value goes to %v, want left", got)
	}
}
