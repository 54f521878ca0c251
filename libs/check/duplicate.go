package check

import (
	"fmt"
	"math"
)

// Twin judges a second report of a point within one batch, after first was accepted. The first accepted value of a
// point stands: nothing tells which of two is right, and a later refresh settles it. A twin with the same value, or
// without one, is dropped with a flag; a twin with another value is kept in quarantine.
func Twin(first, second float64) Finding {
	f := Finding{Check: Duplicate, Outcome: Flag, Observed: second, Expected: first}
	switch {
	case first == second:
		f.Detail = "reported twice with the same value"
	case math.IsNaN(second):
		f.Detail = "reported again without a value"
	default:
		f.Outcome = Quarantine
		f.Detail = fmt.Sprintf("reported as %g and again as %g", first, second)
	}
	return f
}
