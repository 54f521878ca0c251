package model

import (
	"fmt"
	"math"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindTheta is the kind of Theta.
const KindTheta Kind = "theta"

// thetaMin is the number of values Theta needs.
const thetaMin = 4

// Theta is the dynamic optimised theta model, DOTM (Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler, International
// Journal of Forecasting 32(4), 2016; the method is that of Assimakopoulos & Nikolopoulos, International Journal of
// Forecasting 16, 2000) after the seasonal adjustment of Naive2. It is for series of few seasons: on hourly data, which
// has two, other candidates do better.
//
// Initial level, smoothing and theta minimise the squared one-step errors but the first three. Missing values are
// bridged by straight lines, those before the first are cut. The forecast goes no further beyond the values of the
// history than by their range, and not below 0 when none of them is.
//
// It is its own Fitter and Forecaster: everything is estimated from the history given to Forecast.
type Theta struct {
	Period int `json:"period"` // season in steps; 0 means 24, 1 none
}

func (t Theta) period() int {
	if t.Period <= 0 {
		return 24
	}
	return t.Period
}

// Kind returns "theta".
func (Theta) Kind() Kind { return KindTheta }

// Params returns the period as JSON.
func (t Theta) Params() string { return params(Theta{Period: t.period()}) }

// Fit checks that y has values enough.
func (t Theta) Fit(y series.Series) (Forecaster, error) {
	f := Theta{Period: t.period()}
	if _, err := f.history(y); err != nil {
		return nil, err
	}
	return f, nil
}

// History returns eight weeks of hours or 20 seasons, whichever is more.
func (t Theta) History() int { return max(20*t.period(), 8*168) }

func (t Theta) history(y series.Series) (span, error) {
	s := newSpan(y.Tail(t.History()).Values)
	if len(s.values) < thetaMin {
		return span{}, fmt.Errorf("%s: need %d values, have %d: %w", t.Kind(), thetaMin, len(s.values), ErrTooShort)
	}
	return s, nil
}

// Forecast estimates the model on y and runs it forward.
func (t Theta) Forecast(y series.Series, h int) ([]float64, error) {
	s, err := t.history(y)
	if err != nil {
		return nil, err
	}
	a := adjust(s.values, t.period())
	unit := s.unit()
	v := make([]float64, len(a.values))
	for i, x := range a.values {
		v[i] = x / unit
	}
	cost := func(u []float64) float64 { return newThetaState(u).run(v) }
	start := []float64{v[0] / 2, 0, 0} // level, smoothing 0.5, theta 2
	p := search(3, start, 400, cost)
	state := newThetaState(p)
	state.run(v)
	out := make([]float64, max(h, 0))
	for k := range out {
		next := state.next()
		state.step(next)
		out[k] = s.clamp(next * unit * a.factor(len(v)+k))
	}
	return out, nil
}

// thetaState is the state of the dynamic model: equations 18 to 24 of Fiorucci et al.
type thetaState struct {
	alpha, theta           float64
	n                      int
	level, average, trendA float64
	trendB, decay          float64 // decay is (1-alpha)^n
}

// newThetaState maps an unbounded point to a state before the first value: smoothing within (0.1, 0.99), theta above 1.
func newThetaState(u []float64) *thetaState {
	return &thetaState{alpha: 0.1 + 0.89*logistic(u[1]), theta: 1 + math.Exp(min(u[2], 50)), level: u[0], decay: 1}
}

// next returns the forecast of the next value.
func (s *thetaState) next() float64 {
	if s.n == 0 {
		return s.level
	}
	return s.level + (1-1/s.theta)*(s.decay*s.trendA+(1-s.decay*(1-s.alpha))/s.alpha*s.trendB)
}

// step takes in the next value.
func (s *thetaState) step(y float64) {
	n := float64(s.n)
	average := (n*s.average + y) / (n + 1)
	if s.n == 0 {
		s.trendA, s.trendB = y, 0
	} else {
		s.trendB = ((n-1)*s.trendB + 6*(y-s.average)/(n+1)) / (n + 2)
		s.trendA = average - s.trendB*(n+2)/2
	}
	s.level = s.alpha*y + (1-s.alpha)*s.level
	s.average = average
	s.decay *= 1 - s.alpha
	s.n++
}

// run takes in all values and returns the sum of the squared errors but the first three.
func (s *thetaState) run(v []float64) float64 {
	sum := 0.0
	for i, y := range v {
		if e := y - s.next(); i >= 3 {
			sum += e * e
		}
		s.step(y)
	}
	return sum
}
