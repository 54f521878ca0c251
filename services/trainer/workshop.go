// Package trainer makes models: for every job it backtests the candidates on the history as it was known at each
// origin, makes the best one champion, and registers it with its lineage.
//
// The same job on the same record gives the same rows, the same artifact bytes and the same model id.
package trainer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// Record reads the history of a series with everything that became known about it. chio.Store is one.
type Record interface {
	// Revisions returns all revisions of the points from..to that were known at asOf; see series.Revised.
	Revisions(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Revised, error)
	// Champion returns the model that serves id now; false when there is none.
	Champion(ctx context.Context, id series.ID) (forecast.Model, bool, error)
	// Held counts grid points in (from, to] that have an observation, and those of which all reports are in quarantine.
	Held(ctx context.Context, id series.ID, from, to time.Time) (accepted, held uint64, err error)
}

// Artifacts keeps fitted models by name. Putting the same bytes under the same name again changes nothing.
type Artifacts interface {
	Put(ctx context.Context, name string, data []byte) error
}

// Workshop handles training jobs. It is safe for concurrent use.
type Workshop struct {
	cfg        Config
	instance   string
	version    string
	record     Record
	artifacts  Artifacts
	candidates []model.Fitter
	weighting  eval.Weighting // of the ensemble of the candidates
	split      eval.Split     // of the intervals
}

// New returns a Workshop over model.Candidates and the ensemble of them. instance names the process in its events, version is that of the code
// and is part of every model's lineage.
func New(cfg Config, instance, version string, record Record, artifacts Artifacts) *Workshop {
	return &Workshop{
		cfg: cfg, instance: instance, version: version, record: record, artifacts: artifacts,
		candidates: model.Candidates(), weighting: eval.Weighting{Power: 4, Block: 24}, split: eval.Split{Widen: 1},
	}
}

// ErrNoCandidate is returned when every candidate failed at some origin.
var ErrNoCandidate = errors.New("trainer: no candidate came through the backtest")

// Handle implements stage.Handler for bw.job.train.
func (w *Workshop) Handle(ctx context.Context, in stage.Message) (stage.Result, error) {
	job, err := wire.DecodeJob(in.Data)
	if err != nil {
		return stage.Result{}, err
	}
	if why, err := w.broken(ctx, job); err != nil || why != "" {
		return w.hold(job, in, why), err
	}
	made, err := w.train(ctx, job)
	switch {
	case errors.Is(err, model.ErrTooShort), errors.Is(err, ErrNoCandidate):
		// No redelivery lengthens the history. The next job of the series may find more of it.
		return stage.Result{Out: []stage.Message{w.failed(job, in, err)}}, nil
	case err != nil:
		return stage.Result{}, fmt.Errorf("train %s: %w", job.Series, err)
	}
	out := stage.Result{Rows: made.rows(job, in.Time)}
	announced := made.model
	announced.CreatedAt = in.Time
	out.Out = append(out.Out,
		stage.Message{Subject: wire.Model(job.Series), ID: "model." + announced.ID + "." + job.ID, Data: wire.EncodeModel(announced)},
		w.event(job, in, event.Error{Condition: event.Cleared, Message: fmt.Sprintf("%s has a new champion, %s", job.Series, announced.Kind)}),
	)
	return out, nil
}

// trained is what a job made.
type trained struct {
	model   forecast.Model
	results []eval.Result
	points  int
}

func (w *Workshop) train(ctx context.Context, job forecast.Job) (trained, error) {
	revised, err := w.record.Revisions(ctx, job.Series, job.AsOf.Add(-w.cfg.History), job.AsOf, job.AsOf)
	if err != nil {
		return trained{}, err
	}
	y := revised.AsOf(job.AsOf)
	results, err := w.backtests(ctx, y, revised)
	if err != nil {
		return trained{}, fmt.Errorf("history from %s to %s: %w", job.AsOf.Add(-w.cfg.History).Format(time.RFC3339), job.AsOf.Format(time.RFC3339), err)
	}
	best, err := champion(results)
	if err != nil {
		return trained{}, err
	}
	fitted, err := w.fit(y, results, best)
	if err != nil {
		return trained{}, err
	}
	intervals, err := w.split.Conformal(results[best], forecast.Levels())
	if err != nil {
		return trained{}, err
	}
	data, sum, err := artifact.Encode(artifact.Artifact{Forecaster: fitted, Conformal: intervals, MAE: results[best].HorizonMAE()})
	if err != nil {
		return trained{}, err
	}
	if err := w.artifacts.Put(ctx, artifact.Name(sum), data); err != nil {
		return trained{}, err
	}
	metrics := results[best].Metrics()
	made := trained{results: results, points: y.Observed(), model: forecast.Model{
		Series: job.Series, Kind: results[best].Kind, Params: results[best].Params,
		Artifact: artifact.Name(sum), ArtifactSHA256: sum,
		TrainStart: y.Start, TrainEnd: y.End(), DataSHA256: series.Digest(y), CodeVersion: w.version,
		MAE: metrics.MAE, MAPE: metrics.MAPE, MASE: metrics.MASE, Reason: job.Reason,
	}}
	made.model.ID = modelID(made.model)
	parent, found, err := w.record.Champion(ctx, job.Series)
	if err != nil {
		return trained{}, err
	}
	if found && parent.ID != made.model.ID {
		made.model.ParentID = parent.ID
	}
	return made, nil
}

// fit fits the winner of the backtests on all of y.
func (w *Workshop) fit(y series.Series, results []eval.Result, best int) (model.Forecaster, error) {
	if best < len(w.candidates) {
		return w.candidates[best].Fit(y)
	}
	return w.weighting.Fit(y, w.candidates, results[:len(w.candidates)])
}

// backtests evaluates every candidate at the same origins, and the ensemble of them, which comes last. Each sees only
// what was known at the origin.
func (w *Workshop) backtests(ctx context.Context, y series.Series, revised series.Revised) ([]eval.Result, error) {
	day := 1
	if y.Step > 0 {
		day = max(1, int(24*time.Hour/y.Step))
	}
	plan := eval.Plan{Origins: w.cfg.Origins, Stride: w.cfg.Stride, Horizon: w.cfg.Horizon, MinTrain: 14 * day, RefitEvery: w.cfg.Refit}
	asOf := func(origin time.Time) (series.Series, error) { return revised.AsOf(origin), nil } //nolint:unparam // the shape of eval.History
	results := make([]eval.Result, len(w.candidates))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range w.candidates {
		g.Go(func() error {
			var err error
			results[i], err = eval.Backtest(ctx, y, c, plan, asOf)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return append(results, w.weighting.Blend(results, w.weighting.Params())), nil
}

// champion returns the index of the candidate with the smallest mean absolute error. A candidate that failed at any
// origin does not stand. The first of equals wins, so that the choice does not depend on chance.
func champion(results []eval.Result) (int, error) {
	best, least := -1, math.Inf(1)
	for i, r := range results {
		if mae := r.Metrics().MAE; r.Failed() == 0 && mae < least {
			best, least = i, mae
		}
	}
	if best < 0 {
		errs := []error{ErrNoCandidate}
		for _, r := range results {
			errs = append(errs, r.Err())
		}
		return 0, errors.Join(errs...)
	}
	return best, nil
}

// modelID names a model by everything that made it.
func modelID(m forecast.Model) string {
	sum := sha256.Sum256([]byte(m.Series.String() + "\x00" + string(m.Kind) + "\x00" + m.Params + "\x00" + m.DataSHA256 + "\x00" + m.ArtifactSHA256 + "\x00" + m.CodeVersion))
	return hex.EncodeToString(sum[:8])
}

func (w *Workshop) failed(job forecast.Job, in stage.Message, err error) stage.Message {
	return w.event(job, in, event.Error{
		Condition: event.Raised, Severity: event.Warning,
		Message: fmt.Sprintf("%s could not be trained (%s): %s", job.Series, job.Reason, err),
	})
}

func (w *Workshop) event(job forecast.Job, in stage.Message, e event.Error) stage.Message {
	e.Class, e.Code, e.Subject = event.Operational, "training_failed", job.Series.String()
	if e.Severity == "" {
		e.Severity = event.Warning
	}
	return wire.EncodeEvent(event.Event{
		ID:      fmt.Sprintf("training.%s.%s", job.ID, e.Condition),
		Service: event.Trainer, Instance: w.instance, At: in.Time, Error: &e,
	})
}
