package ingestor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// RefreshRequest is the payload of a request on bw.ctl.ingestor.refresh, JSON.
type RefreshRequest struct {
	AsOf time.Time `json:"as_of,omitzero"` // the clock of the refresh; zero means now
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

// Run runs the service until ctx is done: it refreshes at once and then at every poll, and on request. Of several
// replicas one polls.
func Run(ctx context.Context, common node.Config, cfg Config, log *zap.Logger) error {
	n, err := node.Start(ctx, event.Ingestor, common, log)
	if err != nil {
		return err
	}
	kv, err := n.KV(ctx, wire.BucketCursor)
	if err != nil {
		return n.Abort(ctx, err)
	}
	r, err := New(cfg, Deps{
		Publisher: n.Bus, Sink: n.Store, Cursors: kv, Reporter: n.Report, Log: n.Log, Metrics: n.Registry,
		Progress: func(p Progress) {
			n.Log.Info("backfill", zap.Stringer("series", p.Series), zap.Time("done", p.Done), zap.Time("to", p.To), zap.Uint64("rows", p.Rows))
		},
	})
	if err != nil {
		return n.Abort(ctx, err)
	}
	n.Answer("refresh", r.answer)
	if cfg.Poll > 0 {
		n.Lead(r.poll)
	}
	return n.Run(ctx)
}

// poll refreshes at once and then every Poll. A refresh that fails has reported why; the next one asks again.
func (r *Runner) poll(ctx context.Context) error {
	t := time.NewTicker(r.cfg.Poll)
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

func (r *Runner) answer(ctx context.Context, data []byte) ([]byte, error) {
	var req RefreshRequest
	if len(data) > 0 {
		if err := json.Unmarshal(data, &req); err != nil {
			return nil, fmt.Errorf(`refresh: body is not {"as_of": "2023-01-02T05:00:00Z"}: %w`, err)
		}
	}
	if limit := r.deps.Now().Add(time.Hour); req.AsOf.After(limit) {
		return nil, fmt.Errorf("as_of: %s is in the future", req.AsOf.Format(time.RFC3339))
	}
	run, err := r.Refresh(ctx, req.AsOf)
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
