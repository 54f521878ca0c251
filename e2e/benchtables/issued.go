package benchtables

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const (
	horizon = 48
	trained = 400 * 24 // hours of history behind a model
)

// champion is a model with its intervals, made as the trainer makes them: the digits of forecasts are those of the real
// thing.
type champion struct {
	forecaster model.Forecaster
	conformal  eval.Conformal
	mae        []float64
}

// until returns the history of p up to hour i.
func (p plot) until(i, n int) series.Series {
	from := max(0, i+1-n)
	return series.Series{ID: p.id, Start: hour(from), Step: time.Hour, Values: p.values[from : i+1]}
}

func train(ctx context.Context, p plot, i int) (champion, error) {
	y := p.until(i, trained)
	fitter := model.ARRidge{}
	r, err := eval.Backtest(ctx, y, fitter, eval.Plan{Origins: 24, RefitEvery: 24}, nil)
	if err != nil {
		return champion{}, fmt.Errorf("backtest %s: %w", p.name, err)
	}
	c := champion{}
	if c.conformal, err = eval.NewConformal(r, forecast.Levels()); err != nil {
		return c, fmt.Errorf("intervals of %s: %w", p.name, err)
	}
	for _, o := range r.Origins {
		for h := range o.Mean {
			if len(c.mae) <= h {
				c.mae = append(c.mae, 0)
			}
			if d := math.Abs(o.Mean[h] - o.Actual[h]); !math.IsNaN(d) {
				c.mae[h] += d / float64(len(r.Origins))
			}
		}
	}
	c.forecaster, err = fitter.Fit(y)
	return c, err
}

// office makes the forecasts of a story and scores them.
type office struct {
	story     story
	from      int // first hour with a forecast
	champions []champion
}

// newOffice trains a model for each source. The series of a source share it: it is their digits that count, not their
// accuracy.
func newOffice(ctx context.Context, s story, days int) (*office, error) {
	o := &office{story: s, from: hours - days*24}
	bySource := make(map[int]champion)
	for _, p := range s.plots {
		c, ok := bySource[p.source]
		if !ok {
			var err error
			if c, err = train(ctx, p, o.from-1); err != nil {
				return nil, err
			}
			bySource[p.source] = c
		}
		o.champions = append(o.champions, c)
	}
	return o, nil
}

// issue returns the forecast of series k that is made when hour i becomes known. A new champion comes every day.
func (o *office) issue(k, i int) forecast.Forecast {
	p, c := o.story.plots[k], o.champions[k]
	f := forecast.Forecast{
		Series: p.id, IssuedAt: polled(i), DataCut: hour(i), Step: time.Hour, Unit: "MWh",
		ModelID: fmt.Sprintf("%016x", uint64(k)<<32*uint64(i/24)^uint64(i/24+k)*0x9e3779b97f4a7c15), ModelKind: c.forecaster.Kind(), Scale: c.mae,
	}
	y := p.until(i, c.forecaster.History())
	mean, err := c.forecaster.Forecast(y, horizon)
	if err != nil { // too much is missing: the seasonal naive forecast of a day serves
		f.Fallback, f.Reason, f.ModelID, f.ModelKind = true, "champion "+f.ModelID+": "+err.Error(), "fallback.snaive_24", model.KindNaiveDay
		mean = p.naive(i)
	}
	f.Mean, f.Quantiles = mean, c.conformal.Apply(mean)
	return f
}

func (p plot) naive(i int) []float64 {
	out := make([]float64, horizon)
	for h := range out {
		out[h] = p.values[i-23+h%24]
	}
	return out
}

func points(f forecast.Forecast) []stage.Row {
	out := make([]stage.Row, len(f.Mean))
	for h := range f.Mean {
		q := f.Quantiles
		out[h] = record.Forecast{
			Series: f.Series.String(), IssuedAt: f.IssuedAt, TargetTS: f.Target(h + 1), Horizon: uint16(h + 1), Mean: f.Mean[h],
			P05: q[0][h], P10: q[1][h], P50: q[2][h], P90: q[3][h], P95: q[4][h],
			ModelID: f.ModelID, ModelKind: string(f.ModelKind), DataCut: f.DataCut, Fallback: f.Fallback, Reason: f.Reason, Scale: f.Scale[h],
		}
	}
	return out
}

// score is what the forecaster writes about one point of a forecast once its target is observed.
func score(f forecast.Forecast, h int, actual float64, at time.Time) record.Score {
	row := record.Score{
		Series: f.Series.String(), TargetTS: f.Target(h + 1), IssuedAt: f.IssuedAt, Horizon: uint16(h + 1), ModelID: f.ModelID,
		Actual: actual, Mean: f.Mean[h], ScaledError: math.Abs(f.Mean[h]-actual) / f.Scale[h],
		Covered80: f.Quantiles[1][h] <= actual && actual <= f.Quantiles[3][h],
		Covered90: f.Quantiles[0][h] <= actual && actual <= f.Quantiles[4][h],
		ScoredAt:  at,
	}
	for i, level := range forecast.Levels() {
		row.Pinball += eval.Pinball(level, f.Quantiles[i][h], actual) / float64(len(forecast.Levels()))
	}
	return row
}

// rows calls yield with forecasts and scores in the order in which they are written: hour by hour, series by series.
func (o *office) rows(yield func([]stage.Row) error) error {
	open := make([][]forecast.Forecast, len(o.story.plots))
	for i := o.from; i < hours; i++ {
		for k, p := range o.story.plots {
			var out []stage.Row
			for _, f := range open[k] {
				h := int(hour(i).Sub(f.DataCut)/time.Hour) - 1
				if h < horizon && !math.IsNaN(p.values[i]) {
					out = append(out, score(f, h, p.values[i], polled(i)))
				}
			}
			f := o.issue(k, i)
			open[k] = append(open[k][max(0, len(open[k])-horizon+1):], f)
			if err := yield(append(out, points(f)...)); err != nil {
				return err
			}
		}
	}
	return nil
}
