package check

import (
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Swap finds that the values of a series are those of another where no re-reported point proves it: for a day they lie
// far from the usual values of their own hours of the week, and near those of the other series.
type Swap struct {
	Far  float64 // deviations from the own profile, for half of the points; 0 means never
	Near float64 // deviations from the other profile, for nine of ten points
	Need int     // points of the last 24
}

// Suspect reports whether the last day of m is far from its habits. It costs as much as a handful of values.
func (c Swap) Suspect(m *Memory) (far int, suspect bool) {
	if c.Far <= 0 {
		return 0, false
	}
	for _, s := range m.Recent {
		if s.At == 0 || s.At <= m.newest()-hoursOfDay*m.step {
			continue
		}
		if h := m.clock.Hour(s.At); m.Usual.Known(h) && m.Usual.Distance(h, s.Value) > c.Far {
			far++
		}
	}
	return far, far >= c.Need
}

// Check judges whether the last day of m fits other.
func (c Swap) Check(m *Memory, id series.ID, other *Memory) (Finding, bool) {
	n, near := 0, 0
	for _, s := range m.Recent {
		if s.At == 0 || s.At <= m.newest()-hoursOfDay*m.step {
			continue
		}
		h := m.clock.Hour(s.At)
		if !m.Usual.Known(h) || m.Usual.Distance(h, s.Value) <= c.Far {
			continue
		}
		n++
		if o := other.clock.Hour(s.At); other.Usual.Known(o) && other.Usual.Distance(o, s.Value) <= c.Near {
			near++
		}
	}
	if n < c.Need || float64(near) < 0.9*float64(n) {
		return Finding{}, false
	}
	return Finding{
		Check: Swapped, Outcome: Quarantine, Observed: float64(near), Expected: 0, Threshold: float64(c.Need),
		Detail: fmt.Sprintf("%d of the last points are far from what is usual, and %d of them what is usual of %s", n, near, id),
	}, true
}

// newest is the time of the newest point reported, in Unix seconds.
func (m *Memory) newest() int64 {
	at := int64(0)
	for _, s := range m.Recent {
		at = max(at, s.At)
	}
	return at
}
