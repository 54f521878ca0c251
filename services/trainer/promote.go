package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// PromoteRequest is the payload of a request on bw.ctl.trainer.promote, JSON: a registered model is to serve.
type PromoteRequest struct {
	Series string `json:"series"`
	// ModelID names the model; empty means the parent of the present champion, which is a rollback.
	ModelID string `json:"model_id,omitempty"`
	Why     string `json:"why,omitempty"` // for the record
}

// Promoted is the answer.
type Promoted struct {
	Series  string    `json:"series"`
	ModelID string    `json:"model_id"`
	Kind    string    `json:"kind"`
	Before  string    `json:"before"`  // the champion up to now; empty for none
	Changed bool      `json:"changed"` // false when it served already
	At      time.Time `json:"at"`
}

// Registry reads registered models. chio.Store is one.
type Registry interface {
	// Champion returns the model that serves id now; false when there is none.
	Champion(ctx context.Context, id series.ID) (forecast.Model, bool, error)
	// Model returns a registered model of id; false when there is none of that name.
	Model(ctx context.Context, id series.ID, model string) (forecast.Model, bool, error)
}

// Promoter puts registered models into service on request.
type Promoter struct {
	Registry  Registry
	Sink      stage.Sink
	Publisher stage.Publisher
	Artifacts interface {
		Get(ctx context.Context, name string) ([]byte, error)
	}

	now func() time.Time
}

// Answer carries out a PromoteRequest and answers with a Promoted. The row is in the registry, and then the model is
// announced, before it returns; a request that was interrupted can be repeated. The error wraps stage.ErrPermanent when
// no repetition helps.
func (p *Promoter) Answer(ctx context.Context, data []byte) ([]byte, error) {
	var req PromoteRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, fmt.Errorf(`promote: body is not {"series": "eia.PJM", "model_id": "…"}: %w: %w`, err, stage.ErrPermanent)
	}
	id, err := series.ParseID(req.Series)
	if err != nil {
		return nil, fmt.Errorf("series: %w: %w", err, stage.ErrPermanent)
	}
	done, err := p.promote(ctx, id, req)
	if err != nil {
		return nil, err
	}
	return json.Marshal(done)
}

func (p *Promoter) promote(ctx context.Context, id series.ID, req PromoteRequest) (Promoted, error) {
	serving, found, err := p.Registry.Champion(ctx, id)
	if err != nil {
		return Promoted{}, err
	}
	m, err := p.choose(ctx, id, req.ModelID, serving, found)
	if err != nil {
		return Promoted{}, err
	}
	done := Promoted{Series: id.String(), ModelID: m.ID, Kind: string(m.Kind), Before: serving.ID, Changed: !found || m.ID != serving.ID, At: serving.StageAt}
	if done.Changed {
		if err := p.serveable(ctx, m); err != nil {
			return Promoted{}, err
		}
		now := p.time()
		m.Stage, m.StageAt, done.At = forecast.Champion, now, now
		m.Decision = "put into service by hand"
		if req.ModelID == "" {
			m.Decision = "put back into service by hand in place of " + serving.ID
		} else if found {
			m.ParentID = serving.ID // a rollback leads back to it
		}
		if req.Why != "" {
			m.Decision += ": " + req.Why
		}
		if err := p.Sink.Write(ctx, fmt.Sprintf("promote.%s.%d", m.ID, now.UnixMilli()), []stage.Row{modelRow(m)}); err != nil {
			return Promoted{}, err
		}
	}
	// Also when nothing changed: the announcement of an interrupted request may be missing.
	return done, p.Publisher.Publish(ctx, announce(m, strconv.FormatInt(m.StageAt.UnixMilli(), 10)))
}

// choose returns the model that is to serve.
func (p *Promoter) choose(ctx context.Context, id series.ID, model string, serving forecast.Model, found bool) (forecast.Model, error) {
	switch {
	case model == "" && !found:
		return forecast.Model{}, fmt.Errorf("%s has no champion to roll back; train one: bellwether train %s: %w", id, id, stage.ErrPermanent)
	case model == "" && serving.ParentID == "":
		return forecast.Model{}, fmt.Errorf("model %s of %s replaced no other; name one to promote: bellwether models list %s: %w", serving.ID, id, id, stage.ErrPermanent)
	case model == "":
		model = serving.ParentID
	case model == serving.ID:
		return serving, nil
	}
	m, ok, err := p.Registry.Model(ctx, id, model)
	if err == nil && !ok {
		err = fmt.Errorf("%s has no model %s; bellwether models list %s shows them: %w", id, model, id, stage.ErrPermanent)
	}
	return m, err
}

// serveable returns why the model cannot serve.
func (p *Promoter) serveable(ctx context.Context, m forecast.Model) error {
	data, err := p.Artifacts.Get(ctx, m.Artifact)
	if err != nil {
		return fmt.Errorf("model %s cannot serve: %w", m.ID, err)
	}
	if _, err := artifact.Decode(data); err != nil {
		if errors.Is(err, artifact.ErrVersion) {
			err = fmt.Errorf("%w: %w", err, stage.ErrPermanent)
		}
		return fmt.Errorf("model %s cannot serve: %w", m.ID, err)
	}
	return nil
}

// time returns the present as the store keeps it.
func (p *Promoter) time() time.Time {
	if p.now != nil {
		return p.now()
	}
	return time.Now().UTC().Truncate(time.Millisecond)
}
