package eval_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/eval"
)

// covered returns the share of n values inside the intervals while the spread of the noise is as given.
func covered(a *eval.Adaptive, rng *rand.Rand, n int, spread func(i int) float64) float64 {
	in := 0
	for i := range n {
		h := 1 + i%12
		lo, hi := a.Interval(h, 100)
		y := 100 * math.Exp(spread(i)*rng.NormFloat64())
		if lo <= y && y <= hi {
			in++
		}
		a.Score(h, 100, lo, hi, y)
	}
	return float64(in) / float64(n)
}

// TestAdaptiveCoverage: coverage returns to its level when the errors double, and when they halve.
func TestAdaptiveCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	a := eval.Adaptive{Level: 0.9, Bucket: 6}
	covered(&a, rng, 1000, func(int) float64 { return 0.02 })
	for name, spread := range map[string]float64{"calm": 0.02, "wild": 0.04} {
		covered(&a, rng, 600, func(int) float64 { return spread }) // takes notice
		if got := covered(&a, rng, 3000, func(int) float64 { return spread }); math.Abs(got-0.9) > 0.02 {
			t.Errorf("%s: coverage %.3f, want 0.90", name, got)
		}
	}
	// Errors that grow all the time: residuals of the past are always too small, and the miss rate must make up for it.
	grow := func(i int) float64 { return 0.02 * math.Exp(float64(i)/2000) }
	if got := covered(&a, rng, 4000, grow); math.Abs(got-0.9) > 0.02 {
		t.Errorf("growing errors: coverage %.3f, want 0.90", got)
	}
}

func TestAdaptiveEdges(t *testing.T) {
	a := eval.Adaptive{Level: 0.9}
	if lo, hi := a.Interval(1, 5); lo != 5 || hi != 5 {
		t.Errorf("interval %v to %v before any score, want the mean", lo, hi)
	}
	a.Score(1, 5, 5, 5, nan)
	if len(a.Residuals[0]) != 0 {
		t.Error("a missing value was learned")
	}
	for range 500 {
		lo, hi := a.Interval(1, -3)
		a.Score(1, -3, lo, hi, -2)
	}
	if lo, hi := a.Interval(1, -3); lo != -2 || hi != -2 || len(a.Residuals[0]) != 240 {
		t.Errorf("interval %v to %v from %d residuals of 1, want -2 from 240", lo, hi, len(a.Residuals[0]))
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back eval.Adaptive
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestSplit: buckets share offsets, and Widen makes them longer by its factor.
func TestSplit(t *testing.T) {
	r := eval.Result{Kind: "x", Horizon: 4}
	for i := range 10 {
		o := eval.Origin{}
		for h := range 4 {
			o.Mean = append(o.Mean, -1) // not positive: offsets are differences
			o.Actual = append(o.Actual, -1+float64(i-5)*float64(1+h/2))
		}
		r.Origins = append(r.Origins, o)
	}
	levels := []float64{0.1, 0.5, 0.9}
	plain, err := eval.Split{Bucket: 2}.Conformal(r, levels)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := eval.Split{Bucket: 2, Widen: 5}.Conformal(r, levels)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range plain.Offsets {
		if row[0] != row[1] || row[2] != row[3] || math.Abs(row[2]-2*row[0]) > 1e-12 {
			t.Errorf("offsets %v at level %v, want two buckets, the second twice the first", row, levels[i])
		}
		for h := range row {
			if want := plain.Offsets[1][h] + 1.5*(row[h]-plain.Offsets[1][h]); math.Abs(wide.Offsets[i][h]-want) > 1e-12 {
				t.Errorf("widened offset %v, want %v", wide.Offsets[i][h], want)
			}
		}
	}
	if err := wide.Check(); err != nil {
		t.Error(err)
	}
}
