package eval

import (
	"errors"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
)

// Origin is the evaluation of a candidate at one origin.
type Origin struct {
	At     time.Time // last grid point that was known
	Mean   []float64 // forecasts of the horizons 1, 2, ...; nil when Err is not
	Actual []float64 // what happened; NaN where that is not known
	Scale  float64   // denominator of MASE: SeasonalMAE of what was known
	Err    error     // why the candidate failed here; nil when it did not
}

// Metrics summarises the errors at this origin.
func (o Origin) Metrics() Metrics { return Measure(o.Mean, o.Actual, o.Scale) }

// Result is a finished backtest.
type Result struct {
	Kind    model.Kind
	Params  string
	Horizon int // steps
	Season  int // steps of the season that MASE is scaled by
	Step    time.Duration
	Origins []Origin
}

// Metrics summarises the errors of all origins together.
func (r Result) Metrics() Metrics {
	var s sums
	for _, o := range r.Origins {
		s.add(o.Mean, o.Actual, o.Scale)
	}
	return s.metrics()
}

// Failed returns the number of origins at which the candidate failed.
func (r Result) Failed() int {
	n := 0
	for _, o := range r.Origins {
		if o.Err != nil {
			n++
		}
	}
	return n
}

// Err joins the errors of the origins; it is nil when the candidate failed nowhere.
func (r Result) Err() error {
	var errs []error
	for _, o := range r.Origins {
		errs = append(errs, o.Err)
	}
	return errors.Join(errs...)
}

// HorizonMAE returns the mean absolute error at each horizon, [h-1], in the unit of the series: the scale of live
// scores. Each value is the mean over the horizon and its two neighbours on both sides, since a few dozen origins say
// little about one horizon alone. It is NaN where there is no error to average, and never 0: a model that was perfect
// in the backtest gets the smallest error seen at any horizon, or the smallest that can be told from 0.
func (r Result) HorizonMAE() []float64 {
	const around = 2
	out := make([]float64, r.Horizon)
	least := math.Inf(1)
	for h := range out {
		var s sums
		for _, o := range r.Origins {
			if o.Err == nil {
				lo, hi := max(0, h-around), min(r.Horizon, h+around+1)
				s.add(o.Mean[lo:hi], o.Actual[lo:hi], 0)
			}
		}
		out[h] = s.metrics().MAE
		if out[h] > 0 {
			least = min(least, out[h])
		}
	}
	if math.IsInf(least, 1) {
		least = 1e-9
	}
	for h, v := range out {
		if v == 0 {
			out[h] = least
		}
	}
	return out
}
