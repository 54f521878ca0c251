// Package trainer makes models: for every job it backtests the candidates on the history as it was known at each
// origin, fits the recipe of the champion again, or that of a rival whose win is significant (see contest), and
// registers it and the strongest of the others, the challenger, with their lineage.
//
// The same job on the same record gives the same rows, the same artifact bytes and the same model ids.
package trainer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
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
)

// Record reads the history of a series with everything that became known about it. chio.Store is one.
type Record interface {
	// Revisions returns all revisions of the points from..to that were known at asOf; see series.Revised.
	Revisions(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Revised, error)
	// ChampionBefore returns the model that served id just before a time; false when there was none.
	ChampionBefore(ctx context.Context, id series.ID, before time.Time) (forecast.Model, bool, error)
	// Superseded returns artifacts of retired models of id that nothing needs when keep of them are kept.
	Superseded(ctx context.Context, id series.ID, keep int) ([]string, error)
	// Held counts grid points in (from, to] that have an observation, and those of which all reports are in quarantine.
	Held(ctx context.Context, id series.ID, from, to time.Time) (accepted, held uint64, err error)
}

// Artifacts keeps fitted models by name. Putting the same bytes under the same name again changes nothing.
type Artifacts interface {
	Put(ctx context.Context, name string, data []byte) error
	// Delete removes an artifact; it is no error when it is gone.
	Delete(ctx context.Context, name string) error
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
	contest    contest
}

// New returns a Workshop over model.Candidates and the ensemble of them. instance names the process in its events, version is that of the code
// and is part of every model's lineage.
func New(cfg Config, instance, version string, record Record, artifacts Artifacts) *Workshop {
	return &Workshop{
		cfg: cfg, instance: instance, version: version, record: record, artifacts: artifacts,
		candidates: model.Candidates(), weighting: eval.Weighting{Power: 4, Block: 24}, split: eval.Split{Widen: 1},
		contest: contest{test: eval.Superior{Seed: cfg.Seed}, level: cfg.PromoteLevel, gain: cfg.PromoteGain},
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
	made, err := w.train(ctx, job, in.Time)
	switch {
	case errors.Is(err, model.ErrTooShort), errors.Is(err, ErrNoCandidate):
		// No redelivery lengthens the history. The next job of the series may find more of it.
		return stage.Result{Out: []stage.Message{w.failed(job, in, err)}}, nil
	case err != nil:
		return stage.Result{}, fmt.Errorf("train %s: %w", job.Series, err)
	}
	if err := w.tidy(ctx, job.Series); err != nil {
		return stage.Result{}, fmt.Errorf("train %s: %w", job.Series, err)
	}
	return stage.Result{
		Rows: made.rows(job, in.Time),
		Out: []stage.Message{
			announce(made.champion, job.ID),
			w.event(job, in, event.Error{Condition: event.Cleared, Message: fmt.Sprintf("%s is served by %s: %s", job.Series, made.champion.Kind, made.champion.Decision)}),
			w.held(job, in, event.Cleared, fmt.Sprintf("%s is trained again", job.Series)),
		},
	}, nil
}

// tidy removes the artifacts of models that were retired a while ago. What this job registers is not among them yet.
func (w *Workshop) tidy(ctx context.Context, id series.ID) error {
	if w.cfg.Keep == 0 {
		return nil
	}
	names, err := w.record.Superseded(ctx, id, w.cfg.Keep)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := w.artifacts.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// announce returns the message that makes a model serve; cause tells apart the times it does.
func announce(m forecast.Model, cause string) stage.Message {
	return stage.Message{Subject: wire.Model(m.Series), ID: "model." + m.ID + "." + cause, Data: wire.EncodeModel(m)}
}

// trained is what a job made.
type trained struct {
	champion   forecast.Model
	challenger *forecast.Model // nil when no other candidate stands
	results    []eval.Result
	again      bool // the champion is the same model as before, to the byte: nothing to register
}

// train carries out a job that came at a time, which its models bear.
func (w *Workshop) train(ctx context.Context, job forecast.Job, at time.Time) (trained, error) {
	revised, err := w.record.Revisions(ctx, job.Series, job.AsOf.Add(-w.cfg.History), job.AsOf, job.AsOf)
	if err != nil {
		return trained{}, err
	}
	y := revised.AsOf(job.AsOf)
	results, err := w.backtests(ctx, y, revised)
	if err != nil {
		return trained{}, fmt.Errorf("history from %s to %s: %w", job.AsOf.Add(-w.cfg.History).Format(time.RFC3339), job.AsOf.Format(time.RFC3339), err)
	}
	// Not the one that serves now: that may be what this very job made before it was interrupted.
	before, found, err := w.record.ChampionBefore(ctx, job.Series, at)
	if err != nil {
		return trained{}, err
	}
	var former *forecast.Model
	if found {
		former = &before
	}
	d, err := w.contest.decide(results, former)
	if err != nil {
		return trained{}, err
	}
	b := batch{workshop: w, job: job, y: y, results: results, at: at, parent: before.ID}
	made := trained{results: results}
	if made.champion, err = b.serve(ctx, &d); err != nil {
		return trained{}, err
	}
	if made.again = found && made.champion.ID == before.ID; made.again {
		made.champion = before
	}
	if d.rival >= 0 {
		c, err := b.make(ctx, d.rival)
		if err != nil && !errors.Is(err, errFit) {
			return trained{}, err
		}
		if err == nil {
			c.Stage, c.Decision, c.PValue = forecast.Challenger, d.lost, d.p
			made.challenger = &c
		}
	}
	return made, nil
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
