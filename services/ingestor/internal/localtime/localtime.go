// Package localtime reads the times of sources that write them by the clock on the wall.
//
// Inside of Bellwether a period is named by the instant at its end. A source may name it by its start, may write the
// hour before midnight as 24:00, and has one day a year without an hour and one with an hour twice.
//
// The wall clock that decides is the one at the start of the period: the hours of a day with 25 hours are labelled
// 01:00, 02:00, 02:00, 03:00 when labels are endings, and 00:00, 01:00, 01:00, 02:00 when they are beginnings, as system
// operators do. A label that no start of a period can have, because clocks went forward, is read as the wall clock at
// the end of its period.
package localtime

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrClock is wrapped by errors about times that are well written and that the clocks of their zone never showed.
var ErrClock = errors.New("no such time")

// Format says how a source writes times. The zero value reads hour-ending labels in UTC.
type Format struct {
	Zone      *time.Location // of times without an offset; nil means UTC
	Layout    string         // as of package time; empty means the forms of Layouts
	Beginning bool           // labels are the start of the period
	Period    time.Duration  // length of a period; 0 means an hour
	Mark      string         // text that marks one of two hours with the same label; empty means none
	MarkFirst bool           // the mark is on the earlier of the two
}

// Layouts returns the forms that are read when Format names none. The first two say what instant they mean.
func Layouts() []string {
	return []string{
		time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
		"2006-01-02 15:04", "2006-01-02 15",
	}
}

// Reader reads the times of one file or message in order. Without a mark, the first of two times that look the same is
// the earlier one, for each series by itself. It is not safe for concurrent use.
type Reader struct {
	f    Format
	seen map[label]int // how often an ambiguous label came
}

type label struct {
	series string
	wall   time.Time
}

// New returns a reader.
func New(f Format) *Reader {
	if f.Zone == nil {
		f.Zone = time.UTC
	}
	if f.Period == 0 {
		f.Period = time.Hour
	}
	return &Reader{f: f, seen: map[label]int{}}
}

// Time returns the end of the period that text names, in UTC. series tells apart the repeated hours of several series.
func (r *Reader) Time(series, text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	cell, marked := text, false
	if r.f.Mark != "" {
		cell, marked = cut(text, strings.TrimSpace(r.f.Mark))
	}
	wall, absolute, err := r.parse(cell)
	if err != nil {
		return time.Time{}, err
	}
	if absolute {
		if r.f.Beginning {
			wall = wall.Add(r.f.Period)
		}
		return wall.UTC(), nil
	}
	begin := wall
	if !r.f.Beginning {
		begin = wall.Add(-r.f.Period)
	}
	early, late, n := instants(begin, r.f.Zone)
	switch {
	case n == 1 && !marked:
		return early.Add(r.f.Period).UTC(), nil
	case n == 2 && r.second(series, wall, marked):
		return late.Add(r.f.Period).UTC(), nil
	case n == 2:
		return early.Add(r.f.Period).UTC(), nil
	case n == 1:
		return time.Time{}, fmt.Errorf("period: %.60q is marked as repeated, but clocks in %s are not set back then: %w", text, r.f.Zone, ErrClock)
	}
	if end, _, k := instants(wall, r.f.Zone); !r.f.Beginning && k == 1 {
		return end.UTC(), nil
	}
	return time.Time{}, fmt.Errorf("period: %.60q does not exist in %s, clocks go forward: %w", text, r.f.Zone, ErrClock)
}

// second reports whether an ambiguous label means the later of its two instants.
func (r *Reader) second(series string, wall time.Time, marked bool) bool {
	if r.f.Mark != "" && marked {
		return !r.f.MarkFirst
	}
	if r.f.Mark != "" && r.f.MarkFirst {
		return true // the earlier one would have the mark
	}
	// Without a mark, or where the mark is left out although it is due, the order in the file decides.
	at := label{series, wall}
	r.seen[at]++
	return r.seen[at] > 1
}

func cut(text, mark string) (string, bool) {
	if rest, ok := strings.CutSuffix(text, mark); ok {
		return strings.TrimSpace(rest), true
	}
	if rest, ok := strings.CutPrefix(text, mark); ok {
		return strings.TrimSpace(rest), true
	}
	return text, false
}

// parse returns the time on the wall as if it were UTC, or the instant when the text says which.
func (r *Reader) parse(cell string) (t time.Time, absolute bool, err error) {
	layouts := []string{r.f.Layout}
	if r.f.Layout == "" {
		layouts = Layouts()
	}
	midnight := false
	for _, layout := range layouts {
		t, err = time.Parse(layout, cell)
		if err != nil {
			// Hour 24 is the midnight at the end of the day.
			if zero := zeroHour(layout, cell); zero != "" {
				t, err = time.Parse(layout, zero)
				midnight = err == nil
			}
		}
		if err == nil {
			if midnight {
				t = t.AddDate(0, 0, 1)
			}
			return t, strings.Contains(layout, "Z07") || strings.Contains(layout, "-07"), nil
		}
	}
	if r.f.Layout == "" {
		return t, false, fmt.Errorf("period: %.40q, want RFC 3339 or YYYY-MM-DDTHH", cell)
	}
	return t, false, fmt.Errorf("period: %.40q is not written like %s", cell, r.f.Layout)
}

// zeroHour returns cell with 00 in place of the hour 24, or "" when its hour is another.
func zeroHour(layout, cell string) string {
	at := strings.Index(layout, "15")
	if at < 0 || len(cell) < at+2 {
		return ""
	}
	// The fields before the hour may be shorter or longer in cell than in layout, so it is found from the end.
	at = len(cell) - (len(layout) - at)
	if at < 0 || at+2 > len(cell) || cell[at:at+2] != "24" || strings.Trim(cell[at+2:], ":0") != "" {
		return ""
	}
	return cell[:at] + "00" + cell[at+2:]
}

// instants returns the instants at which the clocks of zone show wall: none when they skip it, two when they show it
// twice, the earlier first.
func instants(wall time.Time, zone *time.Location) (early, late time.Time, n int) {
	// Every offset in force within a day of wall is one that may apply.
	for _, around := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(around).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if _, there := t.In(zone).Zone(); there != offset {
			continue
		}
		switch {
		case n == 0:
			early, late, n = t, t, 1
		case t.Before(early):
			early, n = t, 2
		case t.After(early):
			late, n = t, 2
		}
	}
	return early, late, n
}
