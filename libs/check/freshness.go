package check

import (
	"fmt"
	"time"
)

// Age flags a refresh whose newest point is older than usual.
type Age struct {
	Factor float64       // times the usual age; 0 means never
	Slack  time.Duration // beyond the usual age that is never flagged
	Need   int32         // batches seen
}

// Ages is the usual age of the newest point when it becomes known.
type Ages struct {
	Mean float64 // seconds
	Seen int32
}

// Check judges the age of the newest point of a batch and learns from it. Numbers of the finding are seconds.
func (c Age) Check(a *Ages, age time.Duration) (Finding, bool) {
	v := age.Seconds()
	old := c.Factor > 0 && a.Seen >= c.Need && v > c.Factor*a.Mean && v > a.Mean+c.Slack.Seconds()
	f := Finding{Check: Freshness, Outcome: Flag, Observed: v, Expected: a.Mean, Threshold: max(c.Factor*a.Mean, a.Mean+c.Slack.Seconds())}
	if old {
		f.Detail = fmt.Sprintf("newest point is %s old, usually %.0f s", age, a.Mean)
		v = f.Threshold
	}
	a.Mean += max(0.05, 1/float64(a.Seen+1)) * (v - a.Mean)
	a.Seen++
	return f, old
}
