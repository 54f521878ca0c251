package model

import (
	"fmt"
	"math"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindWeekMean is the kind of WeekMean.
const KindWeekMean Kind = "how_mean"

// WeekMean forecasts the mean of the last weeks at the same hour of the week (slot of the local week, for other steps
// than an hour). It needs little history and forgets an odd day faster than a seasonal naive forecast repeats it, which
// makes it the model of a cold start. Slots never seen get the mean at the same slot of the day, or of all values.
//
// It is its own Fitter and Forecaster: there is nothing to learn.
type WeekMean struct {
	Weeks int `json:"weeks"` // weeks averaged; 0 means 4
}

// weeks returns Weeks with its default.
func (w WeekMean) weeks() int {
	if w.Weeks <= 0 {
		return 4
	}
	return w.Weeks
}

// Kind returns "how_mean".
func (WeekMean) Kind() Kind { return KindWeekMean }

// Params returns the number of weeks as JSON.
func (w WeekMean) Params() string { return params(WeekMean{Weeks: w.weeks()}) }

// Fit checks the grid and that at least one day is observed.
func (w WeekMean) Fit(y series.Series) (Forecaster, error) {
	f := WeekMean{Weeks: w.weeks()}
	if _, err := f.Forecast(y, 0); err != nil {
		return nil, err
	}
	return f, nil
}

// History returns the number of weeks in hours. On finer grids Forecast sees fewer weeks when it is given no more.
func (w WeekMean) History() int { return w.weeks() * 168 }

// Forecast returns the means. It returns ErrTooShort when less than a day is observed.
func (w WeekMean) Forecast(y series.Series, h int) ([]float64, error) {
	perDay, err := slotsPerDay(y.Step)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.Kind(), err)
	}
	v := y.Tail(w.weeks() * 7 * perDay)
	if got := v.Observed(); got < perDay {
		return nil, fmt.Errorf("%s: need %d values, have %d: %w", w.Kind(), perDay, got, ErrTooShort)
	}
	p := newProfile(v, perDay)
	out := make([]float64, max(h, 0))
	for k, s := range slots(v.Time(v.Len()), v.Step, len(out), v.Location()) {
		out[k] = p.at(s)
	}
	return out, nil
}

// profile holds running means by slot of the week, by slot of the day and over all.
type profile struct {
	perDay         int
	week, day, all []mean
}

func newProfile(y series.Series, perDay int) profile {
	return newProfileOf(y.Values, slots(y.Start, y.Step, y.Len(), y.Location()), perDay)
}

// newProfileOf returns the means of the values x in the slots cal.
func newProfileOf(x []float64, cal []slot, perDay int) profile {
	p := profile{perDay: perDay, week: make([]mean, 7*perDay), day: make([]mean, perDay), all: make([]mean, 1)}
	for i, v := range x {
		if s := cal[i]; finite(v) {
			p.week[s.weekday*perDay+s.ofDay].add(v)
			p.day[s.ofDay].add(v)
			p.all[0].add(v)
		}
	}
	return p
}

// at returns the mean of the narrowest group that has values.
func (p profile) at(s slot) float64 {
	for _, m := range []mean{p.week[s.weekday*p.perDay+s.ofDay], p.day[s.ofDay], p.all[0]} {
		if m.n > 0 {
			return m.mean
		}
	}
	return math.NaN()
}

// mean is a running mean that does not overflow.
type mean struct {
	n    int
	mean float64
}

func (m *mean) add(v float64) {
	m.n++
	m.mean += (v - m.mean) / float64(m.n)
}
