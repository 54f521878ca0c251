// Package monitor watches the pipeline: it turns the events of all services into alerts that fire once and resolve
// once, and asks for a new model when a series has drifted.
//
// Handle takes events in and decides, but says nothing about alerts. What was decided is kept in
// State before the event is acknowledged, and Flush says it: to the bus first, then to the store, until both have it.
// So no step can be lost in a crash, and one that is repeated has the same ID and is dropped by the bus.
package monitor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/evidence"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/notify"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rule"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rulebook"
)

// maxPause is the longest time between two ticks that the monitor takes for granted. After a longer one it was
// suspended, or its dependencies were, and could not hear.
const maxPause = 10 * time.Second

// Handler is the monitor. It is safe for concurrent use.
type Handler struct {
	cfg   Config
	state State
	now   func() time.Time

	mu      sync.Mutex
	engine  *alert.Engine
	rules   *rule.Set
	book    *rulebook.Book
	own     *rulebook.Watch // rules of the user's own
	desk    *desk.Desk
	notify  *notify.Dispatcher
	seen    *evidence.Log
	retrain *rule.Retrain
	outbox  map[string][]unsaid // by fingerprint, in order
	offered map[string]int      // how many of each the last Tick returned
	dirty   map[string]struct{} // fingerprints to keep
	stale   bool                // what is held may differ from what is kept
	settled time.Time           // until then nothing follows from the passing of time
	ticked  time.Time           // last tick
	groups  map[string]struct{} // groups of receivers to keep
	woken   chan struct{}       // see Woken
	scanned time.Time           // when the passing of time was last applied
	barked  int64               // the watchdog's last word, in intervals since 1970

	flushing sync.Mutex // one Flush at a time
}

var (
	_ stage.Handler   = (*Handler)(nil)
	_ stage.Forgetter = (*Handler)(nil)
)

// New returns a monitor that starts now. It reads state when it is first called. now is the wall clock; nil means
// time.Now.
func New(cfg Config, state State, now func() time.Time) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	book, err := readBook(cfg.Rules)
	if err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	h := &Handler{
		cfg:     cfg,
		state:   state,
		now:     now,
		engine:  alert.New(),
		rules:   rule.NewSet(cfg.Config, now()),
		desk:    desk.New(desk.Config{}),
		notify:  notify.New(nil, nil),
		seen:    evidence.New(),
		retrain: rule.NewRetrain(cfg.Config),
		outbox:  map[string][]unsaid{},
		dirty:   map[string]struct{}{},
		groups:  map[string]struct{}{},
		woken:   make(chan struct{}, 1),
		stale:   true,
	}
	if err := h.use(book); err != nil {
		return nil, fmt.Errorf("monitor: %w", err)
	}
	return h, nil
}

// Handle takes in one event. It returns, on drift, a training job; alerts are said by Flush, and the history of events
// is the Recorder's.
func (h *Handler) Handle(ctx context.Context, in stage.Message) (stage.Result, error) {
	e, err := decode(in)
	if err != nil {
		return stage.Result{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if e.At.IsZero() {
		e.At = said(in, now)
	}
	if err := h.ensure(ctx, now); err != nil {
		return stage.Result{}, err
	}
	h.seen.Observe(said(in, now), e)
	h.observe(now, h.rules.Observe(now, said(in, now), e))
	h.observe(now, h.own.Observe(said(in, now), e))
	var res stage.Result
	if job, ok := h.retrain.Job(e); ok {
		if err := h.saveJob(ctx, job.Series); err != nil {
			return stage.Result{}, err
		}
		res.Out = append(res.Out, stage.Message{Subject: wire.TrainJob(job.Series), ID: job.ID, Data: wire.EncodeJob(job)})
	}
	if err := h.save(ctx); err != nil {
		return stage.Result{}, err
	}
	return res, nil
}

// Forget is told that results of Handle were not stored. What was decided is kept all the same, and the events come
// again; but while they cannot be stored no others can be heard, so silence starts anew.
func (h *Handler) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaf(h.now())
}

// deaf tells everything that concludes from silence that nothing could be heard before now.
func (h *Handler) deaf(now time.Time) {
	h.rules.Resume(now)
	h.own.Resume(now)
	h.engine.Touch(now)
}

// Stats is what the monitor knows about itself.
type Stats struct {
	Open    int    // open alerts, pending ones included
	Unsaid  int    // transitions that wait to be said
	Dropped uint64 // signals that the limit on open alerts held back
}

// Stats returns the state of the monitor.
func (h *Handler) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{Open: h.engine.Len(), Dropped: h.engine.Dropped()}
	for _, list := range h.outbox {
		s.Unsaid += len(list)
	}
	return s
}

// ensure loads what was kept if what is held is not known to agree with it.
func (h *Handler) ensure(ctx context.Context, now time.Time) error {
	if !h.stale {
		return nil
	}
	return h.load(ctx, now)
}

// resume starts a settling time: nothing could be heard before now.
func (h *Handler) resume(now time.Time) {
	h.settled = now.Add(h.cfg.SettleFor)
	h.deaf(now)
}

func (h *Handler) observe(now time.Time, signals []alert.Signal) {
	for _, s := range signals {
		if h.book.Enabled(s.Name) {
			h.queue(now, h.engine.Observe(now, h.book.Apply(s)))
		}
	}
}

// queue hands what the engine decided to the desk, which decides who is told.
func (h *Handler) queue(now time.Time, transitions []event.Alert) {
	for _, a := range transitions {
		if a.State == event.Firing {
			a.Evidence = h.seen.For(&a, h.desk.Above(&a))
		}
		h.say(now, h.desk.Take(exact(now), a))
	}
}

// say puts what the desk says into the outbox, and tells the receivers' groups.
func (h *Handler) say(now time.Time, what []desk.Say) {
	for _, s := range what {
		fp := s.Alert.Fingerprint
		said := unsaid{Alert: s.Alert, Published: !s.Tell}
		said.Alert.Evidence = slices.Concat(s.Alert.Evidence, evidence.Queries(&s.Alert))
		h.outbox[fp] = append(h.outbox[fp], said)
		h.dirty[fp] = struct{}{}
		h.notify.Take(exact(now), s.Alert, s.Tell)
		if s.Tell {
			select {
			case h.woken <- struct{}{}:
			default:
			}
		}
	}
}

// Woken receives when there is something to tell that should not wait for the next turn of Flush.
func (h *Handler) Woken() <-chan struct{} { return h.woken }

// exact returns a time as the record keeps it, in milliseconds.
func exact(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func (h *Handler) unreadable(now time.Time, key string, err error) alert.Signal {
	return rule.Unreadable(h.cfg.Config, now, key, err)
}

// said returns when a message was said: when the bus stored it, which is the same on every delivery and, unlike the
// time in the event, wall time even when history is replayed.
func said(in stage.Message, now time.Time) time.Time {
	if in.Time.IsZero() {
		return now
	}
	return in.Time
}
