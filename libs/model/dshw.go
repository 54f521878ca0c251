package model

import (
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindDSHW is the kind of DSHW.
const KindDSHW Kind = "dshw"

// Limits of DSHW, in days.
const (
	dshwWindow  = 84 // history the smoothing parameters are estimated on
	dshwWarm    = 28 // first part of it that sets the seasons and counts for no error
	dshwHistory = 42 // history a forecast looks at
	dshwMin     = 21
)

// DSHW is double-seasonal exponential smoothing (Taylor, Journal of the Operational Research Society 54, 2003) with
// additive seasons of the day and the week on the logarithm of the series, and a first-order autoregression of its
// errors. Seasons are those of the local clock: on a day with a clock change an hour is left out or comes twice.
//
// The four parameters minimise the absolute one-step errors of the last 12 weeks, the first four of which set the
// seasons. Errors enter the state cut at six times their typical size, so that one wrong value does little harm, and a
// missing value leaves the state as it is. The forecast is kept within the range of the scale, see ARRidge.
//
// The Forecaster carries the state and is an Updater: a new observation costs constant time.
type DSHW struct {
	Window int `json:"window_days"` // days of history the fit looks at; 0 means 84
}

// Kind returns "dshw".
func (DSHW) Kind() Kind { return KindDSHW }

func (d DSHW) withDefaults() DSHW {
	if d.Window <= 0 {
		d.Window = dshwWindow
	}
	return d
}

// Params returns the settings as JSON, defaults filled in.
func (d DSHW) Params() string { return params(d.withDefaults()) }

// Fit estimates the parameters and runs the state to the end of y. It needs three weeks, half of them observed.
func (d DSHW) Fit(y series.Series) (Forecaster, error) {
	d = d.withDefaults()
	y, sc, x, perDay, err := weeksOf(d.Kind(), y, d.Window, dshwMin)
	if err != nil {
		return nil, err
	}
	cal := slots(y.Start, y.Step, y.Len(), y.Location())
	warm := min(dshwWarm*perDay, len(x)/2)
	first, at := newDoubleState(x[:warm], cal[:warm], perDay), places(cal, perDay)
	limit := impossible * typicalChange(x)
	if limit == 0 {
		limit = math.MaxFloat64 // more than half of the values repeat the one before
	}
	p := search(4, []float64{-3, -2, -2, 1.5}, 120, func(u []float64) float64 {
		s := first.clone()
		return s.run(newSmoothing(u, limit), x, at, warm)
	})
	m := &doubleSmoother{Step: y.Step, Scale: sc, Smoothing: newSmoothing(p, limit), State: first}
	m.State.run(m.Smoothing, x, at, warm)
	m.At = y.End().UTC()
	return m, nil
}

// newSmoothing maps an unbounded point to parameters: smoothing within (0, 1), the autoregression within (0, 0.99).
func newSmoothing(u []float64, limit float64) smoothing {
	return smoothing{Level: logistic(u[0]), Day: logistic(u[1]), Week: logistic(u[2]), Error: 0.99 * logistic(u[3]), Limit: limit}
}

// smoothing holds the parameters of double-seasonal smoothing.
type smoothing struct {
	Level float64 `json:"level"`
	Day   float64 `json:"day"`
	Week  float64 `json:"week"`
	Error float64 `json:"error"` // autoregression of the errors
	Limit float64 `json:"limit"` // what of an error is beyond it is cut off
}

// doubleState is the state of double-seasonal smoothing.
type doubleState struct {
	Level float64   `json:"level"`
	Day   []float64 `json:"day"`  // by slot of the day
	Week  []float64 `json:"week"` // by slot of the week
	Last  float64   `json:"last"` // last error before the autoregression
}

// newDoubleState sets level and seasons from means of x.
func newDoubleState(x []float64, cal []slot, perDay int) doubleState {
	p := newProfileOf(x, cal, perDay)
	s := doubleState{Level: p.all[0].mean, Day: make([]float64, perDay), Week: make([]float64, 7*perDay)}
	for i := range s.Day {
		if p.day[i].n > 0 {
			s.Day[i] = p.day[i].mean - s.Level
		}
	}
	for i := range s.Week {
		if p.week[i].n > 0 {
			s.Week[i] = p.week[i].mean - s.Level - s.Day[i%perDay]
		}
	}
	return s
}

func (s *doubleState) clone() doubleState {
	c := *s
	c.Day, c.Week = append([]float64(nil), s.Day...), append([]float64(nil), s.Week...)
	return c
}

// step takes in one value and returns its error.
func (s *doubleState) step(p smoothing, v float64, at place) float64 {
	day, week := &s.Day[at.day], &s.Week[at.week]
	e := v - (s.Level + *day + *week)
	err := e - p.Error*s.Last
	if limit := p.Limit; err > limit {
		e, err = e-err+limit, limit
	} else if err < -limit {
		e, err = e-err-limit, -limit
	}
	s.Level += p.Level * e
	*day += p.Day * e
	*week += p.Week * e
	s.Last = e
	return err
}

// run takes in all values and returns the sum of the absolute errors from the index warm on.
func (s *doubleState) run(p smoothing, x []float64, at []place, warm int) float64 {
	sum := 0.0
	for i, v := range x {
		if v != v {
			s.Last *= p.Error
		} else if e := s.step(p, v, at[i]); i >= warm {
			sum += math.Abs(e)
		}
	}
	return sum
}

// place is where a grid point stands in the two seasons.
type place struct{ day, week int32 }

func places(cal []slot, perDay int) []place {
	out := make([]place, len(cal))
	for i, c := range cal {
		out[i] = place{day: int32(c.ofDay), week: int32(c.weekday*perDay + c.ofDay)}
	}
	return out
}

// typicalChange returns the median absolute change from one value to the next as a standard deviation.
func typicalChange(x []float64) float64 {
	var d []float64
	for i := 1; i < len(x); i++ {
		if v := x[i] - x[i-1]; !math.IsNaN(v) {
			d = append(d, math.Abs(v))
		}
	}
	return madToSigma * median(d)
}

// doubleSmoother is a fitted DSHW.
type doubleSmoother struct {
	Step      time.Duration `json:"step"`
	Scale     scale         `json:"scale"`
	Smoothing smoothing     `json:"smoothing"`
	State     doubleState   `json:"state"`
	At        time.Time     `json:"at"` // grid point of the newest value in State
}

// Kind returns "dshw".
func (*doubleSmoother) Kind() Kind { return KindDSHW }

// History returns six weeks.
func (m *doubleSmoother) History() int { return dshwHistory * len(m.State.Day) }

// Forecast continues the state with the values of y that are newer than it. When y does not reach the state or ends
// before it, seasons start anew from y, which takes three weeks (ErrTooShort otherwise).
func (m *doubleSmoother) Forecast(y series.Series, h int) ([]float64, error) {
	now, err := m.caughtUp(y)
	if err != nil {
		return nil, err
	}
	s, out := now.State, make([]float64, max(h, 0))
	carried := s.Last
	for k, at := range places(slots(y.Time(y.Len()), m.Step, len(out), y.Location()), len(s.Day)) {
		carried *= m.Smoothing.Error
		out[k] = m.Scale.from(m.Scale.clamp(s.Level + s.Day[at.day] + s.Week[at.week] + carried))
	}
	return out, nil
}

// Update returns the model with the values of y that are newer than its state. It takes time in proportion to their
// number.
func (m *doubleSmoother) Update(y series.Series) (Forecaster, error) { return m.caughtUp(y) }

func (m *doubleSmoother) caughtUp(y series.Series) (*doubleSmoother, error) {
	if y.Step != m.Step {
		return nil, fmt.Errorf("%s: fitted on steps of %v, not %v: %w", m.Kind(), m.Step, y.Step, ErrGrid)
	}
	perDay := len(m.State.Day)
	out := *m
	from, onGrid := y.Index(m.At.Add(m.Step))
	if onGrid && from == y.Len() {
		return m, nil // nothing is newer
	}
	continues := onGrid && from >= 0 && from < y.Len()
	if continues {
		y, out.State = y.Slice(from, y.Len()), m.State.clone()
	} else {
		y = y.Tail(m.History())
	}
	x := make([]float64, y.Len())
	for i, v := range y.Values {
		x[i] = m.Scale.inRange(m.Scale.to(v))
	}
	cal := slots(y.Start, y.Step, y.Len(), y.Location())
	if got := observed(x); !continues && (y.Len() < dshwMin*perDay || 2*got < y.Len()) {
		return nil, fmt.Errorf("%s: state ends %s, %d values from %s on do not join it: %w", m.Kind(), m.At.Format(time.RFC3339), got, y.Start.Format(time.RFC3339), ErrTooShort)
	}
	if !continues {
		out.State = newDoubleState(x[:dshwMin*perDay], cal, perDay)
	}
	out.State.run(m.Smoothing, x, places(cal, perDay), len(x))
	out.At = y.End().UTC()
	return &out, nil
}
