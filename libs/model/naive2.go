package model

import (
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindNaive2 is the kind of Naive2.
const KindNaive2 Kind = "naive2"

// Naive2 repeats the last value after seasonal adjustment, the benchmark that OWA of the M4 competition divides by
// (Makridakis, Spiliotis & Assimakopoulos, International Journal of Forecasting 36(1), 2020). Where its test finds no
// seasonality, or a value is missing or not positive, it repeats the last value as it is.
//
// It is its own Fitter and Forecaster: everything is estimated from the history given to Forecast.
type Naive2 struct {
	Period int `json:"period"` // season in steps; 0 means 24, 1 none
}

func (n Naive2) period() int {
	if n.Period <= 0 {
		return 24
	}
	return n.Period
}

// Kind returns "naive2".
func (Naive2) Kind() Kind { return KindNaive2 }

// Params returns the period as JSON.
func (n Naive2) Params() string { return params(Naive2{Period: n.period()}) }

// Fit checks that y has a value.
func (n Naive2) Fit(y series.Series) (Forecaster, error) {
	f := Naive2{Period: n.period()}
	if _, err := f.Forecast(y, 0); err != nil {
		return nil, err
	}
	return f, nil
}

// History returns eight weeks of hours or 20 seasons, whichever is more.
func (n Naive2) History() int { return max(20*n.period(), 8*168) }

// Forecast returns the last value times the seasonal factors. It returns ErrTooShort when no value is observed.
func (n Naive2) Forecast(y series.Series, h int) ([]float64, error) {
	y = y.Tail(n.History())
	a := adjust(y.Values, n.period())
	v, last := a.values, -1
	for i, x := range v {
		if finite(x) {
			last = i
		}
	}
	if last < 0 {
		return nil, fmt.Errorf("%s: no value: %w", n.Kind(), ErrTooShort)
	}
	out := make([]float64, max(h, 0))
	for k := range out {
		out[k] = v[last] * a.factor(len(v)+k)
	}
	return out, nil
}

// adjusted is a series without its seasons.
type adjusted struct {
	values  []float64
	factors []float64 // nil when it has no seasons
}

// adjust divides v by its seasonal factors where it has any.
func adjust(v []float64, m int) adjusted {
	a := adjusted{values: v, factors: seasonalIndices(v, m)}
	if a.factors == nil {
		return a
	}
	a.values = make([]float64, len(v))
	for i, x := range v {
		a.values[i] = x / a.factor(i)
	}
	return a
}

// factor returns the seasonal factor at index i of the series.
func (a adjusted) factor(i int) float64 {
	if a.factors == nil {
		return 1
	}
	return a.factors[i%len(a.factors)]
}
