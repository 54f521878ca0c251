// Package report is how a service speaks about itself: error, lag and heartbeat events on the bus.
package report

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Reporter publishes the events of one service instance. It is safe for concurrent use.
type Reporter struct {
	service  string
	instance string
	version  string
	started  time.Time
	pub      stage.Publisher
	now      func() time.Time
	seq      atomic.Uint64

	mu   sync.Mutex
	said map[string]event.Condition // last said about an error, by class, code and subject
}

// New returns a reporter. now is the wall clock; nil means time.Now.
func New(service, instance, version string, pub stage.Publisher, now func() time.Time) *Reporter {
	if now == nil {
		now = time.Now
	}
	return &Reporter{
		service: service, instance: instance, version: version,
		started: now(), pub: pub, now: now, said: map[string]event.Condition{},
	}
}

func key(e event.Error) string { return string(e.Class) + "/" + e.Code + "/" + e.Subject }

// Raise reports a failure. It may be repeated while the failure lasts.
func (r *Reporter) Raise(ctx context.Context, e event.Error) error {
	e.Condition = event.Raised
	if e.Severity == "" {
		e.Severity = event.Warning
	}
	r.mu.Lock()
	r.said[key(e)] = event.Raised
	r.mu.Unlock()
	return r.send(ctx, event.Event{Error: &e})
}

// Clear reports the end of a failure. Class, Code and Subject say which. Clearing again what was cleared says nothing;
// the first time it is said in any case, since an earlier life of the service may have raised it.
func (r *Reporter) Clear(ctx context.Context, e event.Error) error {
	r.mu.Lock()
	known := r.said[key(e)] == event.Cleared
	r.said[key(e)] = event.Cleared
	r.mu.Unlock()
	if known {
		return nil
	}
	e.Condition = event.Cleared
	if e.Severity == "" {
		e.Severity = event.Warning
	}
	return r.send(ctx, event.Event{Error: &e})
}

// Lag reports the state of a consumer or the age of a series' data.
func (r *Reporter) Lag(ctx context.Context, l event.Lag) error {
	return r.send(ctx, event.Event{Lag: &l})
}

// Heartbeat says that the service is alive. state is "starting", "running" or "stopping"; the next heartbeat is due
// within interval; processed counts messages handled since start.
func (r *Reporter) Heartbeat(ctx context.Context, state string, interval time.Duration, processed uint64) error {
	return r.send(ctx, event.Event{Heartbeat: &event.Heartbeat{
		State: state, Version: r.version, Interval: interval, Processed: processed, Uptime: r.now().Sub(r.started),
	}})
}

func (r *Reporter) send(ctx context.Context, e event.Event) error {
	e.Service, e.Instance, e.At = r.service, r.instance, r.now().UTC()
	// Unique for this process: the start time tells two lives of one instance apart.
	e.ID = fmt.Sprintf("%s.%s.%d.%d", r.service, r.instance, r.started.UnixNano(), r.seq.Add(1))
	if err := r.pub.Publish(ctx, wire.EncodeEvent(e)); err != nil {
		return fmt.Errorf("report %s: %w", e.Kind(), err)
	}
	return nil
}
