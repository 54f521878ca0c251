package bench

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
)

// Forecast is the answer to a Task: the mean, and a central interval of 95 % where one is given.
type Forecast struct {
	Mean, Lo, Hi []float64
}

// Scores are the measures of the M4 competition, each the mean over the series of a set.
type Scores struct {
	SMAPE, MASE    float64
	MSIS, Coverage float64 // of the 95 % interval
}

// Score measures forecasts of all tasks of a set by the formulas of the M4 competition (Makridakis, Spiliotis &
// Assimakopoulos, International Journal of Forecasting 36(1), 2020).
func (s Set) Score(forecasts []Forecast) Scores {
	var out Scores
	n := float64(len(s.Tasks))
	for i, t := range s.Tasks {
		f := forecasts[i]
		scale := eval.SeasonalMAE(t.Train, s.Season)
		out.SMAPE += eval.SMAPE(f.Mean, t.Test) / n
		out.MASE += eval.Measure(f.Mean, t.Test, scale).MASE / n
		if f.Lo != nil {
			out.MSIS += eval.IntervalScore(0.95, f.Lo, f.Hi, t.Test) / scale / n
			out.Coverage += eval.Coverage(f.Lo, f.Hi, t.Test) / n
		}
	}
	return out
}

// OWA returns the overall weighted average: the mean of sMAPE and MASE, each as a share of that of Naive2.
func (s Scores) OWA(naive2 Scores) float64 { return (s.SMAPE/naive2.SMAPE + s.MASE/naive2.MASE) / 2 }

// Run forecasts every task of a set with one model.
func (s Set) Run(f model.Fitter) ([]Forecast, error) {
	out := make([]Forecast, len(s.Tasks))
	for i, t := range s.Tasks {
		y := Series(t.Train, time.Hour)
		m, err := f.Fit(y)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Name, t.ID, err)
		}
		if out[i].Mean, err = m.Forecast(y, s.Horizon); err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Name, t.ID, err)
		}
	}
	return out, nil
}

// Earlier returns the set with the last blocks of Horizon values of each training part cut off, the first of them
// the test part: what models and settings are chosen on.
func (s Set) Earlier(blocks int) Set {
	out := s
	out.Tasks = make([]Task, 0, len(s.Tasks))
	for _, t := range s.Tasks {
		cut := len(t.Train) - blocks*s.Horizon
		out.Tasks = append(out.Tasks, Task{ID: t.ID, Train: t.Train[:cut], Test: t.Train[cut : cut+s.Horizon]})
	}
	return out
}
