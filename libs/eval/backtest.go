package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// ErrPlan is returned for a plan that cannot be carried out on any history.
var ErrPlan = errors.New("eval: bad plan")

// Plan says at which origins a candidate is evaluated.
type Plan struct {
	Origins    int // number of origins; 0 means 28
	Stride     int // steps between origins; 0 means 25, so that on an hourly grid they pass through the hours of the day
	Horizon    int // steps forecast at each; 0 means 48
	MinTrain   int // grid points before the first origin; 0 means 672, four weeks of hours
	RefitEvery int // origins served by one fit, the one made at the first of them; 0 means 1
}

// withDefaults returns p with its zeros replaced.
func (p Plan) withDefaults() Plan {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&p.Origins, 28)
	set(&p.Stride, 25)
	set(&p.Horizon, 48)
	set(&p.MinTrain, 672)
	set(&p.RefitEvery, 1)
	return p
}

// Schedule returns the origins for truth in ascending order: the newest one lies Horizon steps before its end, so that
// every target has happened. There are fewer than Origins when MinTrain points are not left before the older ones, and
// none at all when they are not left before the newest: that is model.ErrTooShort.
func (p Plan) Schedule(truth series.Series) ([]time.Time, error) {
	p = p.withDefaults()
	if p.Origins < 0 || p.Stride < 0 || p.Horizon < 0 || p.MinTrain < 0 || p.RefitEvery < 0 {
		return nil, fmt.Errorf("%+v: %w", p, ErrPlan)
	}
	newest := truth.Len() - 1 - p.Horizon
	n := min(p.Origins, (newest+1-p.MinTrain)/p.Stride+1)
	if newest+1 < p.MinTrain || n <= 0 {
		return nil, fmt.Errorf("need %d points, have %d: %w", p.MinTrain+p.Horizon, truth.Len(), model.ErrTooShort)
	}
	out := make([]time.Time, n)
	for i := range out {
		out[i] = truth.Time(newest - (n-1-i)*p.Stride)
	}
	return out, nil
}

// History returns what was known at an origin: a series that ends there or before.
type History func(origin time.Time) (series.Series, error)

// Plain returns the history of a series that was never revised: y up to each origin.
func Plain(y series.Series) History {
	return func(origin time.Time) (series.Series, error) {
		i, _ := y.Index(origin)
		return y.Slice(0, min(max(i+1, 0), y.Len())), nil
	}
}

// Backtest evaluates a candidate by rolling origin (Tashman, International Journal of Forecasting 16(4), 2000): at each
// origin of the plan it fits on, and forecasts from, what was known then, and compares with truth. Targets that truth
// does not know are left out. A nil history means Plain(truth).
//
// An error or a panic of the candidate fails that origin only and is kept in it. The error returned is of the plan, or
// of ctx, which is looked at before each origin. Origins are evaluated one after another.
func Backtest(ctx context.Context, truth series.Series, fitter model.Fitter, p Plan, history History) (Result, error) {
	p = p.withDefaults()
	if history == nil {
		history = Plain(truth)
	}
	origins, err := p.Schedule(truth)
	if err != nil {
		return Result{}, fmt.Errorf("backtest %s: %w", fitter.Kind(), err)
	}
	r := Result{Kind: fitter.Kind(), Params: fitter.Params(), Horizon: p.Horizon, Season: season(truth.Step), Step: truth.Step}
	c := candidate{fitter: fitter, history: history}
	for i, at := range origins {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("backtest %s: %w", fitter.Kind(), err)
		}
		if i%p.RefitEvery == 0 {
			c.served = nil
		}
		o := Origin{At: at, Actual: actuals(truth, at, p.Horizon)}
		o.Mean, o.Scale, o.Err = c.forecast(at, p.Horizon, r.Season)
		r.Origins = append(r.Origins, o)
	}
	return r, nil
}

// candidate is a model under evaluation.
type candidate struct {
	fitter  model.Fitter
	history History
	served  model.Forecaster // of the last fit; nil means fit again
}

// forecast returns the forecast from what was known at an origin, and the scale of its MASE. Whatever the candidate
// does comes back as an error.
func (c *candidate) forecast(at time.Time, h, season int) (mean []float64, scale float64, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.served = nil
			mean, err = nil, fmt.Errorf("%s: panic: %v", c.fitter.Kind(), v)
		}
	}()
	y, err := c.history(at)
	if err != nil {
		return nil, math.NaN(), fmt.Errorf("history at %s: %w", at.Format(time.RFC3339), err)
	}
	if y.Len() == 0 {
		return nil, math.NaN(), fmt.Errorf("nothing known at %s: %w", at.Format(time.RFC3339), model.ErrTooShort)
	}
	// A history that ends before the origin is what the forecaster would meet then: it forecasts further ahead.
	last, _ := y.Index(at)
	behind := last - (y.Len() - 1)
	if behind < 0 {
		return nil, math.NaN(), fmt.Errorf("history ends %s, after the origin %s: %w", y.End().Format(time.RFC3339), at.Format(time.RFC3339), ErrPlan)
	}
	if c.served == nil {
		if c.served, err = c.fitter.Fit(y); err != nil {
			return nil, math.NaN(), err
		}
	}
	mean, err = c.served.Forecast(y.Tail(c.served.History()), h+behind)
	if err != nil {
		return nil, math.NaN(), err
	}
	if len(mean) != h+behind {
		return nil, math.NaN(), fmt.Errorf("%s: %d values for %d steps", c.fitter.Kind(), len(mean), h+behind)
	}
	return mean[behind:], SeasonalMAE(y.Values, season), nil
}

// actuals returns the h values of truth after an origin, NaN where there is none.
func actuals(truth series.Series, at time.Time, h int) []float64 {
	i, _ := truth.Index(at)
	out := make([]float64, h)
	for k := range out {
		out[k] = math.NaN()
		if j := i + 1 + k; j >= 0 && j < truth.Len() {
			out[k] = truth.Values[j]
		}
	}
	return out
}

// season returns the number of steps in a day, at least 1: the season that MASE is scaled by.
func season(step time.Duration) int { return max(1, int(24*time.Hour/max(step, 1))) }
