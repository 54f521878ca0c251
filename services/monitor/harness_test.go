package monitor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

var errDown = errors.New("down")

// world is everything around a monitor, in memory and on a virtual clock: the bucket, the bus that drops repeated IDs,
// the store that replaces rows of the same key, and the event stream. It can crash the monitor at any step.
type world struct {
	t     testing.TB
	cfg   Config
	clock time.Time
	h     *Handler

	bucket    map[string][]byte
	published []stage.Message // in order, repeats dropped
	repeats   int             // messages the bus dropped
	ids       map[string]bool
	rows      map[string]stage.Row // by table and sorting key

	busDown, storeDown bool

	steps   int  // effects so far: puts, deletes, publishes, writes, acks
	crashAt int  // the step at which the monitor dies; 0 means never
	after   bool // dies after the step has had its effect, not before
	dead    bool
	// crashEvery makes the monitor die at every n-th step, in turn before and after it; 0 means never.
	crashEvery int
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	w := &world{
		t: t, cfg: cfg, clock: epoch,
		bucket: map[string][]byte{}, ids: map[string]bool{}, rows: map[string]stage.Row{},
	}
	w.restart()
	return w
}

func (w *world) restart() {
	w.t.Helper()
	h, err := New(w.cfg, (*memoryState)(w), func() time.Time { return w.clock })
	if err != nil {
		w.t.Fatal(err)
	}
	w.h, w.dead = h, false
}

// effect lets one step happen, or the monitor die before or after it.
func (w *world) effect(down bool, do func()) error {
	if w.dead || down {
		return errDown
	}
	w.steps++
	if w.crashEvery > 0 && w.steps%w.crashEvery == 0 {
		w.crashAt, w.after = w.steps, !w.after
	}
	if w.steps != w.crashAt {
		do()
		return nil
	}
	if w.after {
		do()
	}
	w.dead = true
	return errDown
}

// memoryState is the State of a world.
type memoryState world

func (b *memoryState) Keys(context.Context) ([]string, error) {
	if b.busDown {
		return nil, errDown
	}
	return slices.Collect(maps.Keys(b.bucket)), nil
}

func (b *memoryState) Get(_ context.Context, key string) ([]byte, error) { return b.bucket[key], nil }

func (b *memoryState) Put(_ context.Context, key string, value []byte) error {
	w := (*world)(b)
	return w.effect(w.busDown, func() { w.bucket[key] = slices.Clone(value) })
}

func (b *memoryState) Delete(_ context.Context, key string) error {
	w := (*world)(b)
	return w.effect(w.busDown, func() { delete(w.bucket, key) })
}

// Publish is the bus.
func (w *world) Publish(_ context.Context, msgs ...stage.Message) error {
	for _, m := range msgs {
		if err := w.effect(w.busDown, func() { w.take(m) }); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) take(m stage.Message) {
	if w.ids[m.ID] {
		w.repeats++
		return
	}
	w.ids[m.ID] = true
	w.published = append(w.published, m)
}

// Write is the store.
func (w *world) Write(_ context.Context, _ string, rows []stage.Row) error {
	return w.effect(w.storeDown, func() {
		for _, r := range rows {
			w.rows[sortingKey(r)] = r
		}
	})
}

// sortingKey is that of the table's definition.
func sortingKey(r stage.Row) string {
	switch r := r.(type) {
	case record.Event:
		return fmt.Sprint("events ", r.Kind, r.Service, r.At, r.ID)
	case record.Alert:
		return fmt.Sprint("alerts ", r.Fingerprint, r.AlertID, r.At, r.State)
	}
	return "unknown"
}

// deliver hands m to the monitor until it is acknowledged, as the bus does. It restarts a monitor that dies.
func (w *world) deliver(m stage.Message) {
	w.t.Helper()
	m.Attempt = 1
	for {
		res, err := w.h.Handle(w.t.Context(), m)
		if err == nil && len(res.Rows) > 0 {
			err = w.Write(w.t.Context(), m.ID, res.Rows)
		}
		if err == nil {
			err = w.Publish(w.t.Context(), res.Out...)
		}
		if err == nil {
			err = w.effect(false, func() {})
			if w.dead && w.after {
				err = nil // acknowledged, then died
			}
		}
		switch {
		case w.dead:
			w.restart()
		case errors.Is(err, stage.ErrPermanent):
			w.t.Fatalf("deliver %s: %v", m.Subject, err)
		case err != nil:
			w.h.Forget()
		}
		if err == nil {
			return
		}
		if w.busDown || w.storeDown {
			w.t.Fatal("deliver: the scenario must not deliver while a dependency is down")
		}
		m.Attempt++
	}
}

// flush is one second of the monitor's loop. Errors are the loop's to log.
func (w *world) flush() {
	w.t.Helper()
	err := w.h.Flush(w.t.Context(), w, w)
	for w.dead {
		w.restart()
		err = w.h.Flush(w.t.Context(), w, w)
	}
	if err != nil && !w.busDown && !w.storeDown {
		w.t.Fatalf("flush at %s: %v", w.clock.Sub(epoch), err)
	}
}

// happening is what a scenario does at a second.
type happening struct {
	at int
	do func(w *world)
}

// play runs happenings in order of time, flushing once a second, until the second end.
func (w *world) play(end int, hs ...[]happening) {
	w.t.Helper()
	all := slices.Concat(hs...)
	slices.SortStableFunc(all, func(a, b happening) int { return a.at - b.at })
	for second := 0; second <= end; second++ {
		w.clock = epoch.Add(time.Duration(second) * time.Second)
		for len(all) > 0 && all[0].at == second {
			all[0].do(w)
			all = all[1:]
		}
		w.flush()
	}
}

// alerts returns what subscribers were told.
func (w *world) alerts() []event.Alert {
	w.t.Helper()
	var out []event.Alert
	for _, m := range w.published {
		if !strings.HasPrefix(m.Subject, "bw.alert.") {
			continue
		}
		a, err := wire.DecodeAlert(m.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		if a.Name == event.Watchdog {
			continue
		}
		if want := wire.Alert(a.Severity, a.Class, a.Name); m.Subject != want {
			w.t.Errorf("alert on %s, want %s", m.Subject, want)
		}
		out = append(out, a)
	}
	return out
}

// told returns what subscribers were told, one line a transition: "30 critical service_silent{service=validator} firing".
func (w *world) told() []string {
	var out []string
	for _, a := range w.alerts() {
		out = append(out, fmt.Sprintf("%d %s %s{%s} %s", int(a.At.Sub(epoch).Seconds()), a.Severity, a.Name, alert.Labels(a.Labels), a.State))
	}
	return out
}

// jobs returns the training jobs as "<id> as of <time>".
func (w *world) jobs() []string {
	w.t.Helper()
	var out []string
	for _, m := range w.published {
		if !strings.HasPrefix(m.Subject, "bw.job.train.") {
			continue
		}
		j, err := wire.DecodeJob(m.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, j.ID+" as of "+j.AsOf.Format(time.DateTime))
	}
	return out
}

// say delivers an event at a second; its id is unique for service and second.
func say(second int, e event.Event) []happening {
	return []happening{{second, func(w *world) {
		if e.At.IsZero() {
			e.At = w.clock
		}
		e.ID = fmt.Sprintf("%s.%s.%d.%s", e.Service, e.Instance, second, about(e))
		m := wire.EncodeEvent(e)
		m.Time = w.clock
		w.deliver(m)
	}}}
}

func about(e event.Event) string {
	switch {
	case e.Lag != nil:
		return e.Lag.Consumer + e.Lag.Series.String()
	case e.Error != nil:
		return e.Error.Code + e.Error.Subject + string(e.Error.Condition)
	case e.Drift != nil:
		return e.Drift.Series.String() + e.Drift.Detector
	}
	return "beat"
}

func do(second int, f func(w *world)) []happening { return []happening{{second, f}} }

// beats is a heartbeat every five seconds in [from, to].
func beats(service, instance string, from, to int) []happening {
	var out []happening
	for s := from; s <= to; s += 5 {
		out = append(out, say(s, event.Event{Service: service, Instance: instance, Heartbeat: &event.Heartbeat{State: "running", Interval: 5 * time.Second}})...)
	}
	return out
}

// lag is the report of a validator's consumer.
func lag(second int, floor, pending, ackPending uint64) []happening {
	return say(second, event.Event{Service: event.Validator, Instance: "v-0", Lag: &event.Lag{
		Stream: wire.StreamObs, Consumer: "validator", Pending: pending, AckPending: ackPending, AckFloor: floor,
	}})
}

// dataAge is the report of a series' age in hours, where two are normal.
func dataAge(second int, key string, hours int) []happening {
	return say(second, event.Event{Service: event.Ingestor, Instance: "i-0", Lag: &event.Lag{
		Series: series.ID{Source: "eia", Key: key}, DataAge: time.Duration(hours) * time.Hour, ExpectedAge: 2 * time.Hour,
	}})
}

func raise(second int, code string, severity event.Severity) []happening {
	return failure(second, code, severity, event.Raised)
}

func clearError(second int, code string) []happening {
	return failure(second, code, event.Warning, event.Cleared)
}

func failure(second int, code string, severity event.Severity, c event.Condition) []happening {
	return say(second, event.Event{Service: event.Ingestor, Instance: "i-0", Error: &event.Error{
		Class: event.DataIntegrity, Code: code, Subject: "eia", Condition: c, Severity: severity, Message: "status 503",
	}})
}

// drift is raised or cleared for eia.PJM with data up to an hour of epoch.
func drift(second int, c event.Condition, hour int) []happening {
	cut := epoch.Add(time.Duration(hour) * time.Hour)
	return say(second, event.Event{Service: event.Forecaster, Instance: "f-0", At: cut.Add(90 * time.Minute), Drift: &event.Drift{
		Series: series.ID{Source: "eia", Key: "PJM"}, Detector: "error_ewma", Condition: c,
		Statistic: 2.5, Threshold: 2, ModelID: "m1", DataCut: cut,
	}})
}

// quietConfig expects no heartbeats, for scenarios about something else.
func quietConfig() Config {
	cfg := DefaultConfig()
	cfg.Expect = nil
	return cfg
}

// only expects one service.
func only(service string) Config {
	cfg := DefaultConfig()
	cfg.Expect = []string{service}
	return cfg
}

func pjmID() series.ID { return series.ID{Source: "eia", Key: "PJM"} }

// checkHistory checks what must hold of every history: an occurrence fires once and then resolves at most once, on the
// same subject; two occurrences of one alert never stand together; and the store says what the bus said.
func (w *world) checkHistory() {
	w.t.Helper()
	standing := map[string]string{}
	fired := map[string]event.Alert{}
	for _, a := range w.alerts() {
		switch a.State {
		case event.Firing:
			if id, ok := standing[a.Fingerprint]; ok {
				w.t.Errorf("%s fires while %s stands", a.ID, id)
			}
			standing[a.Fingerprint], fired[a.ID] = a.ID, a
		case event.Resolved:
			if standing[a.Fingerprint] != a.ID {
				w.t.Errorf("%s is resolved and did not stand", a.ID)
			}
			if wire.Alert(a.Severity, a.Class, a.Name) != wire.Alert(fired[a.ID].Severity, fired[a.ID].Class, a.Name) {
				w.t.Errorf("%s ends on another subject than it began", a.ID)
			}
			delete(standing, a.Fingerprint)
		default:
			w.t.Errorf("%s is told as %q", a.ID, a.State)
		}
		if a.Summary == "" || a.Cause == "" || !strings.Contains(a.Runbook, "docs/runbooks.md#") {
			w.t.Errorf("%s %s: summary %q, cause %q, runbook %q: none may be empty", a.Name, a.State, a.Summary, a.Cause, a.Runbook)
		}
		if _, ok := w.rows[sortingKey(alertRow(a))]; !ok {
			w.t.Errorf("%s %s is not in the store", a.ID, a.State)
		}
	}
	told := map[string]bool{}
	for _, a := range w.alerts() {
		told[a.ID+string(a.State)] = true
	}
	for _, r := range w.rows {
		if r, ok := r.(record.Alert); ok && r.Reason == "" && !told[r.AlertID+r.State] {
			t := event.State(r.Previous)
			if r.State == string(event.Resolved) || !desk.Held(t) {
				w.t.Errorf("%s %s is in the store and was not told", r.AlertID, r.State)
			}
		}
	}
}
