package check

import "fmt"

// Negative quarantines a negative value of a series that has none, and names it when the same value with the other sign
// would do: a source that turned from consumption to generation, or subtracts the wrong way round.
type Negative struct {
	Min float64 // lowest value a series may have, exclusive; the check is silent when it is negative
}

// Check judges v. With a level that is known, -v must lie within factor 2 of it for the sign to be the matter.
func (c Negative) Check(v float64, l Level) (Finding, bool) {
	if v >= 0 || c.Min < 0 || l.Median > 0 && (-v < l.Median/2 || -v > 2*l.Median) {
		return Finding{}, false
	}
	return Finding{
		Check: Sign, Outcome: Quarantine, Observed: v, Expected: l.Median, Threshold: c.Min,
		Detail: fmt.Sprintf("%g is negative", v),
	}, true
}
