package forecast

import (
	"errors"
	"fmt"
	"math"
)

// Method is a way to make the forecasts of a parent and of the children that it is the sum of add up.
type Method string

// Methods of reconciliation.
const (
	// BottomUp takes the children as they are, and their sum as the parent.
	BottomUp Method = "bottom_up"
	// MinTDiagonal moves each forecast in proportion to the variance of its errors, which minimises the sum of the
	// variances after it (MinT with a diagonal covariance: Wickramasuriya, Athanasopoulos & Hyndman, Journal of the
	// American Statistical Association 114, 2019). Where an error is not known, all children count the same and the
	// parent as their sum (structural scaling: Athanasopoulos et al., European Journal of Operational Research 262, 2017).
	MinTDiagonal Method = "mint_diagonal"
)

// ErrMethod is returned for a method that does not exist.
var ErrMethod = errors.New("forecast: unknown method of reconciliation")

// Base is a forecast of one target before reconciliation.
type Base struct {
	Mean  float64
	Error float64 // size of the error to expect, in the unit of the series; NaN or 0 when not known
}

// Reconcile returns the means of the parent and the children at one target, which add up.
func Reconcile(method Method, parent Base, children []Base) (top float64, bottom []float64, err error) {
	bottom = make([]float64, len(children))
	sum := 0.0
	for i, c := range children {
		bottom[i] = c.Mean
		sum += c.Mean
	}
	switch method {
	case BottomUp:
		return sum, bottom, nil
	case MinTDiagonal:
		w, total := variances(parent, children)
		gap := parent.Mean - sum
		top = 0
		for i := range bottom {
			bottom[i] += gap * w[i] / total
			top += bottom[i]
		}
		return top, bottom, nil
	}
	return 0, nil, fmt.Errorf("%q: want %s or %s: %w", method, BottomUp, MinTDiagonal, ErrMethod)
}

// variances returns the weights of the children and the sum of all, the parent's with them.
func variances(parent Base, children []Base) (w []float64, total float64) {
	w = make([]float64, len(children))
	known := parent.Error > 0 && !math.IsInf(parent.Error, 1)
	total = parent.Error * parent.Error
	for i, c := range children {
		known = known && c.Error > 0 && !math.IsInf(c.Error, 1)
		w[i] = c.Error * c.Error
		total += w[i]
	}
	if known {
		return w, total
	}
	for i := range w {
		w[i] = 1
	}
	return w, 2 * float64(len(w))
}
