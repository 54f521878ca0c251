package model

import (
	"math"
	"time"
)

const (
	daySeconds = 86400
	yearDays   = 365.2425
)

// slot places one grid point in the local calendar of its series.
type slot struct {
	ofDay    int     // 0 at local midnight, counted in steps
	weekday  int     // 0 is Sunday
	holiday  bool    // a day on which people live as on a Sunday
	sin, cos float64 // of the day's place in the year
}

// slots returns the local calendar of the n grid points from start on.
//
// A day with a clock change has 23 or 25 hours: an hour of the day is left out or comes twice, as people live it. The
// zone is asked for its offset once for each period between clock changes, not once for each point.
func slots(start time.Time, step time.Duration, n int, loc *time.Location) []slot {
	out := make([]slot, n)
	var (
		offset  int64
		until   time.Time // end of the period in which offset holds; zero means for ever
		known   bool
		day     = int64(math.MinInt64)
		holiday bool
		sin     float64
		cos     float64
		isUS    = usZone(loc)
	)
	perSlot := int64(step / time.Second)
	for i := range out {
		t := start.Add(time.Duration(i) * step)
		if !known || (!until.IsZero() && !t.Before(until)) {
			local := t.In(loc)
			_, seconds := local.Zone()
			_, until = local.ZoneBounds()
			offset, known = int64(seconds), true
		}
		local := t.Unix() + offset
		d := floorDiv(local, daySeconds)
		if d != day {
			day = d
			sin, cos = math.Sincos(yearAngle(d))
			holiday = isUS && usHoliday(day)
		}
		out[i] = slot{
			ofDay:   int((local - d*daySeconds) / perSlot),
			weekday: int(((d+4)%7 + 7) % 7), // 1970-01-01 was a Thursday
			holiday: holiday,
			sin:     sin,
			cos:     cos,
		}
	}
	return out
}

// yearAngle returns the angle of a day, counted from 1970-01-01, in a year of 365.2425 days.
func yearAngle(day int64) float64 {
	_, frac := math.Modf(float64(day) / yearDays)
	return 2 * math.Pi * frac
}

// floorDiv returns a/b rounded down, for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
