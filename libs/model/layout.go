package model

import (
	"slices"

	"gonum.org/v1/gonum/floats"
)

// dayKinds is the number of kinds of day that have a profile of their own.
const dayKinds = 5

// layout says which unknown belongs to which feature: the intercept, lags and Fourier terms, then the one-hot groups.
type layout struct {
	lags   []int
	perDay int
	yearly int
}

func (l layout) dense() int   { return 1 + len(l.lags) + 2*l.yearly }
func (l layout) profile() int { return dayKinds*l.perDay + 7 }

// hot returns the indices of the two one-hot features that are one in slot s, ascending.
func (l layout) hot(s slot) [2]int {
	return [2]int{dayKind(s)*l.perDay + s.ofDay, dayKinds*l.perDay + s.weekday}
}

// dayKind sorts days by how people live on them.
func dayKind(s slot) int {
	switch {
	case s.holiday || s.weekday == 0:
		return 0
	case s.weekday == 1:
		return 1
	case s.weekday == 5:
		return 3
	case s.weekday == 6:
		return 4
	}
	return 2
}

// reach returns how many points before a point its features lie.
func (l layout) reach() int { return slices.Max(l.lags) }

// fill writes the dense features of a point in slot s into row; past ends just before the point.
func (l layout) fill(row []float64, s slot, past []float64) {
	row[0] = 1
	lags := row[1 : 1+len(l.lags)]
	for k, lag := range l.lags {
		lags[k] = past[len(past)-lag]
	}
	// The sines and cosines of multiples of an angle, by addition.
	fourier, sin, cos := row[1+len(l.lags):], s.sin, s.cos
	for k := range l.yearly {
		fourier[2*k], fourier[2*k+1] = sin, cos
		sin, cos = sin*s.cos+cos*s.sin, cos*s.cos-sin*s.sin
	}
}

// coefficients of the features.
type coefficients struct {
	Dense   [][]float64 `json:"dense"`   // by slot of the day; one row for all slots when they are not periodic
	Profile []float64   `json:"profile"` // of the one-hot features
}

// predict returns the value for a dense row in slot s.
func (c coefficients) predict(l layout, row []float64, s slot) float64 {
	hot := l.hot(s)
	return floats.Dot(c.Dense[min(s.ofDay, len(c.Dense)-1)], row) + c.Profile[hot[0]] + c.Profile[hot[1]]
}
