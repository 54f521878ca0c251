package check

import "fmt"

// Flatline flags a value that has not changed for many grid points: a meter that hangs, or a source that fills holes
// with the last value.
type Flatline struct {
	Need int // points with the same value, this one included; 0 means never
}

// Check judges a point that ends a run of n points with the value v.
func (c Flatline) Check(v float64, n int) (Finding, bool) {
	if c.Need <= 0 || n < c.Need {
		return Finding{}, false
	}
	return Finding{
		Check: Flat, Outcome: Flag, Observed: float64(n), Expected: v, Threshold: float64(c.Need),
		Detail: fmt.Sprintf("%g for %d points or more", v, n),
	}, true
}
