// Package series is the vocabulary of Bellwether's data: series, observations and batches of them.
//
// Times are UTC. NaN means a missing value, everywhere. A Series is on a fixed grid with explicit gaps.
package series

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// ErrID is returned for a name that is not "<source>.<key>".
var ErrID = errors.New(`series: name is not "<source>.<key>"`)

// ID names a series: a source and a key within it, written "eia.PJM".
type ID struct {
	Source string
	Key    string
}

// String returns "<source>.<key>".
func (id ID) String() string { return id.Source + "." + id.Key }

// ParseID splits "<source>.<key>" at the first dot. Keys may contain dots.
func ParseID(s string) (ID, error) {
	source, key, ok := strings.Cut(s, ".")
	if !ok || source == "" || key == "" {
		return ID{}, fmt.Errorf("%q: %w", s, ErrID)
	}
	return ID{Source: source, Key: key}, nil
}

// Observation is one value at one grid point. Value is NaN when the source reported the point without a value.
type Observation struct {
	TS    time.Time
	Value float64
}

// Malformed is a row of a source that could not be read as an observation.
type Malformed struct {
	Period  string // as the source wrote it; may be empty
	Payload string // the row as received
	Reason  string // what is wrong, naming the field
}

// Origin says why a batch was fetched.
type Origin int

// Origins of a batch.
const (
	Backfill Origin = iota + 1
	Refresh
	Reminder // nothing was fetched: observations are late, and a forecast is due all the same
)

// SchemaVersion is the version of the batch payload this code writes.
const SchemaVersion = 1

// Batch holds observations of one series that became known together.
type Batch struct {
	Series        ID
	SchemaVersion uint32
	Unit          string
	Zone          string        // IANA time zone in which the series has its seasons
	Step          time.Duration // grid step
	KnownAt       time.Time     // when the values became known; the clock of everything downstream
	RunID         string
	Origin        Origin
	Final         bool // last batch of a backfill
	Obs           []Observation
	Malformed     []Malformed
}

// Report is what became known of a series at one time.
type Report struct {
	KnownAt time.Time
	Newest  time.Time // grid point
	Points  int
}

// Series holds values on a fixed grid: Values[i] belongs to Start + i*Step. NaN is missing.
type Series struct {
	ID     ID
	Unit   string
	Zone   *time.Location // nil means UTC
	Start  time.Time
	Step   time.Duration
	Values []float64
}

// Len returns the number of grid points.
func (s Series) Len() int { return len(s.Values) }

// Time returns the grid point of index i; i may lie beyond the values.
func (s Series) Time(i int) time.Time { return s.Start.Add(time.Duration(i) * s.Step) }

// End returns the grid point of the last value, or Start - Step for an empty series.
func (s Series) End() time.Time { return s.Time(len(s.Values) - 1) }

// Index returns the index of t, which may be negative or beyond the values, and whether t is on the grid.
func (s Series) Index(t time.Time) (int, bool) {
	d := t.Sub(s.Start)
	i := int(math.Floor(float64(d) / float64(s.Step)))
	return i, d == time.Duration(i)*s.Step
}

// Slice returns the part with indices [i, j). It shares the values of s.
func (s Series) Slice(i, j int) Series {
	out := s
	out.Start = s.Time(i)
	out.Values = s.Values[i:j:j]
	return out
}

// Tail returns the last n grid points, or all of s when it is shorter. It shares the values of s.
func (s Series) Tail(n int) Series {
	if n >= len(s.Values) {
		return s
	}
	return s.Slice(len(s.Values)-n, len(s.Values))
}

// Location returns Zone, or UTC when it is nil.
func (s Series) Location() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// Observed returns the number of values that are not NaN.
func (s Series) Observed() int {
	n := 0
	for _, v := range s.Values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// OnGrid reports whether t is a whole number of steps from the Unix epoch.
func OnGrid(t time.Time, step time.Duration) bool {
	return step > 0 && t.UnixNano()%int64(step) == 0
}
