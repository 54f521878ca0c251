package model

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Kinds of the seasonal naive models in use.
const (
	KindNaiveDay  Kind = "snaive_24"
	KindNaiveWeek Kind = "snaive_168"
)

// naivePrefix is followed by the period in the kind of a seasonal naive model.
const naivePrefix = "snaive_"

// naiveSeasons bounds how many whole seasons a seasonal naive forecast walks back past missing values.
const naiveSeasons = 4

// SeasonalNaive forecasts y[T+h] = y[T+h-m*ceil(h/m)], the last value at the same place in the season (Hyndman &
// Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2). Where that value is missing it takes the one a
// season earlier, up to four seasons back, and the mean of the values there are when those are missing as well.
//
// It is its own Fitter and Forecaster: there is nothing to learn.
type SeasonalNaive struct {
	Period int `json:"period"` // season in steps; 0 means 24
}

// period returns Period with its default.
func (s SeasonalNaive) period() int {
	if s.Period <= 0 {
		return 24
	}
	return s.Period
}

// Kind returns "snaive_<period>".
func (s SeasonalNaive) Kind() Kind { return Kind(fmt.Sprintf("%s%d", naivePrefix, s.period())) }

// Params returns the period as JSON.
func (s SeasonalNaive) Params() string { return params(SeasonalNaive{Period: s.period()}) }

// Fit checks that y ends with at least one season that is at least half observed.
func (s SeasonalNaive) Fit(y series.Series) (Forecaster, error) {
	m := s.period()
	if got := y.Tail(m).Observed(); y.Len() < m || 2*got < m {
		return nil, fmt.Errorf("%s: need half of the last %d values, have %d: %w", s.Kind(), m, got, ErrTooShort)
	}
	return SeasonalNaive{Period: m}, nil
}

// History returns four seasons: the last one, and three to walk back over missing values.
func (s SeasonalNaive) History() int { return naiveSeasons * s.period() }

// Forecast repeats the last season. It returns ErrTooShort when the last four seasons hold no value at all.
func (s SeasonalNaive) Forecast(y series.Series, h int) ([]float64, error) {
	m := s.period()
	v := y.Tail(s.History()).Values
	level, n := 0.0, 0
	for _, x := range v {
		if finite(x) {
			n++
			level += (x - level) / float64(n)
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("%s: no value in the last %d: %w", s.Kind(), s.History(), ErrTooShort)
	}
	out := make([]float64, max(h, 0))
	for k := range out {
		// Horizon k+1: the first candidate lies ceil((k+1)/m) seasons before the target.
		out[k] = lastSeason(v, len(v)+k-m*(k/m+1), m, level)
	}
	return out, nil
}

// lastSeason returns v[i], or the first value a whole number of seasons before it, or level.
func lastSeason(v []float64, i, m int, level float64) float64 {
	for ; i >= 0; i -= m {
		if finite(v[i]) {
			return v[i]
		}
	}
	return level
}

// largest is the size beyond which a value counts as missing in every model: nothing computed from smaller ones
// overflows.
const largest = 1e150

// finite reports whether x is a number to work with: neither missing nor of a size beyond largest.
func finite(x float64) bool { return math.Abs(x) <= largest }

// params returns v as JSON. The settings of every model are structs of plain numbers, strings and slices of them.
func params(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		// A setting that is NaN or infinite has no JSON. It is reported by Fit; the record keeps what was asked for.
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return string(b)
}
