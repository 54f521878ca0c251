package monitor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// flushEvery is how often time passes for the rules, and so the most that an alert waits for its clock.
const flushEvery = 250 * time.Millisecond

// Run runs the service until ctx is done.
func Run(ctx context.Context, common node.Config, cfg Config, log *zap.Logger) error {
	n, err := node.Start(ctx, event.Monitor, common, log)
	if err != nil {
		return err
	}
	kv, err := n.KV(ctx, wire.BucketAlert)
	if err != nil {
		return n.Abort(ctx, err)
	}
	if err := cfg.Validate(); err != nil {
		return n.Abort(ctx, err)
	}
	if _, err := readBook(cfg.Rules); err != nil {
		return n.Abort(ctx, err)
	}
	var c control
	for verb, answer := range c.verbs() {
		n.Answer(verb, answer)
	}
	n.Lead(func(ctx context.Context) error { return watch(ctx, n, cfg, kv, &c) })
	return n.Run(ctx)
}

// watch is the monitor as long as this process is the one that watches.
func watch(ctx context.Context, n *node.Node, cfg Config, state State, c *control) error {
	h, err := New(cfg, state, nil)
	if err != nil {
		return err
	}
	c.h.Store(h)
	defer c.h.Store(nil)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return n.Handle(ctx, stage.Subscription{
			Stream: wire.StreamEvent, Consumer: event.Monitor, Filters: []string{wire.AllEvents}, Handler: h, Batch: 256,
		}, stage.Subscription{
			Stream: wire.StreamEvent, Consumer: "monitor_record", Filters: []string{wire.AllEvents}, Handler: NewRecorder(cfg), Sink: n.Store,
			// Nobody waits for the history: few large inserts cost less than many small ones.
			Batch: 1000, Linger: 500 * time.Millisecond,
		})
	})
	g.Go(func() error { return flush(ctx, n, h) })
	g.Go(func() error { return newHeadroom(n.Store.Disks, n.Report, n.Log.Named("headroom")).run(ctx) })
	g.Go(func() error {
		return (&courier{h: h, client: http.DefaultClient, dead: n.Bus, log: n.Log.Named("courier")}).run(ctx)
	})
	if cfg.Rules != "" {
		f := rulesFile{path: cfg.Rules, use: h.SetRules, report: n.Report, log: n.Log}
		g.Go(func() error { return f.watch(ctx) })
	}
	return g.Wait()
}

// flush says what was decided, and lets time pass for the rules, until ctx is done.
func flush(ctx context.Context, n *node.Node, h *Handler) error {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	var told time.Time
	for {
		select {
		case <-t.C:
		case <-h.Woken():
		case <-ctx.Done():
			return nil
		}
		// What could not be said is kept and said at the next turn.
		if err := h.Flush(ctx, n.Store, announcer{n.Bus, n.Log}); err != nil && ctx.Err() == nil && time.Since(told) > time.Minute {
			told = time.Now()
			n.Log.Warn("alerts not said yet", zap.Error(err))
		}
	}
}

// announcer publishes alerts and logs those that the bus has taken.
type announcer struct {
	stage.Publisher
	log *zap.Logger
}

// Publish implements stage.Publisher.
func (a announcer) Publish(ctx context.Context, msgs ...stage.Message) error {
	if err := a.Publisher.Publish(ctx, msgs...); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	for _, m := range msgs {
		if x, err := wire.DecodeAlert(m.Data); err == nil {
			a.log.Info("alert", zap.String("state", string(x.State)), zap.String("severity", string(x.Severity)), zap.String("name", x.Name),
				zap.String("summary", x.Summary), zap.String("cause", x.Cause), zap.String("id", x.ID))
		}
	}
	return nil
}
