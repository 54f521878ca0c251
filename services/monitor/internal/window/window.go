// Package window says whether a time lies in one of the hours that somebody named: working hours, nights, a maintenance
// every first Sunday.
package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Resolution is how exact windows are: their edges lie on whole minutes.
const Resolution = time.Minute

// Window is a set of times that come again and again. Each field that is given must hold; an empty Window is always.
type Window struct {
	Times    []string `yaml:"times,omitempty" json:"times,omitempty" jsonschema:"pattern=^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$" doc:"Hours of the day as 22:00-06:00: from the first minute on, up to but without the last; past midnight if the second is earlier."`
	Weekdays []string `yaml:"weekdays,omitempty" json:"weekdays,omitempty" doc:"Days of the week as monday or monday-friday."`
	Days     []int    `yaml:"days,omitempty" json:"days,omitempty" doc:"Days of the month, 1 to 31; -1 is the last."`
	Months   []int    `yaml:"months,omitempty" json:"months,omitempty" doc:"Months, 1 to 12."`
	Zone     string   `yaml:"zone,omitempty" json:"zone,omitempty" doc:"IANA time zone in which all of it is meant; UTC by default."`
}

// span is minutes of a day, from (included) to (excluded).
type span struct{ from, to int }

// Compiled is a Window that can be asked.
type Compiled struct {
	w     Window
	spans []span
	days  [7]bool // by time.Weekday; all false means any
	zone  *time.Location
}

var errWindow = errors.New("window")

// Compile checks w and reports every field that is wrong.
func Compile(w Window) (*Compiled, error) {
	c := &Compiled{w: w, zone: time.UTC}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+"%w", append(args, errWindow)...))
	}
	for _, s := range w.Times {
		x, ok := parseSpan(s)
		if !ok {
			bad("times: %q is not like 22:00-06:00: ", s)
		}
		c.spans = append(c.spans, x)
	}
	for _, s := range w.Weekdays {
		if !c.weekdays(s) {
			bad("weekdays: %q is not like monday or monday-friday: ", s)
		}
	}
	for _, d := range w.Days {
		if d < -31 || d > 31 || d == 0 {
			bad("days: %d is not 1 to 31 or -1 to -31: ", d)
		}
	}
	for _, m := range w.Months {
		if m < 1 || m > 12 {
			bad("months: %d is not 1 to 12: ", m)
		}
	}
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		bad("zone: %q is no IANA time zone: ", w.Zone)
	} else {
		c.zone = zone
	}
	return c, errors.Join(errs...)
}

// Contains says whether t is in the window. The hours after midnight of a span such as 22:00-06:00 belong to the day on
// which it began.
func (c *Compiled) Contains(t time.Time) bool {
	t = t.In(c.zone)
	if len(c.spans) == 0 {
		return c.day(t)
	}
	minute := t.Hour()*60 + t.Minute()
	for _, s := range c.spans {
		switch {
		case s.from < s.to:
			if minute >= s.from && minute < s.to && c.day(t) {
				return true
			}
		case minute >= s.from && c.day(t), minute < s.to && c.day(t.AddDate(0, 0, -1)):
			return true
		}
	}
	return false
}

func (c *Compiled) day(t time.Time) bool {
	if c.days != [7]bool{} && !c.days[t.Weekday()] {
		return false
	}
	if len(c.w.Months) > 0 && !slices.Contains(c.w.Months, int(t.Month())) {
		return false
	}
	if len(c.w.Days) == 0 {
		return true
	}
	last := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, c.zone).Day()
	return slices.Contains(c.w.Days, t.Day()) || slices.Contains(c.w.Days, t.Day()-last-1)
}

func parseSpan(s string) (span, bool) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		return span{}, false
	}
	from, ok1 := parseMinute(a)
	to, ok2 := parseMinute(b)
	return span{from, to}, ok1 && ok2 && from != to && from < 24*60
}

func parseMinute(s string) (int, bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

func (c *Compiled) weekdays(s string) bool {
	first, last, isRange := strings.Cut(s, "-")
	from, ok := weekday(first)
	to := from
	if isRange {
		var ok2 bool
		to, ok2 = weekday(last)
		ok = ok && ok2
	}
	if !ok {
		return false
	}
	for d := from; ; d = (d + 1) % 7 {
		c.days[d] = true
		if d == to {
			return true
		}
	}
}

func weekday(s string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(strings.TrimSpace(s), d.String()) {
			return d, true
		}
	}
	return 0, false
}
