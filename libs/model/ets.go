package model

import (
	"fmt"
	"math"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindETS is the kind of ETS.
const KindETS Kind = "ets"

// etsMin is the number of values ETS needs.
const etsMin = 4

// ETS is exponential smoothing with additive errors, without trend or with a damped one, whichever has the smaller
// AICc (Hyndman, Koehler, Snyder & Grose, International Journal of Forecasting 18(3), 2002: models ANN and AAdN), after
// the seasonal adjustment of Naive2. A trend that is not damped is left out: it is what fails worst.
//
// Smoothing parameters and initial states minimise the squared one-step errors. Missing values are bridged by straight
// lines, those before the first are cut. The forecast goes no further beyond the values of the history than by their
// range, and not below 0 when none of them is.
//
// It is its own Fitter and Forecaster: everything is estimated from the history given to Forecast.
type ETS struct {
	Period int `json:"period"` // season in steps; 0 means 24, 1 none
}

func (e ETS) period() int {
	if e.Period <= 0 {
		return 24
	}
	return e.Period
}

// Kind returns "ets".
func (ETS) Kind() Kind { return KindETS }

// Params returns the period as JSON.
func (e ETS) Params() string { return params(ETS{Period: e.period()}) }

// Fit checks that y has values enough.
func (e ETS) Fit(y series.Series) (Forecaster, error) {
	f := ETS{Period: e.period()}
	if _, err := f.history(y); err != nil {
		return nil, err
	}
	return f, nil
}

// History returns eight weeks of hours or 20 seasons, whichever is more.
func (e ETS) History() int { return max(20*e.period(), 8*168) }

func (e ETS) history(y series.Series) (span, error) {
	s := newSpan(y.Tail(e.History()).Values)
	if len(s.values) < etsMin {
		return span{}, fmt.Errorf("%s: need %d values, have %d: %w", e.Kind(), etsMin, len(s.values), ErrTooShort)
	}
	return s, nil
}

// Forecast estimates the model on y and runs it forward.
func (e ETS) Forecast(y series.Series, h int) ([]float64, error) {
	s, err := e.history(y)
	if err != nil {
		return nil, err
	}
	a := adjust(s.values, e.period())
	t := smoothTrend(a.values, s.unit())
	out := make([]float64, max(h, 0))
	damped := 0.0
	for k := range out {
		damped = t.damping * (1 + damped)
		out[k] = s.clamp((t.level + damped*t.slope) * a.factor(len(a.values)+k))
	}
	return out, nil
}

// trend is a level and a damped slope, in the unit of the series.
type trend struct {
	level, slope, damping float64
}

// smoothTrend fits ANN and AAdN to v and returns the state of the better at its end.
func smoothTrend(v []float64, unit float64) trend {
	x := make([]float64, len(v))
	for i, y := range v {
		x[i] = y / unit
	}
	level, slope := firstTrend(x)
	flat := search(2, []float64{0, level}, 150, func(u []float64) float64 {
		return newTrendState(u[0], math.Inf(-1), 0, u[1], 0).run(x)
	})
	best := newTrendState(flat[0], math.Inf(-1), 0, flat[1], 0)
	least := aicc(best.run(x), len(x), 3)
	if len(x) > 7 {
		p := search(5, []float64{0, -2, 1, level, slope}, 500, func(u []float64) float64 {
			return newTrendState(u[0], u[1], u[2], u[3], u[4]).run(x)
		})
		s := newTrendState(p[0], p[1], p[2], p[3], p[4])
		if c := aicc(s.run(x), len(x), 6); c < least {
			best = s
		}
	}
	return trend{level: best.level * unit, slope: best.slope * unit, damping: best.phi}
}

// firstTrend returns intercept and slope of the first ten values.
func firstTrend(x []float64) (level, slope float64) {
	x = x[:min(10, len(x))]
	centre, sxy, sxx := float64(len(x)-1)/2, 0.0, 0.0
	var m mean
	for i, v := range x {
		m.add(v)
		d := float64(i) - centre
		sxy += d * v
		sxx += d * d
	}
	slope = sxy / sxx
	return m.mean - slope*(centre+1), slope
}

// aicc is Akaike's criterion, corrected for small samples, of k parameters with Gaussian errors.
func aicc(sse float64, n, k int) float64 {
	if n-k-1 <= 0 {
		return math.Inf(1)
	}
	return float64(n)*math.Log(sse+1e-300) + 2*float64(k) + 2*float64(k)*float64(k+1)/float64(n-k-1)
}

// trendState is the state of AAdN in error-correction form.
type trendState struct {
	alpha, beta, phi, level, slope float64
}

// newTrendState maps unbounded parameters: alpha within (0, 1), beta within (0, alpha), damping within (0.8, 0.98).
func newTrendState(a, b, p, level, slope float64) *trendState {
	alpha := 0.0001 + 0.9998*logistic(a)
	return &trendState{alpha: alpha, beta: alpha * logistic(b), phi: 0.8 + 0.18*logistic(p), level: level, slope: slope}
}

// run takes in all values and returns the sum of squared errors.
func (s *trendState) run(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		damped := s.phi * s.slope
		e := v - s.level - damped
		sum += e * e
		s.level += damped + s.alpha*e
		s.slope = damped + s.beta*e
	}
	return sum
}
