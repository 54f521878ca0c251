package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// errFit is returned for a candidate that came through its backtest and cannot be made a model all the same.
var errFit = errors.New("trainer: no fit on the whole history")

// batch makes the models of one job.
type batch struct {
	workshop *Workshop
	job      forecast.Job
	y        series.Series
	results  []eval.Result
	at       time.Time
	parent   string
}

// serve makes the model that serves. A candidate that cannot be made gives way to the next best, and d says so.
func (b batch) serve(ctx context.Context, d *decision) (forecast.Model, error) {
	m, err := b.make(ctx, d.serves)
	for _, i := range ranking(b.results) {
		if !errors.Is(err, errFit) {
			break
		}
		if i == d.serves {
			continue
		}
		d.why = fmt.Sprintf("%s serves in place of %s: %s", b.results[i].Kind, b.results[d.serves].Kind, err)
		d.rival = -1
		m, err = b.make(ctx, i)
	}
	if errors.Is(err, errFit) {
		return forecast.Model{}, fmt.Errorf("%w: %w", ErrNoCandidate, err)
	}
	m.Stage, m.Decision, m.PValue = forecast.Champion, d.why, d.p
	return m, err
}

// make fits a candidate on the whole history and keeps it as an artifact. It returns errFit when it cannot be fitted.
func (b batch) make(ctx context.Context, i int) (forecast.Model, error) {
	w, r := b.workshop, b.results[i]
	fitted, err := w.fit(b.y, b.results, i)
	if err != nil {
		return forecast.Model{}, fmt.Errorf("%w: %w", errFit, err)
	}
	intervals, err := w.split.Conformal(r, forecast.Levels())
	if err != nil {
		return forecast.Model{}, fmt.Errorf("%w: %w", errFit, err)
	}
	data, sum, err := artifact.Encode(artifact.Artifact{
		Series: b.job.Series.String(), Forecaster: fitted, Conformal: intervals, MAE: r.HorizonMAE(), Residuals: narrow(r.BucketResiduals(artifact.Bucket, intervals.Relative)),
	})
	if err != nil {
		return forecast.Model{}, err
	}
	if err := w.artifacts.Put(ctx, artifact.Name(sum), data); err != nil {
		return forecast.Model{}, err
	}
	metrics := r.Metrics()
	m := forecast.Model{
		Series: b.job.Series, Kind: r.Kind, Params: r.Params, Artifact: artifact.Name(sum), ArtifactSHA256: sum, Seed: w.cfg.Seed,
		TrainStart: b.y.Start, TrainEnd: b.y.End(), DataSHA256: series.Digest(b.y), CodeVersion: w.version, ParentID: b.parent,
		CreatedAt: b.at, MAE: metrics.MAE, MAPE: metrics.MAPE, MASE: metrics.MASE, Reason: b.job.Reason,
		Observations: uint32(b.y.Observed()), StageAt: b.at, PValue: math.NaN(), //nolint:gosec // far fewer than four billion
	}
	m.ID = modelID(m)
	return m, nil
}

// fit fits a candidate on all of y; a panic fails that candidate alone.
func (w *Workshop) fit(y series.Series, results []eval.Result, i int) (m model.Forecaster, err error) {
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, fmt.Errorf("%s: panic: %v", results[i].Kind, v)
		}
	}()
	if i < len(w.candidates) {
		return w.candidates[i].Fit(y)
	}
	return w.weighting.Fit(y, w.candidates, results[:len(w.candidates)])
}

// narrow returns v in half the space.
func narrow(v [][]float64) [][]float32 {
	out := make([][]float32, len(v))
	for i, row := range v {
		out[i] = make([]float32, len(row))
		for k, x := range row {
			out[i][k] = float32(x)
		}
	}
	return out
}
