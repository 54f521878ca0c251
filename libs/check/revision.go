package check

import (
	"fmt"
	"math"
	"time"
)

// Change notes a new value of a known point, and flags large changes.
type Change struct {
	Limit float64 // relative to the old value; larger is flagged
}

// Check compares the known value of a point with the new one.
func (c Change) Check(old, v float64) (Finding, bool) {
	if old == v {
		return Finding{}, false
	}
	size := math.Abs(v-old) / math.Abs(old) // +Inf from an old 0, which is large enough for any limit
	f := Finding{
		Check: Revision, Outcome: Pass, Observed: v, Expected: old, Threshold: c.Limit,
		Detail: fmt.Sprintf("%g -> %g (%+.1f %%)", old, v, 100*(v-old)/math.Abs(old)),
	}
	if size > c.Limit {
		f.Outcome = Flag
	}
	return f, true
}

// Stale flags a value that became known before the value the point has now, as happens when a dead letter is replayed.
// A zero known means that it is not known when the present value came, which is never stale.
func Stale(old, v float64, known, knownAt time.Time) (Finding, bool) {
	if old == v || known.IsZero() || !knownAt.Before(known) {
		return Finding{}, false
	}
	return Finding{
		Check: Outdated, Outcome: Flag, Observed: v, Expected: old,
		Detail: fmt.Sprintf("known since %s, and as %g since %s", knownAt.Format(time.RFC3339), old, known.Format(time.RFC3339)),
	}, true
}
