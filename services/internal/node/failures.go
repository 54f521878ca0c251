package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// storeUnavailable is the error event of a store that refuses rows; the subject is the service.
const storeUnavailable = "store_unavailable"

// failures turns failed messages into error events. An outage of the store is one event for the whole process, however
// many subscriptions it stops: it is raised when the first of them fails, repeated at heartbeats at most, and cleared
// when the last of them can write again.
type failures struct {
	node *Node

	mu     sync.Mutex
	down   map[string]bool // subscriptions whose last write the store refused
	raised time.Time       // when the event was last raised; zero when it is cleared
}

// key names a subscription, or a partition of it.
func key(s stage.Subscription) string { return s.Consumer + " " + s.Partition }

func (f *failures) report(ctx context.Context, s stage.Subscription, x stage.Failure) {
	n := f.node
	n.Log.Error("message failed", zap.String("consumer", x.Subscription), zap.String("subject", x.Message.Subject),
		zap.String("id", x.Message.ID), zap.Int("attempt", x.Message.Attempt), zap.String("stage", x.Stage),
		zap.Bool("dead_letter", x.DeadLetter), zap.Error(x.Err))
	e := event.Error{Class: event.Operational, Code: "handler_failed", Subject: x.Subscription, Severity: event.Warning}
	switch {
	case x.DeadLetter:
		e.Code = "dead_letter"
	case x.Stage == "write" || errors.Is(x.Err, chio.ErrUnavailable):
		if !f.fails(key(s)) {
			return
		}
		e = f.outage(fmt.Sprintf("%s waits for ClickHouse, nothing is lost: %v", n.Service, x.Err))
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("%s: message %s on %s, attempt %d: %s: %v", x.Subscription, x.Message.ID, x.Message.Subject, x.Message.Attempt, x.Stage, x.Err)
	}
	if err := n.Report.Raise(ctx, e); err != nil {
		n.Log.Warn("error event not sent", zap.Error(err))
	}
}

func (f *failures) outage(message string) event.Error {
	return event.Error{Class: event.Infrastructure, Code: storeUnavailable, Subject: f.node.Service, Severity: event.Critical, Message: message}
}

// fails notes that the store refused a write of subscription sub, and reports whether that is to be said.
func (f *failures) fails(sub string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down == nil {
		f.down = map[string]bool{}
	}
	f.down[sub] = true
	if time.Since(f.raised) < f.node.cfg.Heartbeat {
		return false
	}
	f.raised = time.Now()
	return true
}

// writes notes that the store took a write of subscription sub, and reports whether an outage has ended with it.
func (f *failures) writes(sub string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.down, sub)
	if len(f.down) > 0 || f.raised.IsZero() {
		return false
	}
	f.raised = time.Time{}
	return true
}

// forget drops a subscription that is another process's from now on.
func (f *failures) forget(s stage.Subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.down, key(s))
}

// clearing reports the end of a store outage.
type clearing struct {
	stage.Sink
	failures *failures
	of       string // subscription
}

// Write implements stage.Sink.
func (c clearing) Write(ctx context.Context, token string, rows []stage.Row) error {
	if err := c.Sink.Write(ctx, token, rows); err != nil {
		return err
	}
	if !c.failures.writes(c.of) {
		return nil
	}
	n := c.failures.node
	if err := n.Report.Clear(ctx, c.failures.outage("the store takes rows again")); err != nil {
		n.Log.Warn("error event not sent", zap.Error(err))
	}
	return nil
}
