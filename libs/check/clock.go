package check

import (
	"math"
	"time"
)

const (
	hoursOfDay  = 24
	hoursOfWeek = 7 * hoursOfDay
)

// Clock tells the local hour of the week. People, and with them demand, follow the clock on the wall, also on the days
// when it is moved. It remembers the stretch between two moves, so that most answers cost an addition.
type Clock struct {
	zone        *time.Location
	offset      int64 // seconds east of UTC between from and until
	from, until int64 // Unix seconds; no move of the clock within [from, until)
}

// NewClock returns the clock of a zone; nil means UTC.
func NewClock(zone *time.Location) Clock {
	if zone == nil {
		zone = time.UTC
	}
	return Clock{zone: zone}
}

// Hour returns the local hour of the week at a Unix time: 0 is the first hour of Monday, 167 the last of Sunday.
func (c *Clock) Hour(unix int64) int {
	c.look(unix)
	const monday = 4 * hoursOfDay // 1970-01-05, the first Monday after the epoch, is hour 96
	h := (floorDiv(unix+c.offset, 3600) - monday) % hoursOfWeek
	if h < 0 {
		h += hoursOfWeek
	}
	return int(h)
}

// Move returns the move of the clock nearest to a Unix time: when it is, and by how many seconds the clock is put
// forward, which is negative in autumn. A zone that never moves returns by = 0.
func (c *Clock) Move(unix int64) (at, by int64) {
	c.look(unix)
	at = c.from
	if c.until != math.MaxInt64 && (c.from == math.MinInt64 || c.until-unix < unix-c.from) {
		at = c.until
	}
	if at == math.MinInt64 {
		return 0, 0
	}
	return at, c.east(at) - c.east(at-1)
}

func (c *Clock) east(unix int64) int64 {
	_, offset := time.Unix(unix, 0).In(c.zone).Zone()
	return int64(offset)
}

func (c *Clock) look(unix int64) {
	if c.zone == nil {
		c.zone = time.UTC
	}
	if unix >= c.from && unix < c.until {
		return
	}
	t := time.Unix(unix, 0).In(c.zone)
	_, offset := t.Zone()
	begin, end := t.ZoneBounds()
	c.offset, c.from, c.until = int64(offset), math.MinInt64, math.MaxInt64
	if !begin.IsZero() {
		c.from = begin.Unix()
	}
	if !end.IsZero() {
		c.until = end.Unix()
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
