package check

import (
	"fmt"
	"math"
)

// Amount flags a refresh with far fewer or more points than its series usually has at that hour of the week.
type Amount struct {
	Factor float64 // more than this many times the usual number, or less than its inverse; 0 means never
	Slack  float64 // points more or less that are never flagged
	Need   uint8   // batches seen at that hour of the week
}

// Amounts are the usual numbers of points, by local hour of the week.
type Amounts struct {
	Mean [hoursOfWeek]float32
	Seen [hoursOfWeek]uint8
}

// Check judges a batch of n points and learns from it.
func (c Amount) Check(a *Amounts, hour, n int) (Finding, bool) {
	usual, seen := float64(a.Mean[hour]), a.Seen[hour]
	v := float64(n)
	odd := c.Factor > 0 && seen >= c.Need && math.Abs(v-usual) > c.Slack && (v > c.Factor*usual || v < usual/c.Factor)
	if odd {
		v = min(max(v, usual/c.Factor), usual*c.Factor)
	}
	a.Mean[hour] += float32(gain(seen, rateLevel) * (v - usual))
	a.Seen[hour] = more(seen)
	if !odd {
		return Finding{}, false
	}
	return Finding{
		Check: Volume, Outcome: Flag, Observed: float64(n), Expected: usual, Threshold: c.Factor,
		Detail: fmt.Sprintf("%d points, usually %.1f at this hour of the week", n, usual),
	}, true
}
