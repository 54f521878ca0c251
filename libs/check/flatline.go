package check

import (
	"fmt"
	"math"
)

// Flatline flags a value that has not changed for many grid points: a meter that hangs, or a source that fills holes
// with the last value. How many are needed is learned: a small series in whole megawatts often has the same value twice.
type Flatline struct {
	Need int     // most points with the same value, this one included, that are needed; 0 means never
	Rate float64 // of false alarms, a point; 0 means that Need points are needed of every series
}

// Equal is how often a value equals the one before it, when that one did not equal the one before.
type Equal struct {
	Share float64 // of values
	N     float64
}

const (
	equalPrior  = 0.02 // as of a series of a few hundred units in whole numbers
	equalWeight = 500  // values the prior counts for
	leastFlat   = 3    // points; two equal ones are no run
)

// learn learns from a value that does or does not equal the one before.
func (e *Equal) learn(same bool) {
	e.N = min(e.N+1, tailMemory)
	v := 0.0
	if same {
		v = 1
	}
	e.Share += (v - e.Share) / e.N
}

// points returns how many equal points are needed of a series.
func (c Flatline) points(e Equal) int {
	if c.Rate <= 0 {
		return c.Need
	}
	p := (e.Share*e.N + equalPrior*equalWeight) / (e.N + equalWeight)
	return max(min(1+int(math.Ceil(math.Log(c.Rate)/math.Log(p))), c.Need), min(leastFlat, c.Need))
}

// Check judges a point that ends a run of n points with the value v.
func (c Flatline) Check(v float64, n int, e Equal) (Finding, bool) {
	if c.Need <= 0 || n < min(leastFlat, c.Need) || n < c.points(e) {
		return Finding{}, false
	}
	need := c.points(e)
	return Finding{
		Check: Flat, Outcome: Flag, Observed: float64(n), Expected: v, Threshold: float64(need),
		Detail: fmt.Sprintf("%g for %d points or more", v, n),
	}, true
}
