package check

import (
	"fmt"
	"math"
)

// Shift decides when values that the relative range keeps back are the new level and not corruption.
//
// Without it a lasting change would be quarantined for ever: the median only learns from accepted values.
type Shift struct {
	Need   int     // consecutive kept-back points that agree with each other
	Spread float64 // most that the largest of them may exceed the smallest, as a factor (> 1)
	Limit  float64 // largest change accepted, as a factor either way; beyond it is a change of unit. 0 means none
}

// Run is a run of kept-back points that agree with each other.
type Run struct {
	N        int
	Min, Max float64
}

// Extend returns the run with v, or a new run of v alone when v does not agree with the rest.
func (c Shift) Extend(r Run, v float64) Run {
	lo, hi := math.Min(r.Min, v), math.Max(r.Max, v)
	if r.N == 0 || hi > c.Spread*lo {
		return Run{N: 1, Min: v, Max: v}
	}
	return Run{N: r.N + 1, Min: lo, Max: hi}
}

// Check reports whether r has become the new level. median is the level so far.
func (c Shift) Check(r Run, median float64) (Finding, bool) {
	if r.N < c.Need {
		return Finding{}, false
	}
	level := math.Sqrt(r.Min * r.Max) // between the two by ratio, as the bounds are
	factor := level / median
	if c.Limit > 0 && math.Max(factor, 1/factor) > c.Limit {
		return Finding{}, false
	}
	return Finding{
		Check: LevelShift, Outcome: Flag, Observed: level, Expected: median, Threshold: float64(c.Need),
		Detail: fmt.Sprintf("%d points in a row between %g and %g: the level is %.3g x what it was", r.N, r.Min, r.Max, factor),
	}, true
}
