package check

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Grid quarantines points that are not a whole number of steps from the Unix epoch, and points before the epoch,
// which the record cannot hold. Numbers of the finding are seconds from the grid point below.
func Grid(ts time.Time, step time.Duration) (Finding, bool) {
	if ts.Unix() < 0 {
		return Finding{Check: OffGrid, Outcome: Quarantine, Observed: float64(ts.Unix()), Detail: "before 1970"}, true
	}
	if series.OnGrid(ts, step) {
		return Finding{}, false
	}
	off := time.Duration(ts.UnixNano() % int64(step))
	return Finding{
		Check: OffGrid, Outcome: Quarantine, Observed: off.Seconds(), Threshold: step.Seconds(),
		Detail: fmt.Sprintf("%s past a grid point of step %s", off, step),
	}, true
}
