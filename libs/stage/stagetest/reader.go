package stagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// reader is one subscription and how far it is. A turn handles one batch.
type reader struct {
	bus *Bus

	mu       sync.Mutex // held during a turn, so that Drain and Consume may both drive the reader
	sub      stage.Subscription
	attempts map[int]int  // by sequence: deliveries so far
	excused  map[int]int  // by sequence: attempts that do not count, because it was the store that failed
	done     map[int]bool // by sequence: acknowledged or given up
}

// errPanic marks a permanent error that was a panic of the handler.
var errPanic = errors.New("panic")

// attempt is one message in a turn.
type attempt struct {
	entry *entry
	in    stage.Message
	res   stage.Result
}

func newReader(b *Bus, s stage.Subscription) *reader {
	r := &reader{bus: b, attempts: map[int]int{}, excused: map[int]int{}, done: map[int]bool{}}
	r.setSubscription(s)
	return r
}

func (r *reader) setSubscription(s stage.Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.Batch <= 0 {
		s.Batch = 64
	}
	if s.MaxDeliver <= 0 {
		s.MaxDeliver = 8
	}
	r.sub = s
}

func (r *reader) name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sub.Consumer
}

// turn handles one batch. progress is false when there was nothing to handle. The error says that a dependency is
// down; the messages then stay, and their attempts do not count.
func (r *reader) turn(ctx context.Context) (progress bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ready []*attempt
	blocked := map[string]bool{} // subjects with a message that failed in this turn
	batch := r.next()
	for _, a := range batch {
		if blocked[a.in.Subject] {
			continue
		}
		if r.alone(a) {
			if err := r.commit(ctx, ready, blocked); err != nil || ctx.Err() != nil {
				return false, err
			}
			ready = nil
		}
		r.attempts[a.entry.seq]++
		res, err := r.call(ctx, a.in)
		switch {
		case ctx.Err() != nil:
			r.forget()
			return false, nil
		case natsio.Outage("handle", err):
			r.attempts[a.entry.seq]--
			return false, errors.Join(err, r.commit(ctx, ready, blocked))
		case err != nil:
			r.failed(ctx, a, "handle", err, blocked)
			continue
		}
		a.res = res
		ready = append(ready, a)
		if r.alone(a) {
			if err := r.commit(ctx, ready, blocked); err != nil {
				return false, err
			}
			ready = nil
		}
	}
	err = r.commit(ctx, ready, blocked)
	return err == nil && len(batch) > 0, err
}

// next returns the earliest messages that are not done.
func (r *reader) next() []*attempt {
	r.bus.mu.Lock()
	defer r.bus.mu.Unlock()
	var batch []*attempt
	for _, e := range r.bus.messages {
		if len(batch) == r.sub.Batch {
			break
		}
		if e.stream != r.sub.Stream || e.gone || r.done[e.seq] || !r.wants(e.msg.Subject) {
			continue
		}
		in := e.msg
		in.Attempt = r.attempts[e.seq] + 1
		batch = append(batch, &attempt{entry: e, in: in})
	}
	return batch
}

func (r *reader) wants(subject string) bool {
	for _, f := range r.sub.Filters {
		if Match(f, subject) {
			return true
		}
	}
	return len(r.sub.Filters) == 0
}

// alone is when a message is committed on its own, as natsio does.
func (r *reader) alone(a *attempt) bool { return a.in.Attempt > 2 }

func (r *reader) call(ctx context.Context, in stage.Message) (res stage.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = stage.Result{}, fmt.Errorf("%w: %v: %w", errPanic, p, stage.ErrPermanent)
		}
	}()
	in.Header = maps.Clone(in.Header)
	return r.sub.Handler.Handle(ctx, in)
}

// commit writes, publishes and acknowledges group. The error is an outage; then nothing is acknowledged.
func (r *reader) commit(ctx context.Context, group []*attempt, blocked map[string]bool) error {
	if len(group) == 0 || done(ctx) {
		return nil
	}
	at, err := r.store(ctx, group)
	switch {
	case err == nil:
		for _, a := range group {
			r.settle(a)
		}
	case done(ctx):
		r.forget()
	case natsio.Outage(at, err):
		for _, a := range group {
			r.attempts[a.entry.seq]--
		}
		r.forget() // the real bus keeps the results and stores them later; here the messages are handled again
		r.report(ctx, group[0], at, err, false)
		return err
	case len(group) > 1 && errors.Is(err, stage.ErrPermanent):
		for _, a := range group {
			if err := r.commit(ctx, []*attempt{a}, blocked); err != nil {
				return err
			}
		}
	default:
		r.forget()
		for _, a := range group {
			r.failed(ctx, a, at, err, blocked)
		}
	}
	return nil
}

func (r *reader) store(ctx context.Context, group []*attempt) (at string, err error) {
	var (
		rows []stage.Row
		out  []stage.Message
		ids  []string
	)
	for _, a := range group {
		rows, out = append(rows, a.res.Rows...), append(out, a.res.Out...)
		ids = append(ids, strconv.Quote(a.in.ID))
	}
	if len(rows) > 0 {
		if r.sub.Sink == nil {
			return "write", fmt.Errorf("%d rows but no sink: %w", len(rows), stage.ErrPermanent)
		}
		token := r.sub.Consumer + " " + strings.Join(ids, " ")
		if err := r.sub.Sink.Write(ctx, token, rows); err != nil {
			return "write", err
		}
	}
	if len(out) > 0 {
		if err := r.bus.Publish(ctx, out...); err != nil && !errors.Is(err, natsio.ErrDiscarded) {
			return "publish", err
		}
	}
	return "", nil
}

func (r *reader) forget() {
	if f, ok := r.sub.Handler.(stage.Forgetter); ok {
		f.Forget()
	}
}

func (r *reader) failed(ctx context.Context, a *attempt, at string, err error, blocked map[string]bool) {
	if at != "handle" {
		r.excused[a.entry.seq]++
	}
	exhausted := at == "handle" && a.in.Attempt-r.excused[a.entry.seq] >= r.sub.MaxDeliver
	if exhausted || errors.Is(err, stage.ErrPermanent) {
		if dead := r.deadLetter(ctx, a, at, err); dead == nil {
			r.report(ctx, a, at, err, true)
			r.settle(a)
			return
		}
	}
	blocked[a.in.Subject] = true
	r.report(ctx, a, at, err, false)
}

func (r *reader) deadLetter(ctx context.Context, a *attempt, at string, err error) error {
	h := maps.Clone(a.in.Header)
	if h == nil {
		h = map[string]string{}
	}
	class := event.Infrastructure
	switch {
	case errors.Is(err, errPanic):
		class = event.Operational
	case at == "handle" && errors.Is(err, stage.ErrPermanent):
		class = event.DataIntegrity
	case at == "handle":
		class = event.Operational
	}
	h[natsio.HeaderReasonClass] = string(class)
	h[natsio.HeaderReason] = err.Error()
	h[natsio.HeaderStage] = at
	h[natsio.HeaderSubject] = a.in.Subject
	h[natsio.HeaderMessageID] = a.in.ID
	h[natsio.HeaderAttempts] = strconv.Itoa(a.in.Attempt)
	h[natsio.HeaderStream] = r.sub.Stream
	h[natsio.HeaderStreamSeq] = strconv.Itoa(a.entry.seq)
	return r.bus.Publish(ctx, stage.Message{
		Subject: wire.DLQ(r.sub.Stream, r.sub.Consumer),
		ID:      fmt.Sprintf("dlq.%s.%s.%d", r.sub.Stream, r.sub.Consumer, a.entry.seq),
		Header:  h,
		Data:    a.in.Data,
	})
}

// settle drops the message from the consumer, and from a work queue.
func (r *reader) settle(a *attempt) {
	r.done[a.entry.seq] = true
	streams, _ := natsio.Layout()
	for _, s := range streams {
		if s.Name == r.sub.Stream && s.WorkQueue {
			r.bus.mu.Lock()
			a.entry.gone = true
			r.bus.mu.Unlock()
		}
	}
}

func (r *reader) report(ctx context.Context, a *attempt, at string, err error, dead bool) {
	if r.sub.Report != nil {
		r.sub.Report(ctx, stage.Failure{Subscription: r.sub.Consumer, Message: a.in, Err: err, Stage: at, DeadLetter: dead})
	}
}

func done(ctx context.Context) bool { return ctx.Err() != nil }
