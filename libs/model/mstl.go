package model

import "github.com/bellwether-forecast/bellwether/libs/series"

// KindMSTL is the kind of MSTL.
const KindMSTL Kind = "mstl"

// Limits of MSTL, in days.
const (
	mstlWindow = 42
	mstlMin    = 21
	mstlTrend  = 14 // of the adjusted series that level and trend are smoothed over
)

// MSTL takes the seasons of the day and the week out of the logarithm of the series (Bandara, Hyndman & Bergmeir, arXiv
// 2107.13462), continues what is left by exponential smoothing with or without a damped trend, see ETS, and adds the
// last day and week of the seasons. Where a clock change lies ahead they move with the local clock.
//
// Gaps are filled from the same slot of the nearest week before the split, and the forecast is kept within the range of
// the scale, see ARRidge. It is its own Fitter and Forecaster: everything is estimated from the history given to
// Forecast.
type MSTL struct {
	Window int `json:"window_days"` // days of history that are split; 0 means 42
}

// window returns Window with its default.
func (s MSTL) window() int {
	if s.Window <= 0 {
		return mstlWindow
	}
	return max(s.Window, mstlMin)
}

// Kind returns "mstl".
func (MSTL) Kind() Kind { return KindMSTL }

// Params returns the settings as JSON, defaults filled in.
func (s MSTL) Params() string { return params(MSTL{Window: s.window()}) }

// Fit checks the grid and that y has three weeks, half of them observed.
func (s MSTL) Fit(y series.Series) (Forecaster, error) {
	f := MSTL{Window: s.window()}
	if _, _, _, err := f.history(y); err != nil {
		return nil, err
	}
	return f, nil
}

// History returns the window in hours. On finer grids Forecast sees fewer days when it is given no more.
func (s MSTL) History() int { return s.window() * 24 }

// history returns the values to split, without gaps, and their scale.
func (s MSTL) history(y series.Series) (x []float64, sc scale, perDay int, err error) {
	if _, sc, x, perDay, err = weeksOf(s.Kind(), y, s.window(), mstlMin); err != nil {
		return nil, scale{}, 0, err
	}
	return fillStart(bridge(x), len(x), perDay), sc, perDay, nil
}

// Forecast splits y and continues its parts.
func (s MSTL) Forecast(y series.Series, h int) ([]float64, error) {
	x, sc, perDay, err := s.history(y)
	if err != nil {
		return nil, err
	}
	periods := []int{perDay, 7 * perDay}
	if perDay == 1 {
		periods = periods[1:]
	}
	seasons, rest := mstl(x, periods)
	n, h := len(x), max(h, 0)
	t := smoothTrend(rest[max(0, n-mstlTrend*perDay):], 1)
	cal := places(slots(y.End(), y.Step, h+1, y.Location()), perDay)
	out, damped := make([]float64, h), 0.0
	for k := range out {
		damped = t.damping * (1 + damped)
		v := t.level + damped*t.slope
		// Steps on the local clock since the end of y, 0 to a week; elapsed steps but for a clock change.
		ahead := (int(cal[k+1].week-cal[0].week) + 7*perDay - 1) % (7 * perDay)
		for i, m := range periods {
			v += seasons[i][n-m+ahead%m]
		}
		out[k] = sc.from(sc.clamp(v))
	}
	return out, nil
}
