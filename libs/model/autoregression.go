package model

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// autoregression is a fitted ARRidge.
type autoregression struct {
	kind         Kind
	Step         time.Duration `json:"step"`
	Lags         []int         `json:"lags"`
	Yearly       int           `json:"yearly"`
	Scale        scale         `json:"scale"`
	Coefficients coefficients  `json:"coefficients"`
}

// backWeeks is how many weeks before the longest lag a forecast looks for values to fill gaps with.
const backWeeks = 2

// Kind returns the kind of the Fitter.
func (m *autoregression) Kind() Kind { return m.kind }

// History returns the longest lag and two weeks more, from which gaps are filled.
func (m *autoregression) History() int {
	return m.layout().reach() + backWeeks*7*m.perDay()
}

func (m *autoregression) perDay() int { return int(24 * time.Hour / m.Step) }

func (m *autoregression) layout() layout {
	return layout{lags: m.Lags, perDay: m.perDay(), yearly: m.Yearly}
}

// Forecast runs the autoregression forward, each step kept within the range of the scale.
//
// A missing or impossible value of the history is replaced by the model's own one-step forecast of it, or, among the
// first values where not all lags are there, by the nearest value at the same slot of the week, of the day, or the
// median of the history. It returns ErrTooShort when less than one day of the last week is observed.
func (m *autoregression) Forecast(y series.Series, h int) ([]float64, error) {
	if y.Step != m.Step {
		return nil, fmt.Errorf("%s: fitted on steps of %v, not %v: %w", m.kind, m.Step, y.Step, ErrGrid)
	}
	y = y.Tail(m.History())
	x := make([]float64, y.Len(), y.Len()+max(h, 0))
	for i, v := range y.Values {
		x[i] = m.Scale.inRange(m.Scale.to(v))
	}
	perDay := m.perDay()
	week := x[max(0, len(x)-7*perDay):]
	if got := observed(week); got < perDay || len(x) < 7*perDay {
		return nil, fmt.Errorf("%s: need %d values in the last week, have %d: %w", m.kind, perDay, got, ErrTooShort)
	}
	l, n := m.layout(), len(x)
	reach := l.reach()
	row := make([]float64, l.dense())
	x = fillStart(x, min(reach, n), perDay)
	if pad := reach - n; pad > 0 {
		// Shorter than the longest lag: the weeks before are taken to be like the first one.
		x, y.Start, n = padWeeks(x, pad, 7*perDay), y.Time(-pad), reach
	}
	first := reach
	for first < n && !math.IsNaN(x[first]) {
		first++
	}
	// Calendar slots are needed from the first value that has to be predicted on.
	cal := slots(y.Time(first), m.Step, n-first+max(h, 0), y.Location())
	for i := first; i < n+max(h, 0); i++ {
		if i < n && !math.IsNaN(x[i]) {
			continue
		}
		s := cal[i-first]
		l.fill(row, s, x[:i])
		v := m.Scale.clamp(m.Coefficients.predict(l, row, s))
		if i < n {
			x[i] = v
		} else {
			x = append(x, v)
		}
	}
	out := x[n:]
	for i, v := range out {
		out[i] = m.Scale.from(v)
	}
	return out, nil
}

// observed returns the number of values that are not NaN.
func observed(x []float64) int {
	n := 0
	for _, v := range x {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// fillStart fills the gaps among the first n values from the same slot of other weeks, then of other days, then with
// the median.
func fillStart(x []float64, n, perDay int) []float64 {
	for _, period := range []int{7 * perDay, perDay} {
		for i := range n {
			if math.IsNaN(x[i]) {
				x[i] = nearest(x, i, period)
			}
		}
	}
	if observed(x[:n]) == n {
		return x
	}
	sorted := slices.Clone(x)
	sorted = slices.DeleteFunc(sorted, math.IsNaN)
	slices.Sort(sorted)
	for i := range n {
		if math.IsNaN(x[i]) {
			x[i] = sorted[len(sorted)/2]
		}
	}
	return x
}

// nearest returns the observed value closest to i among those a whole number of periods away, NaN when there is none.
func nearest(x []float64, i, period int) float64 {
	for d := period; i-d >= 0 || i+d < len(x); d += period {
		if i-d >= 0 && !math.IsNaN(x[i-d]) {
			return x[i-d]
		}
		if i+d < len(x) && !math.IsNaN(x[i+d]) {
			return x[i+d]
		}
	}
	return math.NaN()
}

// padWeeks puts pad values before x, each that of the same slot of the next week.
func padWeeks(x []float64, pad, week int) []float64 {
	out := make([]float64, pad+len(x), pad+cap(x))
	copy(out[pad:], x)
	for i := pad - 1; i >= 0; i-- {
		out[i] = out[i+week]
	}
	return out
}
