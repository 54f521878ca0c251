package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Lab makes forecasts the way the trainer does: candidates are backtested on the history at hand, weighted by what they
// did there, and the residuals of the blend give the intervals.
type Lab struct {
	Candidates []model.Fitter
	Plan       eval.Plan
	Weighting  eval.Weighting
	Split      eval.Split
}

// HourlyLab returns the lab of short hourly series without a calendar, those of M4. Candidates and settings were
// chosen on the last two blocks of 48 hours of the training parts of M4 Hourly; see docs/forecasting.md.
func HourlyLab() Lab {
	return Lab{
		Candidates: []model.Fitter{
			model.SeasonalNaive{Period: 24},
			model.SeasonalNaive{Period: 168},
			model.DSHW{},
			model.Harmonic{},
			model.ARRidge{Periodic: -1, Lambda: 0.03},
			model.ARRidge{Periodic: 1, Lambda: 0.1},
			model.ARRidge{Day: true, Periodic: -1, Lambda: 0.03},
			model.ARRidge{Day: true, Periodic: -1, Lambda: 0.001},
		},
		Plan:      eval.Plan{Origins: 8, Stride: 24, Horizon: 48, MinTrain: 400, RefitEvery: 4},
		Weighting: eval.Weighting{Power: 4},
		Split:     eval.Split{Bucket: 12, Widen: 1},
	}
}

// Forecast forecasts the horizon of the plan, with the central interval of 95 %.
func (l Lab) Forecast(ctx context.Context, y series.Series) (Forecast, error) {
	results := make([]eval.Result, len(l.Candidates))
	for i, c := range l.Candidates {
		var err error
		if results[i], err = eval.Backtest(ctx, y, c, l.Plan, nil); err != nil {
			return Forecast{}, fmt.Errorf("backtest: %w", err)
		}
	}
	interval, err := l.Split.Conformal(l.Weighting.Blend(results, ""), []float64{0.025, 0.975})
	if err != nil {
		return Forecast{}, fmt.Errorf("intervals: %w", err)
	}
	ensemble, err := l.Weighting.Fit(y, l.Candidates, results)
	if err != nil {
		return Forecast{}, fmt.Errorf("fit: %w", err)
	}
	mean, err := ensemble.Forecast(y, l.Plan.Horizon)
	if err != nil {
		return Forecast{}, fmt.Errorf("forecast: %w", err)
	}
	quantiles := interval.Apply(mean)
	return Forecast{Mean: mean, Lo: quantiles[0], Hi: quantiles[1]}, nil
}

// Forecasts forecasts every task of a set.
func (l Lab) Forecasts(ctx context.Context, s Set, step time.Duration) ([]Forecast, error) {
	out := make([]Forecast, len(s.Tasks))
	for i, t := range s.Tasks {
		var err error
		if out[i], err = l.Forecast(ctx, Series(t.Train, step)); err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Name, t.ID, err)
		}
	}
	return out, nil
}
