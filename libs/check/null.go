package check

import "math"

// Missing flags a point that the source reported without a value. Such a report says nothing about the point: it
// neither becomes an observation nor replaces one.
func Missing(v float64) (Finding, bool) {
	if !math.IsNaN(v) {
		return Finding{}, false
	}
	return Finding{Check: Null, Outcome: Flag, Observed: v, Detail: "reported without a value"}, true
}
