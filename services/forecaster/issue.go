package forecaster

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// late says that a forecast is made without the observations that were due.
type late struct {
	steps  int // how many more steps the forecast reaches, so that it ends no earlier than if they had come
	reason string
}

// issue makes a forecast from the window's end, stamped at, and appends its rows and message.
// A series too short even for the fallback gets none.
func (d *Desk) issue(ctx context.Context, s *state, at time.Time, l late, out *stage.Result) {
	f := d.forecast(ctx, s, d.cfg.Horizon+l.steps)
	if f == nil {
		return
	}
	if l.reason != "" {
		f.Reason = strings.TrimPrefix(f.Reason+"; "+l.reason, "; ")
	}
	f.Series, f.IssuedAt, f.DataCut, f.Step, f.Unit = s.id, at, s.window.Series().End(), s.step, s.unit
	for i := range f.Mean {
		q := f.Quantiles
		out.Rows = append(out.Rows, record.Forecast{
			Series: s.id.String(), IssuedAt: at, TargetTS: f.Target(i + 1), Horizon: uint16(i + 1), Mean: f.Mean[i],
			P05: q[0][i], P10: q[1][i], P50: q[2][i], P90: q[3][i], P95: q[4][i],
			ModelID: f.ModelID, ModelKind: string(f.ModelKind), DataCut: f.DataCut, Fallback: f.Fallback, Reason: f.Reason,
			Scale: f.Scale[i],
		})
	}
	out.Out = append(out.Out, stage.Message{
		Subject: wire.Forecast(s.id),
		ID:      fmt.Sprintf("forecast.%s.%d.%s", s.id, at.UnixMilli(), f.ModelID),
		Data:    wire.EncodeForecast(*f),
	})
	s.issuedAt, s.cut, s.fresh = at, f.DataCut, false
	s.open = append(s.open, *f)
	s.close(f.DataCut.Add(-d.reach(s.step)))
}

// close drops the forecasts whose data cut lies before t.
func (s *state) close(t time.Time) {
	n := 0
	for n < len(s.open) && s.open[n].DataCut.Before(t) {
		n++
	}
	s.open = append(s.open[:0:0], s.open[n:]...)
}

// forecast asks the champion for horizon steps, and the fallback when it cannot serve. It returns nil when neither can.
func (d *Desk) forecast(ctx context.Context, s *state, horizon int) *forecast.Forecast {
	y := s.window.Series()
	reason := "no model yet"
	if c := s.champion; c != nil {
		mean, err := s.serving(y).Forecast(y.Tail(c.Forecaster.History()), horizon)
		if err == nil {
			f := &forecast.Forecast{
				ModelID: c.model.ID, ModelKind: c.model.Kind, Mean: mean, Quantiles: c.Conformal.Apply(mean),
				Scale: scale(c.MAE, horizon),
			}
			s.outcomes.since(y.End().Add(-remembered * s.step))
			s.calibrate(c, f)
			return f
		}
		reason = "champion " + c.model.ID + ": " + err.Error()
	}
	if s.fallback == nil {
		fb, err := newFallback(ctx, y, d.cfg.Horizon)
		if err != nil {
			return nil // too short for any forecast: the series has to grow first
		}
		s.fallback = fb
	}
	mean, err := s.fallback.forecaster.Forecast(y, horizon)
	if err != nil {
		return nil
	}
	return &forecast.Forecast{
		ModelID: "fallback." + string(s.fallback.forecaster.Kind()), ModelKind: s.fallback.forecaster.Kind(), Fallback: true, Reason: reason,
		Mean: mean, Quantiles: s.fallback.conformal.Apply(mean),
		Scale: scale(s.fallback.mae, horizon),
	}
}

// scale returns the errors to expect at horizons 1..h; beyond the backtest they are not known.
func scale(mae []float64, h int) []float64 {
	out := make([]float64, h)
	for i := range out {
		out[i] = math.NaN()
		if i < len(mae) {
			out[i] = mae[i]
		}
	}
	return out
}

// fallback serves a series without a usable champion: the seasonal naive forecast of a day, with intervals from its
// own errors in the window.
type fallback struct {
	forecaster model.Forecaster
	conformal  eval.Conformal
	mae        []float64
}

func newFallback(ctx context.Context, y series.Series, horizon int) (*fallback, error) {
	day := max(1, int(24*time.Hour/y.Step))
	fitter := model.SeasonalNaive{Period: day}
	f, err := fitter.Fit(y)
	if err != nil {
		return nil, err
	}
	// Errors need a week before the first origin; a shorter window has no intervals, hence no forecast.
	bt, err := eval.Backtest(ctx, y, fitter, eval.Plan{Origins: 20, Stride: day + 1, Horizon: horizon, MinTrain: 7 * day, RefitEvery: 20}, nil)
	if err != nil {
		return nil, err
	}
	c, err := eval.NewConformal(bt, forecast.Levels())
	if err != nil {
		return nil, err
	}
	return &fallback{forecaster: f, conformal: c, mae: bt.HorizonMAE()}, nil
}
