// Package desk decides what subscribers are told of the alerts that the engine fires and resolves.
//
// It stands between the engine, which knows what is true, and the bus, which carries what somebody should know. For every
// alert it keeps a Case: the occurrence that stands now (Open) and the one that subscribers believe to stand (Told). Each
// step makes the second follow the first:
//
//   - An occurrence that begins is told as firing, unless something holds it back: an acknowledgement, a silence, an
//     inhibition, a mute window, in this order. What is held back is told when that ends and it still stands.
//   - An occurrence that was told and ends is told as resolved, whatever holds it back by then.
//   - An alert that comes and goes again and again is told as flapping once; its end is told when it has calmed down.
//
// So whoever was told firing is told resolved, once each, and nobody is told of the end of what he never heard of. Every
// change of state, told or not, is also said for the record.
//
// The package is pure: time comes in as an argument, and what must survive a restart can be taken out and put back.
package desk

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/window"
)

// Config is what a user decides about who is told. The zero value tells everything.
type Config struct {
	Inhibit []Inhibit
	Mute    []Mute
	Flap    Flap
}

// Flap says when an alert counts as flapping: with as many as Firings beginnings within Window, until none begins or ends
// for Calm. Zero Firings means never.
type Flap struct {
	Firings int
	Window  time.Duration
	Calm    time.Duration
}

// Say is one change of state. Tell says whether subscribers hear of it; every change goes into the record.
type Say struct {
	Alert event.Alert
	Tell  bool
}

// Ack says that somebody takes care of an occurrence. It lasts until that resolves.
type Ack struct {
	AlertID string    `json:"alert_id"` // the occurrence
	By      string    `json:"by"`
	Comment string    `json:"comment,omitzero"`
	At      time.Time `json:"at"`
}

// Case is what the desk knows of one alert. It is written to JSON and read back; Open is the engine's to keep.
type Case struct {
	Open   *event.Alert `json:"-"`               // the occurrence that stands; nil when none does
	Told   *event.Alert `json:"told,omitempty"`  // the occurrence subscribers believe to stand, with the newest said of it
	State  event.State  `json:"state,omitempty"` // as last said
	Reason string       `json:"reason,omitzero"` // why it is in that state, when it is not plainly firing
	By     string       `json:"by,omitzero"`     // what holds it back: a silence, an inhibition rule, a window
	Hold   time.Time    `json:"hold,omitzero"`   // inhibited until then although its inhibitor is gone
	Ack    *Ack         `json:"ack,omitempty"`
	Fired  []time.Time  `json:"fired,omitempty"` // beginnings within the window of Flap, oldest first
	Moved  time.Time    `json:"moved,omitzero"`  // newest beginning or end
	Flap   bool         `json:"flap,omitzero"`
	// ToldOpen stands for a Told that is Open, in what is kept.
	ToldOpen bool `json:"told_open,omitzero"`
}

// Desk holds the cases. It is not safe for concurrent use.
type Desk struct {
	cfg      Config
	mutes    []mute
	inhibits []*inhibitor
	silences map[string]Silence
	active   []Silence // those that silence now, by ID

	cases   map[string]*Case
	about   map[string]map[string]*Case // those that stand, by component and fingerprint
	changed map[string]struct{}
	timed   map[string]struct{} // cases that time alone may change
	stale   bool                // the cases may not be as what holds them back would have it
	next    time.Time           // when a silence or a window next begins or ends
}

// New returns a desk without cases. cfg must be valid.
func New(cfg Config) *Desk {
	d := &Desk{silences: map[string]Silence{}, cases: map[string]*Case{}, about: map[string]map[string]*Case{}, changed: map[string]struct{}{}, timed: map[string]struct{}{}}
	d.SetConfig(cfg)
	return d
}

// SetConfig replaces the configuration. The next Tick applies it to every case.
func (d *Desk) SetConfig(cfg Config) {
	d.cfg = cfg
	d.mutes = compileMutes(cfg.Mute)
	d.inhibits = nil
	for _, rule := range cfg.Inhibit {
		d.inhibits = append(d.inhibits, newInhibitor(rule))
	}
	for fp, c := range d.cases {
		if c.Open != nil {
			d.index(fp, c.Open)
		}
	}
	d.stale, d.next = true, time.Time{}
}

// Take takes in a transition of the engine, firing or resolved, and returns what follows from it.
func (d *Desk) Take(now time.Time, a event.Alert) []Say {
	d.refresh(now)
	fp := a.Fingerprint
	c := d.cases[fp]
	if c == nil {
		c = &Case{}
		d.cases[fp] = c
	}
	d.changed[fp] = struct{}{}
	c.Moved = now
	if a.State == event.Firing {
		c.Open = &a
		d.index(fp, &a)
		d.begin(now, c)
		return d.settle(now, fp, c)
	}
	if c.Told != nil && c.Told.ID == a.ID {
		c.Told = &a
	}
	c.Open, c.Hold = nil, time.Time{}
	if c.Ack != nil && c.Ack.AlertID == a.ID {
		c.Ack = nil
	}
	d.unindex(fp, &a)
	out := d.settle(now, fp, c)
	if !slices.ContainsFunc(out, func(s Say) bool { return s.Alert.ID == a.ID && s.Alert.State == event.Resolved }) {
		// Nobody is told, now or ever; the record is.
		out = append(out, c.say(a, event.Resolved, a.At, "not told: "+string(c.State), false))
		c.State, c.By, c.Reason = event.Resolved, "", ""
	}
	return out
}

// begin counts a beginning, and says whether it makes the alert flap.
func (d *Desk) begin(now time.Time, c *Case) {
	if d.cfg.Flap.Firings == 0 {
		return
	}
	c.Fired = append(recent(c.Fired, now.Add(-d.cfg.Flap.Window)), now)
	c.Flap = c.Flap || len(c.Fired) >= d.cfg.Flap.Firings
}

func recent(times []time.Time, since time.Time) []time.Time {
	return slices.DeleteFunc(times, func(t time.Time) bool { return t.Before(since) })
}

// Tick applies the passing of time, and whatever changed about silences, windows and inhibitions, to every case. What it
// returns is ordered by fingerprint.
func (d *Desk) Tick(now time.Time) []Say {
	d.refresh(now)
	var due []string
	if d.stale {
		due = slices.Collect(maps.Keys(d.cases))
		d.stale = false
	} else {
		for fp := range d.timed {
			if d.due(now, d.cases[fp]) {
				due = append(due, fp)
			}
		}
	}
	slices.Sort(due)
	var out []Say
	for _, fp := range due {
		out = append(out, d.settle(now, fp, d.cases[fp])...)
	}
	return out
}

// due says whether time alone changes c at now.
func (d *Desk) due(now time.Time, c *Case) bool {
	return !c.Hold.IsZero() && !now.Before(c.Hold) || c.Flap && d.calm(now, c) ||
		c.Open == nil && !c.Flap && (len(c.Fired) == 0 || now.Sub(c.Fired[len(c.Fired)-1]) > d.cfg.Flap.Window)
}

func (d *Desk) calm(now time.Time, c *Case) bool { return now.Sub(c.Moved) >= d.cfg.Flap.Calm }

// refresh lets silences and windows begin and end.
func (d *Desk) refresh(now time.Time) {
	if now.Before(d.next) {
		return
	}
	d.prune(now)
	active := d.activeSilences(now)
	if !slices.EqualFunc(active, d.active, func(a, b Silence) bool { return a.ID == b.ID && a.End.Equal(b.End) }) {
		d.active, d.stale = active, true
	}
	d.next = now.Add(time.Hour)
	for _, s := range d.silences {
		for _, t := range []time.Time{s.Start, s.End} {
			if t.After(now) && t.Before(d.next) {
				d.next = t
			}
		}
	}
	for i := range d.mutes {
		if in := d.mutes[i].window.Contains(now); in != d.mutes[i].on {
			d.mutes[i].on, d.stale = in, true
		}
		if edge := now.Truncate(window.Resolution).Add(window.Resolution); edge.Before(d.next) {
			d.next = edge
		}
	}
}

// settle makes what subscribers believe follow what is true.
func (d *Desk) settle(now time.Time, fp string, c *Case) []Say {
	if c.Flap && (d.cfg.Flap.Firings == 0 || d.calm(now, c)) {
		c.Flap, c.Fired = false, nil
		d.changed[fp] = struct{}{}
	}
	var out []Say
	if c.Told != nil && (c.Open == nil || c.Open.ID != c.Told.ID) && !c.Flap {
		a := *c.Told
		if a.State != event.Resolved {
			// It was replaced by another occurrence without a word of its end.
			a.ResolvedAt = now
		}
		out = append(out, c.say(a, event.Resolved, later(now, a.At), "", true))
		c.Told, c.State, c.By, c.Reason = nil, event.Resolved, "", ""
		d.changed[fp] = struct{}{}
	}
	if c.Open != nil {
		out = append(out, d.stand(now, fp, c)...)
	}
	d.keep(now, fp, c)
	return out
}

// stand says what there is to say of an occurrence that stands.
func (d *Desk) stand(now time.Time, fp string, c *Case) []Say {
	v := d.decide(now, c)
	if v.hold != c.Hold {
		c.Hold = v.hold
		d.changed[fp] = struct{}{}
	}
	tell := c.Told == nil && (v.state == event.Firing || v.state == event.Flapping) ||
		c.Told != nil && c.Told.ID == c.Open.ID && v.state == event.Acknowledged && c.State != event.Acknowledged
	if !tell && v.state == c.State && v.by == c.By {
		return nil
	}
	if c.Told != nil && v.state == event.Flapping && c.State == event.Resolved {
		// Another occurrence of what subscribers know to flap: for the record only.
		v.reason = "held back: flapping since " + c.Told.ID
	}
	s := c.say(*c.Open, v.state, later(now, c.Open.At), v.reason, tell)
	c.State, c.By, c.Reason = v.state, v.by, v.reason
	if tell && c.Told == nil {
		c.Told = c.Open
	}
	d.changed[fp] = struct{}{}
	return []Say{s}
}

// keep forgets a case that says nothing any more, and notes whether time alone may change it.
func (d *Desk) keep(now time.Time, fp string, c *Case) {
	if c.Open == nil && c.Told == nil && !c.Flap {
		c.Fired = recent(c.Fired, now.Add(-d.cfg.Flap.Window))
		if len(c.Fired) == 0 {
			delete(d.cases, fp)
			delete(d.timed, fp)
			d.changed[fp] = struct{}{}
			return
		}
	}
	if c.Open == nil || c.Flap || !c.Hold.IsZero() {
		d.timed[fp] = struct{}{}
	} else {
		delete(d.timed, fp)
	}
}

// verdict is the state that an occurrence should be in.
type verdict struct {
	state  event.State
	by     string
	reason string
	hold   time.Time
}

// decide says in which state the open occurrence of c is, and why.
func (d *Desk) decide(now time.Time, c *Case) verdict {
	if c.Ack != nil && c.Ack.AlertID == c.Open.ID {
		return verdict{event.Acknowledged, "ack", fmt.Sprintf("acknowledged by %s: %s", c.Ack.By, c.Ack.Comment), time.Time{}}
	}
	for _, s := range d.active {
		if s.Matchers.Matches(c.Open) {
			return verdict{event.Silenced, s.ID, s.reason(), time.Time{}}
		}
	}
	if v, ok := d.inhibited(now, c); ok {
		return v
	}
	for _, m := range d.mutes {
		if m.on && m.rule.Matchers.Matches(c.Open) {
			return verdict{event.Muted, m.rule.Name, "in the mute window " + m.rule.Name, time.Time{}}
		}
	}
	if c.Flap {
		return verdict{
			event.Flapping, "flap",
			fmt.Sprintf("began %d times within %s; its end is told when it has been calm for %s", len(c.Fired), d.cfg.Flap.Window, d.cfg.Flap.Calm),
			time.Time{},
		}
	}
	return verdict{state: event.Firing}
}

// say returns a in a state that it reaches at a time.
func (c *Case) say(a event.Alert, state event.State, at time.Time, reason string, tell bool) Say {
	a.Labels = maps.Clone(a.Labels)
	a.Previous, a.State, a.At, a.Reason = c.State, state, at, reason
	if state != event.Resolved {
		a.ResolvedAt = time.Time{}
	}
	return Say{a, tell}
}

// later keeps the transitions of an alert in order when the clock is set back.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
