// Package forecaster keeps forecasts of every series current, scores them as observations arrive, and says when a
// model no longer does what its backtest promised.
//
// A Desk holds one state per series: a window of recent observations, the champion, the forecasts still open and the
// drift detector. All of it is a cache of the record, rebuilt when a series is first met and after Forget. Time is the
// KnownAt of the batches, so that replaying the same messages makes the same rows.
package forecaster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// Record reads what the pipeline knew. chio.Store is one.
type Record interface {
	// Known returns the grid points from..to as they were known at asOf.
	Known(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Series, error)
	// PendingForecasts returns whole forecasts issued at or after since, in order of issue.
	PendingForecasts(ctx context.Context, id series.ID, since time.Time) ([]forecast.Forecast, error)
	// Champion returns the model that serves id now; false when there is none.
	Champion(ctx context.Context, id series.ID) (forecast.Model, bool, error)
	// ScaledErrors returns, for each target at or after since that has scores, the mean of their scaled errors.
	ScaledErrors(ctx context.Context, id series.ID, since time.Time) ([]series.Observation, error)
	// DayErrors returns the scores of targets at or after since and scored by asOf, by local day in zone and by horizons up to and beyond
	// a day of so many steps, in order of days.
	DayErrors(ctx context.Context, id series.ID, since, asOf time.Time, zone *time.Location, day int) ([]forecast.DayErrors, error)
	// Outcomes returns for each target at or after since and each bucket of so many horizons what became of the newest
	// forecast that was no fallback, as it was known at asOf.
	Outcomes(ctx context.Context, id series.ID, since, asOf time.Time, bucket int) ([]forecast.Outcome, error)
}

// Artifacts fetches fitted models by name.
type Artifacts interface {
	Get(ctx context.Context, name string) ([]byte, error)
}

// Desk forecasts and scores. It is safe for concurrent use.
type Desk struct {
	cfg       Config
	instance  string
	record    Record
	artifacts Artifacts

	mu     sync.Mutex
	states map[series.ID]*state
}

// New returns a Desk. instance names the process in its events.
func New(cfg Config, instance string, record Record, artifacts Artifacts) *Desk {
	return &Desk{cfg: cfg, instance: instance, record: record, artifacts: artifacts, states: map[series.ID]*state{}}
}

// Observations handles batches of bw.obs.valid: it scores the forecasts that waited for them and issues a new one.
func (d *Desk) Observations() stage.Handler { return observations{d} }

// Models handles announcements of bw.model: the series is served by the new model from now on.
func (d *Desk) Models() stage.Handler { return models{d} }

// Forget drops the state of all series.
func (d *Desk) Forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.states)
}

type observations struct{ *Desk }

// Handle implements stage.Handler.
func (o observations) Handle(ctx context.Context, in stage.Message) (stage.Result, error) {
	b, err := wire.DecodeBatch(in.Data)
	if err != nil {
		return stage.Result{}, err
	}
	if b.Step <= 0 {
		return stage.Result{}, fmt.Errorf("batch of %s: step %s is not positive: %w", b.Series, b.Step, stage.ErrPermanent)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s, err := o.state(ctx, b)
	if err != nil {
		return stage.Result{}, err
	}
	var out stage.Result
	if b.Origin == series.Reminder {
		o.remind(ctx, s, b.KnownAt, &out)
		return out, nil
	}
	s.observe(b)
	if b.Origin == series.Backfill {
		if !b.Final {
			return out, nil
		}
	} else {
		o.score(s, b, &out)
	}
	if s.due() {
		s.missed = 0
		o.issue(ctx, s, b.KnownAt, late{}, &out)
	}
	o.requestModel(s, b, &out)
	return out, nil
}

type models struct{ *Desk }

// Handle implements stage.Handler.
func (m models) Handle(ctx context.Context, in stage.Message) (stage.Result, error) {
	announced, err := wire.DecodeModel(in.Data)
	if err != nil {
		return stage.Result{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, known := m.states[announced.Series]
	if !known {
		// The series has not been met since the start; its champion is read from the record when it is.
		return stage.Result{}, nil
	}
	if s.champion != nil && announced.StageAt.Before(s.champion.model.StageAt) {
		// A replayed or late announcement must not put an older model back into service.
		return stage.Result{}, nil
	}
	champion, err := m.load(ctx, announced)
	if err != nil {
		return stage.Result{}, err
	}
	s.champion, s.live = champion, nil
	s.daily.renew()
	var out stage.Result
	if s.window.Len() == 0 {
		return out, nil
	}
	// A later stamp than the forecast it replaces, on the clock of the data.
	m.issue(ctx, s, s.issuedAt.Add(time.Millisecond), s.late(m.cfg.Horizon), &out)
	return out, nil
}

// champion is a model ready to serve.
type champion struct {
	model forecast.Model
	artifact.Artifact
}

func (d *Desk) load(ctx context.Context, m forecast.Model) (*champion, error) {
	data, err := d.artifacts.Get(ctx, m.Artifact)
	if err != nil {
		return nil, fmt.Errorf("model %s of %s: %w", m.ID, m.Series, err)
	}
	a, err := artifact.Decode(data)
	if errors.Is(err, artifact.ErrVersion) {
		return nil, fmt.Errorf("model %s of %s: %w: %w", m.ID, m.Series, err, stage.ErrPermanent)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s of %s: %w", m.ID, m.Series, err)
	}
	return &champion{model: m, Artifact: a}, nil
}

// requestModel asks the trainer for a first model once there is history enough.
func (d *Desk) requestModel(s *state, b series.Batch, out *stage.Result) {
	if s.champion != nil || s.requested || s.window.Len() == 0 || s.window.Series().Observed() < d.cfg.MinTrain {
		return
	}
	s.requested = true
	job := forecast.Job{
		Series: b.Series, Reason: forecast.ColdStart, AsOf: b.KnownAt, RequestedAt: b.KnownAt, RequestedBy: event.Forecaster,
		ID: fmt.Sprintf("%s.%s.%d", forecast.ColdStart, b.Series, b.KnownAt.Unix()),
	}
	out.Out = append(out.Out, stage.Message{Subject: wire.TrainJob(b.Series), ID: "job." + job.ID, Data: wire.EncodeJob(job)})
}
