package check

import (
	"fmt"
	"math"
)

// TimeShift finds that the values of a series are labelled some hours early or late: a source that mixed up time zones,
// or begin and end of the hour. It compares the changes of each hour with those that are usual at that hour, and with
// those usual some hours earlier and later: a sequential likelihood ratio test (CUSUM, Page 1954) for each lag, of
// changes with a Laplace distribution. On the true hour the better of working day and weekend counts, so that a
// holiday is no shift.
type TimeShift struct {
	Limit float64 // evidence in nats that is enough; 0 means never
}

// Lags are the shifts looked for: 1 to mostLag hours either way.
const (
	mostLag = 12
	numLags = 2 * mostLag
	// One hour's evidence is at most this, and each hour must bring this much to count: no single odd hour decides.
	mostEvidence  = 2.0
	leastEvidence = 0.1
)

// Evidence is the state of the test, for lags -12..-1 and 1..12.
type Evidence [numLags]float32

func lag(i int) int {
	if i < mostLag {
		return i - mostLag
	}
	return i - mostLag + 1
}

// step adds the change into an hour. ready hours only.
func (e *Evidence) step(u *Usual, hour int, change, rest float64) {
	b := u.Deviation(hour) / math.Sqrt2 // scale of a Laplace distribution
	day, other := hour%hoursOfDay, 1-class(hour)
	here := math.Abs(rest)
	if u.Days[other][day] > 0 {
		here = min(here, math.Abs(change-float64(u.Fast[other][day])))
	}
	for i := range e {
		h := hour - lag(i)
		switch {
		case h < 0:
			h += hoursOfWeek
		case h >= hoursOfWeek:
			h -= hoursOfWeek
		}
		gained := (here - math.Abs(change-u.Change(h))) / b
		gained = min(max(gained, -mostEvidence), mostEvidence) - leastEvidence
		e[i] = max(e[i]+float32(gained), 0)
	}
}

// best returns the lag with the most evidence.
func (e *Evidence) best() (hours int, nats float64) {
	at := 0
	for i := range e {
		if e[i] > e[at] {
			at = i
		}
	}
	return lag(at), float64(e[at])
}

// Check judges the evidence gathered so far.
func (c TimeShift) Check(e *Evidence) (Finding, bool) {
	if c.Limit <= 0 {
		return Finding{}, false
	}
	hours, nats := e.best()
	if nats < c.Limit {
		return Finding{}, false
	}
	return Finding{
		Check: Shifted, Outcome: Flag, Observed: float64(hours), Threshold: c.Limit,
		Detail: fmt.Sprintf("the profile of the day comes %+d h off its time, evidence %.0f nats", hours, nats),
	}, true
}
