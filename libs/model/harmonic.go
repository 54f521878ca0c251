package model

import (
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/floats"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindHarmonic is the kind of Harmonic.
const KindHarmonic Kind = "harmonic"

// Defaults and limits of Harmonic.
const (
	harmonicDays    = 10 // Fourier pairs of the day
	harmonicWeeks   = 6  // of the week
	harmonicYears   = 2  // of the year
	harmonicWindow  = 56 // days
	harmonicHistory = 21 // days of history that set the errors a forecast starts from
	harmonicMin     = 21 // days needed
	harmonicPenalty = 0.1
)

// Harmonic is dynamic harmonic regression (Young, Pedregal & Tych, Journal of Forecasting 18, 1999; Hyndman &
// Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 10.5): Fourier terms of the day, the week and, with a
// year of history, the year, by ridge regression on the logarithm of the series, and a seasonal autoregression of what
// is left, which carries the level. Terms follow the local clock. Only the last eight weeks are fitted, since the
// errors of a longer fit drift away from the level of today.
//
// The autoregression has the lags of two hours, those around a day and a week, and is fitted to the rows that have all
// of them. The forecast is kept within the range of the scale, see ARRidge.
type Harmonic struct {
	Window int `json:"window_days"` // days of history the fit looks at; 0 means 56
	Day    int `json:"day"`         // Fourier pairs of the day; 0 means 10
	Week   int `json:"week"`        // Fourier pairs of the week; 0 means 6
}

func (d Harmonic) withDefaults() Harmonic {
	if d.Window <= 0 {
		d.Window = harmonicWindow
	}
	if d.Day <= 0 {
		d.Day = harmonicDays
	}
	if d.Week <= 0 {
		d.Week = harmonicWeeks
	}
	return d
}

// Kind returns "harmonic".
func (Harmonic) Kind() Kind { return KindHarmonic }

// Params returns the settings as JSON, defaults filled in.
func (d Harmonic) Params() string { return params(d.withDefaults()) }

// Fit learns the coefficients. It needs three weeks, half of them observed.
func (d Harmonic) Fit(y series.Series) (Forecaster, error) {
	d = d.withDefaults()
	y, sc, x, perDay, err := weeksOf(d.Kind(), y, d.Window, harmonicMin)
	if err != nil {
		return nil, err
	}
	m := &harmonicRegression{Step: y.Step, Scale: sc, Day: min(d.Day, (perDay-1)/2), Week: d.Week}
	if d.Window >= fullYear && y.Len() >= fullYear*perDay {
		m.Year = harmonicYears
	}
	cal := slots(y.Start, y.Step, y.Len(), y.Location())
	if m.Terms, err = m.regress(x, cal); err != nil {
		return nil, fmt.Errorf("%s: %w", d.Kind(), err)
	}
	for i, c := range cal {
		x[i] -= m.term(c)
	}
	m.Lags = errorLags(perDay)
	m.Errors = autoregress(bridge(x), m.Lags)
	return m, nil
}

// errorLags returns the lags of the autoregression of errors.
func errorLags(perDay int) []int {
	out := []int{1, 2}
	for _, lag := range []int{perDay - 1, perDay, perDay + 1, 7*perDay - 1, 7 * perDay, 7*perDay + 1} {
		if lag > out[len(out)-1] {
			out = append(out, lag)
		}
	}
	return out
}

// autoregress returns the coefficients of a ridge regression of x on its lags, zeros when there are too few rows.
func autoregress(x []float64, lags []int) []float64 {
	p := len(lags)
	sums, row := newNormal(1, p, 0), make([]float64, p)
	var size mean
	for i := lags[p-1]; i < len(x); i++ {
		complete := !math.IsNaN(x[i])
		for k, lag := range lags {
			row[k] = x[i-lag]
			complete = complete && !math.IsNaN(row[k])
		}
		if complete {
			sums.add(0, row, nil, x[i], 1)
			size.add(x[i] * x[i])
		}
	}
	none := make([]float64, p)
	if size.n < 3*p {
		return none
	}
	b, err := ridge(sums.dense[0], p, sums.denseY, max(size.mean, 1e-12))
	if err != nil {
		return none
	}
	return b
}

// harmonicRegression is a fitted Harmonic.
type harmonicRegression struct {
	Step   time.Duration `json:"step"`
	Scale  scale         `json:"scale"`
	Day    int           `json:"day"`
	Week   int           `json:"week"`
	Year   int           `json:"year"`
	Terms  []float64     `json:"terms"`
	Lags   []int         `json:"lags"`
	Errors []float64     `json:"errors"` // autoregression at Lags
}

// regress returns the coefficients of the Fourier terms.
func (m *harmonicRegression) regress(x []float64, cal []slot) ([]float64, error) {
	p := 1 + 2*(m.Day+m.Week+m.Year)
	sums, row := newNormal(1, p, 0), make([]float64, p)
	for i, v := range x {
		if !math.IsNaN(v) {
			m.fill(row, cal[i])
			sums.add(0, row, nil, v, 1)
		}
	}
	gram := sums.dense[0]
	gram[0] += freePenalty - harmonicPenalty // the intercept goes free
	return ridge(gram, p, sums.denseY, harmonicPenalty)
}

// fill writes the terms of a slot into row.
func (m *harmonicRegression) fill(row []float64, c slot) {
	row[0] = 1
	perDay := int(24 * time.Hour / m.Step)
	day := float64(c.ofDay) / float64(perDay)
	at := 1
	at = harmonics(row, at, m.Day, 2*math.Pi*day)
	at = harmonics(row, at, m.Week, 2*math.Pi*(float64(c.weekday)+day)/7)
	harmonics(row, at, m.Year, math.Atan2(c.sin, c.cos))
}

// harmonics writes sines and cosines of the first multiples of an angle from row[at] on and returns what follows them.
func harmonics(row []float64, at, pairs int, angle float64) int {
	sin1, cos1 := math.Sincos(angle)
	sin, cos := sin1, cos1
	for range pairs {
		row[at], row[at+1] = sin, cos
		sin, cos = sin*cos1+cos*sin1, cos*cos1-sin*sin1
		at += 2
	}
	return at
}

// term returns the value of the regression in a slot.
func (m *harmonicRegression) term(c slot) float64 {
	row := make([]float64, len(m.Terms))
	m.fill(row, c)
	return floats.Dot(row, m.Terms)
}

// Kind returns "harmonic".
func (*harmonicRegression) Kind() Kind { return KindHarmonic }

// History returns three weeks.
func (m *harmonicRegression) History() int { return harmonicHistory * int(24*time.Hour/m.Step) }

// Forecast runs the autoregression of the errors forward from those of y and adds the Fourier terms. Missing errors are
// bridged where the gap is short and count as 0 elsewhere. It returns ErrTooShort when y has no value.
func (m *harmonicRegression) Forecast(y series.Series, h int) ([]float64, error) {
	if y.Step != m.Step {
		return nil, fmt.Errorf("%s: fitted on steps of %v, not %v: %w", m.Kind(), m.Step, y.Step, ErrGrid)
	}
	y = y.Tail(m.History())
	n, h := y.Len(), max(h, 0)
	cal := slots(y.Start, y.Step, n+h, y.Location())
	terms, x := make([]float64, n+h), make([]float64, n, n+h)
	for i, c := range cal {
		terms[i] = m.term(c)
	}
	for i, v := range y.Values {
		x[i] = m.Scale.inRange(m.Scale.to(v)) - terms[i]
	}
	if observed(x) == 0 {
		return nil, fmt.Errorf("%s: no value in the last %d: %w", m.Kind(), n, ErrTooShort)
	}
	x = bridge(x)[:n:n]
	out := make([]float64, h)
	for k := range out {
		e := 0.0
		for j, lag := range m.Lags {
			if i := len(x) - lag; i >= 0 && !math.IsNaN(x[i]) {
				e += m.Errors[j] * x[i]
			}
		}
		v := m.Scale.clamp(terms[n+k] + e)
		x = append(x, v-terms[n+k])
		out[k] = m.Scale.from(v)
	}
	return out, nil
}
