package check

import (
	"fmt"
	"time"
)

// Ahead quarantines points that lie after the time they became known. Tolerance covers clocks that disagree and
// sources that label an hour by its end while it still runs.
type Ahead struct {
	Tolerance time.Duration
}

// Check compares ts with the time it became known. Numbers of the finding are seconds ahead.
func (c Ahead) Check(ts, knownAt time.Time) (Finding, bool) {
	if !ts.After(knownAt.Add(c.Tolerance)) {
		return Finding{}, false
	}
	ahead := ts.Sub(knownAt)
	return Finding{
		Check: Future, Outcome: Quarantine,
		Observed: ahead.Seconds(), Threshold: c.Tolerance.Seconds(),
		Detail: fmt.Sprintf("%s after it became known, tolerance %s", ahead, c.Tolerance),
	}, true
}
