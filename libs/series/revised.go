package series

import (
	"math"
	"time"
)

// Revision is one value of a grid point and when it became known.
type Revision struct {
	TS      time.Time
	KnownAt time.Time
	Value   float64
}

// Revised is a history with everything that became known about it: the data of honest backtests.
type Revised struct {
	ID   ID
	Unit string
	Zone *time.Location // nil means UTC
	Step time.Duration
	Revs []Revision // ordered by TS, then KnownAt
}

// AsOf returns the grid points up to asOf with the values known at that time: of each point the newest revision with
// KnownAt <= asOf. A point whose earliest revision came later was backfilled; it counts as known from the start, with
// that earliest value, since the source had published it. Gaps are NaN; the series ends at the newest point.
func (r Revised) AsOf(asOf time.Time) Series {
	out := Series{ID: r.ID, Unit: r.Unit, Zone: r.Zone, Step: r.Step}
	if len(r.Revs) == 0 || r.Step <= 0 {
		return out
	}
	out.Start = r.Revs[0].TS
	var current time.Time
	for _, v := range r.Revs {
		if v.TS.After(asOf) {
			break
		}
		i, onGrid := out.Index(v.TS)
		if !onGrid {
			continue
		}
		for len(out.Values) <= i {
			out.Values = append(out.Values, math.NaN())
		}
		// The first revision of a point is taken in any case, a later one only if it was known.
		if first := !v.TS.Equal(current); first || !v.KnownAt.After(asOf) {
			out.Values[i] = v.Value
		}
		current = v.TS
	}
	return out
}
