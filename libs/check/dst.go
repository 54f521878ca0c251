package check

import (
	"fmt"
	"math"
	"time"
)

// Daylight names what goes wrong with the hour when clocks are moved, in sources that keep local time: in spring an
// hour is lost, in autumn one is lost, reported twice, or two are summed into one.
type Daylight struct {
	Within time.Duration // distance from the move of the clock; 0 means never
	Slack  float64       // distance of a sum from twice the usual value, as a share
}

// Near reports whether ts lies where the clock is moved, and by how many seconds it is put forward there.
func (c Daylight) Near(clock *Clock, ts time.Time) (forward int64, near bool) {
	if c.Within <= 0 {
		return 0, false
	}
	at, by := clock.Move(ts.Unix())
	off := ts.Unix() - at
	return by, by != 0 && off >= -int64(c.Within/time.Second) && off <= int64(c.Within/time.Second)
}

// Lost judges a gap of missing points before ts.
func (c Daylight) Lost(clock *Clock, ts time.Time, missing int64, step time.Duration) (Finding, bool) {
	lost := time.Duration(missing) * step
	if missing <= 0 || lost > time.Hour {
		return Finding{}, false
	}
	forward, near := c.Near(clock, ts.Add(-step))
	if !near {
		return Finding{}, false
	}
	return Finding{
		Check: DST, Outcome: Flag, Observed: float64(missing), Threshold: c.Within.Seconds(),
		Detail: fmt.Sprintf("%s lost where the clock is moved by %+d s", lost, forward),
	}, true
}

// Twice judges a point that was reported twice with different values.
func (c Daylight) Twice(clock *Clock, ts time.Time, first, second float64) (Finding, bool) {
	forward, near := c.Near(clock, ts)
	if !near || first == second {
		return Finding{}, false
	}
	return Finding{
		Check: DST, Outcome: Flag, Observed: second, Expected: first, Threshold: c.Within.Seconds(),
		Detail: fmt.Sprintf("reported twice where the clock is moved by %+d s", forward),
	}, true
}

// Summed judges a value in autumn against the usual one: two local hours of the same name were added.
func (c Daylight) Summed(clock *Clock, ts time.Time, v, expected float64) (Finding, bool) {
	if expected == 0 || math.Abs(v/expected-2) > c.Slack {
		return Finding{}, false // nearly always, and cheap
	}
	forward, near := c.Near(clock, ts)
	if !near || forward >= 0 {
		return Finding{}, false
	}
	return Finding{
		Check: DST, Outcome: Quarantine, Observed: v, Expected: expected, Threshold: c.Slack,
		Detail: fmt.Sprintf("%g is twice the usual %g, where the clock is put back", v, expected),
	}, true
}
