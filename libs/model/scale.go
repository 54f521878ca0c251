package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// rareNonPositive is the share of values <= 0 up to which they count as missing and logarithms are taken.
const rareNonPositive = 0.02

// reach is how far beyond the training values a forecast may go, as a share of their range.
const reach = 0.5

// scale maps values of a series to the scale on which a model is linear, and back.
type scale struct {
	Log    bool    `json:"log"`
	Centre float64 `json:"centre"` // subtracted after the logarithm
	Unit   float64 `json:"unit"`   // divided by after that
	Lo     float64 `json:"lo"`     // least and greatest transformed value: a forecast is kept within
	Hi     float64 `json:"hi"`     // them and a value beyond them counts as missing
}

// newScale chooses the scale for the training values and returns it with the values on it, NaN where missing.
//
// The range [Lo, Hi] is that of the values between the 0.1 % and 99.9 % quantiles, widened by half its width on both
// sides but by at least ln 2 on the logarithmic scale: no forecast leaves it, so that recursion cannot explode.
func newScale(y []float64) (scale, []float64) {
	observed, low := 0, 0
	for _, v := range y {
		if finite(v) {
			observed++
			if v <= 0 {
				low++
			}
		}
	}
	s := scale{Log: float64(low) <= rareNonPositive*float64(observed), Unit: 1}
	x := make([]float64, len(y))
	sorted := make([]float64, 0, len(y))
	for i, v := range y {
		x[i] = s.to(v)
		if !math.IsNaN(x[i]) {
			sorted = append(sorted, x[i])
		}
	}
	if len(sorted) == 0 {
		return s, x
	}
	slices.Sort(sorted)
	s.Centre = sorted[len(sorted)/2]
	cut := len(sorted) / 1000
	lo, hi := sorted[cut], sorted[len(sorted)-1-cut]
	margin := reach * (hi - lo)
	if s.Log {
		margin = max(margin, math.Ln2)
	} else {
		if s.Unit = max(hi-lo, math.Abs(s.Centre)); s.Unit < 1e-150 {
			s.Unit = 1
		}
		margin = max(margin, s.Unit)
	}
	s.Lo, s.Hi = (lo-margin-s.Centre)/s.Unit, (hi+margin-s.Centre)/s.Unit
	for i, v := range x {
		x[i] = s.inRange((v - s.Centre) / s.Unit)
	}
	return s, x
}

// weeksOf returns the last window days of y, its scale and its values on it, and the steps of a day. It returns ErrTooShort
// when y has fewer than least days or less than half of the window is observed, and ErrGrid for a step that no model
// of the local day works with.
func weeksOf(kind Kind, y series.Series, window, least int) (tail series.Series, sc scale, x []float64, perDay int, err error) {
	if perDay, err = slotsPerDay(y.Step); err != nil {
		return y, scale{}, nil, 0, fmt.Errorf("%s: %w", kind, err)
	}
	y = y.Tail(window * perDay)
	sc, x = newScale(y.Values)
	if got := observed(x); y.Len() < least*perDay || 2*got < y.Len() {
		return y, scale{}, nil, 0, fmt.Errorf("%s: need half of %d values, have %d: %w", kind, max(least*perDay, y.Len()), got, ErrTooShort)
	}
	return y, sc, x, perDay, nil
}

// to returns v on the scale, NaN when it is missing, too large or has no logarithm. Range is not checked.
func (s scale) to(v float64) float64 {
	if !finite(v) {
		return math.NaN()
	}
	if !s.Log {
		return (v - s.Centre) / s.Unit
	}
	if !(v > 0) {
		return math.NaN()
	}
	return (math.Log(v) - s.Centre) / s.Unit
}

// inRange returns x, or NaN when it is beyond the range.
func (s scale) inRange(x float64) float64 {
	if x >= s.Lo && x <= s.Hi {
		return x
	}
	return math.NaN()
}

// clamp returns x kept within the range.
func (s scale) clamp(x float64) float64 { return min(max(x, s.Lo), s.Hi) }

// from returns the value in the unit of the series.
func (s scale) from(x float64) float64 {
	v := x*s.Unit + s.Centre
	if s.Log {
		return math.Exp(v)
	}
	return v
}
