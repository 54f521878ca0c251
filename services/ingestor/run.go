package ingestor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/ops"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/inbox"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// RefreshRequest is the payload of a request on bw.ctl.ingestor.refresh, JSON.
type RefreshRequest struct {
	AsOf   time.Time `json:"as_of,omitzero"`   // the clock of the refresh; zero means now
	Source string    `json:"source,omitempty"` // empty means all that are asked
}

// Refreshed is the answer: what the refresh did.
type Refreshed struct {
	RunID     string    `json:"run_id"`
	Source    string    `json:"source"`
	Origin    string    `json:"origin"`
	AsOf      time.Time `json:"as_of"`
	Fetched   uint64    `json:"rows_fetched"`
	New       uint64    `json:"rows_new"`
	Revised   uint64    `json:"rows_revised"`
	Missing   uint64    `json:"rows_missing"`
	Malformed uint64    `json:"rows_malformed"`
}

// Run runs the service until ctx is done: it refreshes at once and then at every poll, and on request, and takes what
// sources are sent. Of several replicas one does so.
func Run(ctx context.Context, common node.Config, cfg Config, log *zap.Logger) error {
	n, err := node.Start(ctx, event.Ingestor, common, log)
	if err != nil {
		return err
	}
	kv, err := n.KV(ctx, wire.BucketCursor)
	if err != nil {
		return n.Abort(ctx, err)
	}
	g, err := Open(cfg, Deps{
		Publisher: n.Bus, Sink: n.Store, Cursors: kv, Reporter: n.Report, Log: n.Log, Metrics: n.Registry,
		Progress: func(p Progress) {
			n.Log.Info("backfill", zap.Stringer("series", p.Series), zap.Time("done", p.Done), zap.Time("to", p.To), zap.Uint64("rows", p.Rows))
		},
	})
	if err != nil {
		return n.Abort(ctx, err)
	}
	n.Answer("refresh", g.answerRefresh)
	n.Answer("backfill", g.answerBackfill)
	n.Answer("sources", g.answerSources)
	if g.has(KindPush) {
		l, err := ops.Listen(ctx, cfg.Push)
		if err != nil {
			return n.Abort(ctx, err)
		}
		n.Log.Info("taking observations over HTTP", zap.String("address", l.Addr().String()))
		n.Go("push", func(ctx context.Context) error { return g.servePush(ctx, l) })
	}
	if g.busy() {
		n.Lead(func(ctx context.Context) error {
			return g.lead(ctx, func(ctx context.Context, r *Runner) error { return n.Handle(ctx, r.subscription()) })
		})
	}
	return n.Run(ctx)
}

// subscription reads the messages that the source is sent on the bus. A message that cannot be taken goes to the
// dead-letter stream with the fields that are wrong.
//
// Unlike other handlers this one publishes: a cursor has to be saved after the observations are stored and before the
// message is acknowledged. A repetition finds them unchanged.
func (r *Runner) subscription() stage.Subscription {
	stream, subject := r.spec.inbound()
	s := stage.Subscription{
		Stream: stream, Consumer: "ingestor_" + wire.Token(r.spec.Name), Filters: []string{subject},
		Linger: -1, // nothing is stored for a batch
	}
	s.Handler = stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		_, err := r.Take(ctx, "", in.Data)
		if problems, wrong := errors.AsType[inbox.Errors](err); wrong {
			return stage.Result{}, fmt.Errorf("%s: %w: %w", r.spec.Name, problems, stage.ErrPermanent)
		}
		return stage.Result{}, err
	})
	return s
}

// inbound returns the stream and the subject of a source of kind nats.
func (s *Spec) inbound() (stream, subject string) {
	return cmp.Or(s.NATS.Stream, wire.StreamIn), cmp.Or(s.NATS.Subject, wire.In(s.Name))
}

// poll refreshes at once and then every Poll. A refresh that fails has reported why; the next one asks again.
func (r *Runner) poll(ctx context.Context) error {
	t := time.NewTicker(r.spec.Poll)
	defer t.Stop()
	for {
		if _, err := r.Refresh(ctx, time.Time{}); err != nil && ctx.Err() == nil {
			r.deps.Log.Error("refresh failed", zap.Error(err))
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *Ingestor) answerRefresh(ctx context.Context, data []byte) ([]byte, error) {
	var req RefreshRequest
	if len(data) > 0 {
		if err := json.Unmarshal(data, &req); err != nil {
			return nil, fmt.Errorf(`refresh: body is not {"as_of": "2023-01-02T05:00:00Z"}: %w`, err)
		}
	}
	if limit := g.deps.Now().Add(time.Hour); req.AsOf.After(limit) {
		return nil, fmt.Errorf("as_of: %s is in the future", req.AsOf.Format(time.RFC3339))
	}
	run, err := g.Refresh(ctx, req.Source, req.AsOf)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(Refreshed{
		RunID: run.RunID, Source: run.Source, Origin: run.Origin, AsOf: run.AsOf, Fetched: run.Fetched,
		New: run.New, Revised: run.Revised, Missing: run.Missing, Malformed: run.Malformed,
	})
	if err != nil {
		return nil, fmt.Errorf("refresh: encode the answer: %w", err)
	}
	return out, nil
}
