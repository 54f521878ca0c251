package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"
)

// search returns the point where cost is smallest as far as Nelder & Mead's simplex (The Computer Journal 7(4), 1965)
// finds it from start within a number of evaluations. Cost may be NaN or infinite where a point is impossible. Equal
// calls give equal results.
func search(dim int, start []float64, evaluations int, cost func([]float64) float64) []float64 {
	best, least := slices.Clone(start[:dim]), math.Inf(1)
	problem := optimize.Problem{Func: func(u []float64) float64 {
		c := cost(u)
		if math.IsNaN(c) {
			c = math.Inf(1)
		}
		if c < least {
			least = c
			copy(best, u)
		}
		return c
	}}
	settings := &optimize.Settings{
		FuncEvaluations: evaluations,
		Converger:       &optimize.FunctionConverge{Relative: 1e-4, Iterations: 20},
	}
	// The error is of the limit on evaluations, or of a cost that is infinite everywhere: best is what there is.
	_, _ = optimize.Minimize(problem, slices.Clone(best), settings, &optimize.NelderMead{SimplexSize: 0.7})
	return best
}

// logistic maps the real line to (0, 1).
func logistic(u float64) float64 { return 1 / (1 + math.Exp(-u)) }

// median returns the middle value of v, which it sorts; 0 when v is empty.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}
