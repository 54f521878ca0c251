package check

import "fmt"

// Hole flags a point that does not follow the accepted value before it. missing is the number of grid points between.
func Hole(missing int64) (Finding, bool) {
	if missing <= 0 {
		return Finding{}, false
	}
	return Finding{
		Check: Gap, Outcome: Flag, Observed: float64(missing),
		Detail: fmt.Sprintf("%d grid points before it have no value", missing),
	}, true
}
