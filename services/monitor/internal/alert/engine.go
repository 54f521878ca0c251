package alert

import (
	"maps"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Engine holds the open alerts. It is not safe for concurrent use.
type Engine struct {
	open    map[string]*Open // by fingerprint
	count   map[string]int   // open alerts by name
	changed map[string]struct{}
	dropped uint64
}

// New returns an engine without alerts.
func New() *Engine {
	return &Engine{open: map[string]*Open{}, count: map[string]int{}, changed: map[string]struct{}{}}
}

// Observe takes one signal and returns the transitions it causes, in order.
func (e *Engine) Observe(now time.Time, s Signal) []event.Alert {
	now = now.UTC().Truncate(time.Millisecond)
	fp := Fingerprint(s.Name, s.Labels)
	o := e.open[fp]
	if !s.Active {
		return e.inactive(now, o, s)
	}
	if o == nil {
		if s.Policy.MaxOpen > 0 && e.count[s.Name] >= s.Policy.MaxOpen {
			return e.flood(now, s)
		}
		o = e.start(fp, s, startedAt(now, s))
	}
	var out []event.Alert
	if o.Phase != Pending && rank(s.Severity) > rank(o.Alert.Severity) {
		out = append(out, e.resolve(now, o, "superseded: severity rises to "+string(s.Severity)))
		o = e.worse(fp, s, o, startedAt(now, s))
		o.take(now, s)
		return append(out, e.fire(now, o))
	}
	if o.Policy != s.Policy {
		// What time makes of the alert after a restart depends on it.
		e.changed[fp] = struct{}{}
	}
	o.take(now, s)
	switch {
	case o.Phase == Clearing:
		// Back before keep-firing ran out: the same occurrence goes on and nobody is told of the flap.
		o.Phase, o.ClearedAt, o.EndCause = Firing, time.Time{}, ""
		e.changed[fp] = struct{}{}
	case o.Phase == Pending && now.Sub(o.Alert.StartedAt) >= o.Policy.For:
		out = append(out, e.fire(now, o))
	}
	return out
}

// Tick applies the passing of time and returns the transitions due, ordered by fingerprint.
func (e *Engine) Tick(now time.Time) []event.Alert {
	now = now.UTC().Truncate(time.Millisecond)
	var due []string
	for fp, o := range e.open {
		if o.due(now) != unchanged {
			due = append(due, fp)
		}
	}
	slices.Sort(due)
	var out []event.Alert
	for _, fp := range due {
		o := e.open[fp]
		switch o.due(now) {
		case fires:
			out = append(out, e.fire(now, o))
		case ended:
			out = append(out, e.resolve(now, o, o.EndCause))
		case forgotten:
			out = append(out, e.forget(now, o)...)
		case unchanged:
		}
	}
	return out
}

func (e *Engine) inactive(now time.Time, o *Open, s Signal) []event.Alert {
	switch {
	case o == nil:
		return nil
	case o.Phase == Pending:
		e.remove(o)
		return nil
	case o.Phase == Firing:
		o.Phase, o.ClearedAt, o.EndCause = Clearing, now, s.Cause
		e.changed[o.Alert.Fingerprint] = struct{}{}
	}
	o.HeardAt = now
	if o.due(now) == ended {
		return []event.Alert{e.resolve(now, o, o.EndCause)}
	}
	return nil
}

// forget ends an alert nobody spoke of for its quiet period.
func (e *Engine) forget(now time.Time, o *Open) []event.Alert {
	if o.Phase == Pending {
		e.remove(o)
		return nil
	}
	cause := "no report for " + now.Sub(o.HeardAt).Truncate(time.Second).String() + "; last: " + o.Alert.Cause
	return []event.Alert{e.resolve(now, o, cause)}
}

func (e *Engine) start(fp string, s Signal, at time.Time) *Open {
	o := &Open{
		Phase: Pending,
		Alert: event.Alert{
			Fingerprint: fp,
			ID:          ID(fp, at, s.EventID),
			Name:        s.Name,
			State:       event.Pending,
			Labels:      s.Labels,
			StartedAt:   at,
			At:          at,
		},
	}
	e.open[fp] = o
	e.count[s.Name]++
	e.changed[fp] = struct{}{}
	return o
}

// worse starts the occurrence that follows old because its severity rises. Severity is part of the subject, so a
// subscriber to critical alerts alone must see both ends of a critical alert.
func (e *Engine) worse(fp string, s Signal, old *Open, at time.Time) *Open {
	if !at.After(old.Alert.StartedAt) {
		at = old.Alert.StartedAt.Add(time.Millisecond)
	}
	return e.start(fp, s, at)
}

func (e *Engine) fire(now time.Time, o *Open) event.Alert {
	o.Phase = Firing
	o.Alert.State = event.Firing
	o.Alert.At = later(now, o.Alert.At)
	e.changed[o.Alert.Fingerprint] = struct{}{}
	return told(o.Alert)
}

func (e *Engine) resolve(now time.Time, o *Open, cause string) event.Alert {
	e.remove(o)
	a := o.Alert
	a.State = event.Resolved
	a.At = later(now, a.At)
	a.ResolvedAt = a.At
	if cause != "" {
		a.Cause = cause
	}
	return told(a)
}

func (e *Engine) remove(o *Open) {
	delete(e.open, o.Alert.Fingerprint)
	if e.count[o.Alert.Name]--; e.count[o.Alert.Name] == 0 {
		delete(e.count, o.Alert.Name)
	}
	e.changed[o.Alert.Fingerprint] = struct{}{}
}

// Drop ends every alert that gone says is gone, for a cause, and returns the transitions, ordered by fingerprint. Pending
// ones end without a word.
func (e *Engine) Drop(now time.Time, gone func(Open) bool, cause string) []event.Alert {
	now = now.UTC().Truncate(time.Millisecond)
	var out []event.Alert
	for _, fp := range slices.Sorted(maps.Keys(e.open)) {
		o := e.open[fp]
		switch {
		case !gone(*o):
		case o.Phase == Pending:
			e.remove(o)
		default:
			out = append(out, e.resolve(now, o, cause))
		}
	}
	return out
}

// Touch counts every open alert as heard of at now. It is called after a time in which nothing could be heard, so that
// silence is not taken for the end of trouble.
func (e *Engine) Touch(now time.Time) {
	for _, o := range e.open {
		o.HeardAt = now
	}
}

// Changed returns the fingerprints whose alerts began, ended or changed phase since the last call, sorted. Evidence and
// counts alone do not count as a change.
func (e *Engine) Changed() []string {
	out := slices.Sorted(maps.Keys(e.changed))
	clear(e.changed)
	return out
}

// Lookup returns the open alert with a fingerprint.
func (e *Engine) Lookup(fingerprint string) (Open, bool) {
	o, ok := e.open[fingerprint]
	if !ok {
		return Open{}, false
	}
	return *o, true
}

// Export returns all open alerts, sorted by fingerprint.
func (e *Engine) Export() []Open {
	out := make([]Open, 0, len(e.open))
	for _, fp := range slices.Sorted(maps.Keys(e.open)) {
		out = append(out, *e.open[fp])
	}
	return out
}

// Import replaces all open alerts. No transition follows from it.
func (e *Engine) Import(open []Open) {
	clear(e.open)
	clear(e.count)
	clear(e.changed)
	for _, o := range open {
		e.open[o.Alert.Fingerprint] = &o
		e.count[o.Alert.Name]++
	}
}

// Len returns the number of open alerts, pending ones included.
func (e *Engine) Len() int { return len(e.open) }

// Dropped returns how many signals the limits on open alerts have held back.
func (e *Engine) Dropped() uint64 { return e.dropped }

// startedAt is kept to milliseconds, as the store keeps it, so that the ID says exactly what the row says.
func startedAt(now time.Time, s Signal) time.Time {
	if s.At.IsZero() {
		return now
	}
	return s.At.UTC().Truncate(time.Millisecond)
}

// later keeps the transitions of an alert in order when the clock is set back.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// told copies a for the world outside, which may keep it.
func told(a event.Alert) event.Alert {
	a.Labels = maps.Clone(a.Labels)
	return a
}
