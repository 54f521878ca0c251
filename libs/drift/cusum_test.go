package drift_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

// TestCUSUMRunLength compares the mean number of steps to an alarm with textbook values for k = 0.5 (Montgomery,
// Introduction to Statistical Quality Control, table 9.3: 168 and 8.38 for h = 4, 465 and 10.4 for h = 5).
func TestCUSUMRunLength(t *testing.T) {
	for name, tc := range map[string]struct {
		h, shift, want float64
		runs           int
	}{
		"h 4, no shift":  {4, 0, 168, 2000},
		"h 5, no shift":  {5, 0, 465, 2000},
		"h 4, one sigma": {4, 1, 8.38, 10000},
		"h 5, one sigma": {5, 1, 10.4, 10000},
		"h 5, half down": {5, -0.5, 38.0, 10000},
		"h 8, two sigma": {8, 2, 6.0, 10000},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 12))
			sum := 0
			for range tc.runs {
				c := drift.CUSUM{H: tc.h}
				for sum++; c.Step(tc.shift+rng.NormFloat64()) == drift.None; sum++ {
				}
			}
			if got := float64(sum) / float64(tc.runs); math.Abs(got/tc.want-1) > 0.06 {
				t.Errorf("mean run length %.2f, want %.2f within 6 %%", got, tc.want)
			}
		})
	}
}

// TestCUSUMDefault: the default threshold, too rare to simulate, by the Markov chain of one side (Brook & Evans 1972);
// two sides alarm twice as often as one. Expected is 9,470.
func TestCUSUMDefault(t *testing.T) {
	const (
		h, k = 8.0, 0.5
		n    = 100
	)
	w := 2 * h / (2*n - 1) // state i > 0 is the interval of width w around i*w
	normal := distuv.UnitNormal
	// Mean run length by iteration of L = 1 + P L.
	l := make([]float64, n)
	p := make([]float64, n*n)
	for i := range n {
		p[i*n] = normal.CDF(w/2 - float64(i)*w + k)
		for j := 1; j < n; j++ {
			p[i*n+j] = normal.CDF(float64(j-i)*w+w/2+k) - normal.CDF(float64(j-i)*w-w/2+k)
		}
	}
	for range 60 { // squaring the chain doubles the steps summed: L_2m = L_m + P^m L_m
		if l[0] == 0 {
			for i := range l {
				l[i] = 1
			}
			continue
		}
		next := make([]float64, n)
		for i := range n {
			next[i] = l[i]
			for j := range n {
				next[i] += p[i*n+j] * l[j]
			}
		}
		l = next
		p = square(p, n)
		if p[0] < 1e-12 {
			break
		}
	}
	if got := l[0] / 2; math.Abs(got/9470-1) > 0.01 {
		t.Errorf("mean run length %.0f, want 9470 within 1 %%", got)
	}
	// The detector itself: no alarm at evidence of exactly h, one just above, and both sums start again.
	c := drift.CUSUM{}
	for range 16 {
		if c.Step(1) != drift.None {
			t.Fatal("raised at evidence of 8")
		}
	}
	if c.Step(0.75) != drift.Raised || c.Up != 0 || c.Down != 0 {
		t.Errorf("after evidence of 8.25: %+v", c)
	}
	if c.Step(math.NaN()) != drift.None || c.Step(-9) != drift.Raised {
		t.Error("a value of -9 does not raise")
	}
}

func square(p []float64, n int) []float64 {
	out := make([]float64, n*n)
	for i := range n {
		for k := range n {
			if a := p[i*n+k]; a != 0 {
				for j := range n {
					out[i*n+j] += a * p[k*n+j]
				}
			}
		}
	}
	return out
}
