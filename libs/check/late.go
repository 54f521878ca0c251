package check

import (
	"fmt"
	"time"
)

// Delay flags points that became known long after their time. It is for refreshes: a backfill is late by nature.
type Delay struct {
	Limit time.Duration // 0 means none
}

// Check compares ts with the time it became known. Numbers of the finding are seconds.
func (c Delay) Check(ts, knownAt time.Time) (Finding, bool) {
	age := knownAt.Sub(ts)
	if c.Limit <= 0 || age <= c.Limit {
		return Finding{}, false
	}
	return Finding{
		Check: Late, Outcome: Flag, Observed: age.Seconds(), Threshold: c.Limit.Seconds(),
		Detail: fmt.Sprintf("became known %s after its time, limit %s", age, c.Limit),
	}, true
}
