// Package notify decides when receivers beside the bus are told of which alerts together: the routing tree and the
// grouping of Alertmanager (group_wait, group_interval, repeat_interval), with two differences: a receiver that was told
// an alert fires is told that it resolves even when a silence or an inhibition came in between, and an alert that somebody
// acknowledged is not repeated.
//
// The package is pure: time comes in as an argument, notifications go out as values, and every Group can be taken out,
// kept and put back.
package notify

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
)

// Reason says why a receiver is told.
type Reason string

// Reasons.
const (
	FirstWord Reason = "first"    // the first word of the group
	NewAlert  Reason = "new"      // an alert that the receiver does not know
	Ended     Reason = "resolved" // an alert that it knows has ended
	Repeated  Reason = "repeat"   // nothing new for repeat_interval
)

// Notification is what one receiver is to be told of one group.
type Notification struct {
	ID       string            `json:"id"` // of the group, and how many it was told before
	Receiver string            `json:"receiver"`
	Group    string            `json:"group"` // its key
	Labels   map[string]string `json:"labels"`
	At       time.Time         `json:"at"`
	Reason   Reason            `json:"reason"`
	Alerts   []event.Alert     `json:"alerts"`           // firing ones first, then by start and fingerprint
	Failed   []string          `json:"failed,omitempty"` // receivers that were tried and could not be told
}

// Member is an alert in a group.
type Member struct {
	Alert event.Alert `json:"alert"`         // as last heard
	Held  bool        `json:"held,omitzero"` // it stands, and something holds it back
	Ended bool        `json:"ended,omitzero"`
	Told  bool        `json:"told,omitzero"` // the receiver believes that it stands
}

// Group is what one route's receiver is told together.
type Group struct {
	Key      string             `json:"key"`
	Receiver string             `json:"receiver"`
	Labels   map[string]string  `json:"labels"`
	Members  map[string]*Member `json:"members"` // by fingerprint
	Due      time.Time          `json:"due"`     // when it is next looked at
	Sent     time.Time          `json:"sent,omitzero"`
	Count    uint64             `json:"count,omitzero"`    // notifications so far
	Pending  *Notification      `json:"pending,omitempty"` // decided, not known to be delivered

	Interval time.Duration `json:"interval"`
	Repeat   time.Duration `json:"repeat"`
}

// Dispatcher holds the groups. It is not safe for concurrent use.
type Dispatcher struct {
	receivers map[string]Receiver
	routes    []Route
	groups    map[string]*Group          // by ID
	holders   map[string]map[string]bool // IDs of the groups that hold an alert, by fingerprint
	changed   map[string]struct{}
}

// New returns a dispatcher without groups. The configuration must be valid.
func New(receivers []Receiver, routes []Route) *Dispatcher {
	d := &Dispatcher{groups: map[string]*Group{}, holders: map[string]map[string]bool{}, changed: map[string]struct{}{}}
	d.SetConfig(receivers, routes)
	return d
}

// SetConfig replaces receivers and routes. Groups of routes that are gone stay until everything they told is over; groups
// whose receiver is gone go.
func (d *Dispatcher) SetConfig(receivers []Receiver, routes []Route) {
	d.receivers, d.routes = map[string]Receiver{}, routes
	for _, r := range receivers {
		d.receivers[r.Name] = r
	}
	for id, g := range d.groups {
		if _, ok := d.receivers[g.Receiver]; !ok {
			delete(d.groups, id)
			d.changed[id] = struct{}{}
		}
	}
}

// Receiver returns a receiver by its name.
func (d *Dispatcher) Receiver(name string) (Receiver, bool) {
	r, ok := d.receivers[name]
	return r, ok
}

// Take takes in a state of an alert, and whether subscribers of the bus are told of it.
func (d *Dispatcher) Take(now time.Time, a event.Alert, told bool) {
	seen := map[string]bool{}
	for _, t := range d.targets(&a) {
		g := d.group(now, t, a, told)
		if g == nil {
			continue
		}
		seen[g.ID()] = true
		d.update(g, a, told)
	}
	// Groups of other routes that know it: the routes or the labels changed.
	for id := range d.holders[a.Fingerprint] {
		if g := d.groups[id]; g != nil && !seen[id] && g.Members[a.Fingerprint] != nil {
			d.update(g, a, told)
		}
	}
}

// group returns the group of a target, which an alert that stands makes when it is not there.
func (d *Dispatcher) group(now time.Time, t target, a event.Alert, told bool) *Group {
	g := &Group{Key: t.key(), Receiver: t.route.Receiver, Labels: t.labels}
	if have := d.groups[g.ID()]; have != nil {
		have.Interval, have.Repeat = t.route.interval(), t.route.repeat()
		return have
	}
	if a.State == event.Resolved || !told && (a.State == event.Firing || a.State == event.Flapping) {
		return nil
	}
	g.Members, g.Due = map[string]*Member{}, now.Add(t.route.wait())
	g.Interval, g.Repeat = t.route.interval(), t.route.repeat()
	d.groups[g.ID()] = g
	return g
}

func (d *Dispatcher) update(g *Group, a event.Alert, told bool) {
	d.changed[g.ID()] = struct{}{}
	m := g.Members[a.Fingerprint]
	if m == nil {
		if a.State == event.Resolved {
			return
		}
		g.Members[a.Fingerprint] = &Member{Alert: a, Held: !told}
		d.hold(a.Fingerprint, g.ID())
		return
	}
	same := m.Alert.ID == a.ID
	switch {
	case a.State == event.Resolved && (told || !m.Told):
		if same {
			m.Alert, m.Ended = a, true
		}
	case a.State == event.Resolved:
		// It flaps: its end is told when it is calm.
	case a.State == event.Firing || a.State == event.Flapping:
		if told || same {
			*m = Member{Alert: a, Told: m.Told}
		}
	case same || m.Ended:
		*m = Member{Alert: a, Held: true, Told: m.Told}
	}
}

func (d *Dispatcher) hold(fingerprint, id string) {
	if d.holders[fingerprint] == nil {
		d.holders[fingerprint] = map[string]bool{}
	}
	d.holders[fingerprint][id] = true
}

func (d *Dispatcher) release(fingerprint, id string) {
	if delete(d.holders[fingerprint], id); len(d.holders[fingerprint]) == 0 {
		delete(d.holders, fingerprint)
	}
}

// Tick decides what is due at now. A group that waits for a delivery is looked at after it.
func (d *Dispatcher) Tick(now time.Time) {
	var due []string
	for id, g := range d.groups {
		if g.Pending == nil && !now.Before(g.Due) {
			due = append(due, id)
		}
	}
	slices.Sort(due)
	for _, id := range due {
		d.look(now, id, d.groups[id])
	}
}

func (d *Dispatcher) look(now time.Time, id string, g *Group) {
	d.changed[id] = struct{}{}
	g.Due = now.Add(g.Interval)
	r := d.receivers[g.Receiver]
	if reason := g.reason(now, r.sendsResolved()); reason != "" {
		g.Pending = &Notification{
			ID: id + "-" + strconv.FormatUint(g.Count, 10), Receiver: g.Receiver, Group: g.Key, Labels: g.Labels, At: now, Reason: reason, Alerts: g.tell(r.sendsResolved()),
		}
		g.Count++
		g.Sent = now
	}
	for fp, m := range g.Members {
		if m.Ended {
			delete(g.Members, fp)
			d.release(fp, id)
		}
	}
	if len(g.Members) == 0 && g.Pending == nil {
		delete(d.groups, id)
	}
}

// reason says why the receiver is to be told now, or "".
func (g *Group) reason(now time.Time, ends bool) Reason {
	fresh, ended, standing := false, false, false
	for _, m := range g.Members {
		switch {
		case m.Ended:
			ended = ended || m.Told
		case m.Held:
		case !m.Told:
			fresh = true
		default:
			standing = true
		}
	}
	switch {
	case fresh && g.Count == 0:
		return FirstWord
	case fresh:
		return NewAlert
	case ended && ends:
		return Ended
	case standing && g.Repeat > 0 && now.Sub(g.Sent) >= g.Repeat:
		return Repeated
	}
	return ""
}

// tell returns what the receiver is told, and notes that it knows.
func (g *Group) tell(ends bool) []event.Alert {
	var out []event.Alert
	for _, m := range g.Members {
		switch {
		case m.Ended:
			if m.Told && ends {
				out = append(out, m.Alert)
			}
		case !m.Held:
			m.Told = true
			out = append(out, m.Alert)
		}
	}
	slices.SortFunc(out, func(a, b event.Alert) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return out
}

func order(a event.Alert) int {
	if a.State == event.Resolved {
		return 1
	}
	return 0
}

// Pending returns the notifications that wait to be delivered, oldest first.
func (d *Dispatcher) Pending() []Notification {
	var out []Notification
	for _, g := range d.groups {
		if g.Pending != nil {
			out = append(out, *g.Pending)
		}
	}
	slices.SortFunc(out, func(a, b Notification) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Group, b.Group), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Delivered says that a notification has arrived.
func (d *Dispatcher) Delivered(id string) {
	for gid, g := range d.groups {
		if g.Pending == nil || g.Pending.ID != id {
			continue
		}
		g.Pending = nil
		d.changed[gid] = struct{}{}
		if len(g.Members) == 0 {
			delete(d.groups, gid)
		}
		return
	}
}

// GiveUp says that the receiver of a notification cannot be told. It goes to the receiver's fallback, which GiveUp
// returns; or, when there is none that was not tried, counts as done, and GiveUp returns "".
func (d *Dispatcher) GiveUp(id string) (fallback string) {
	for gid, g := range d.groups {
		if g.Pending == nil || g.Pending.ID != id {
			continue
		}
		n := g.Pending
		n.Failed = append(n.Failed, n.Receiver)
		fallback = d.receivers[n.Receiver].Fallback
		if fallback == "" || slices.Contains(n.Failed, fallback) {
			d.Delivered(id)
			return ""
		}
		n.Receiver = fallback
		d.changed[gid] = struct{}{}
		return fallback
	}
	return ""
}

// Sync makes the groups agree with the alerts that stand, after a restart or a change of the routes: what a group holds
// and does not stand has ended, and what stands and no group holds is taken in. told says for each whether subscribers
// of the bus know of it.
func (d *Dispatcher) Sync(now time.Time, standing map[string]event.Alert, told map[string]bool) {
	for _, g := range d.groups {
		for fp, m := range g.Members {
			if _, ok := standing[fp]; !ok && !m.Ended {
				m.Ended = true
				m.Alert.State, m.Alert.At, m.Alert.ResolvedAt = event.Resolved, now, now
				d.changed[g.ID()] = struct{}{}
			}
		}
	}
	for _, fp := range slices.Sorted(maps.Keys(standing)) {
		d.Take(now, standing[fp], told[fp])
	}
}

// Changed returns the IDs of groups that changed since the last call, sorted.
func (d *Dispatcher) Changed() []string {
	out := slices.Sorted(maps.Keys(d.changed))
	clear(d.changed)
	return out
}

// Group returns a group by its ID.
func (d *Dispatcher) Group(id string) (Group, bool) {
	g := d.groups[id]
	if g == nil {
		return Group{}, false
	}
	return *g, true
}

// Groups returns the IDs of all groups, sorted.
func (d *Dispatcher) Groups() []string { return slices.Sorted(maps.Keys(d.groups)) }

// Reset forgets all groups, before Restore puts back what was kept.
func (d *Dispatcher) Reset() {
	clear(d.groups)
	clear(d.holders)
	clear(d.changed)
}

// Restore puts back a group as it was kept. One whose receiver is gone is dropped.
func (d *Dispatcher) Restore(g Group) {
	if _, ok := d.receivers[g.Receiver]; !ok {
		d.changed[g.ID()] = struct{}{}
		return
	}
	if g.Members == nil {
		g.Members = map[string]*Member{}
	}
	d.groups[g.ID()] = &g
	for fp := range g.Members {
		d.hold(fp, g.ID())
	}
}

// ID is short enough for a key, and the same after a restart.
func (g *Group) ID() string {
	return alert.Fingerprint(g.Key, map[string]string{"receiver": g.Receiver})
}

// target is one place of the routing tree that an alert goes to.
type target struct {
	route  Route
	labels map[string]string
}

// key is readable, and the same as long as the route is.
func (t target) key() string {
	return t.route.path + ":" + match.Set(t.route.Match).String() + ":{" + alert.Labels(t.labels) + "}"
}

func (d *Dispatcher) targets(a *event.Alert) []target {
	var out []target
	walk(d.routes, Route{}, a, &out)
	return out
}

// walk finds the routes of an alert: the first that matches, and further ones after one that says continue. A route
// whose children take the alert does not take it itself.
func walk(routes []Route, parent Route, a *event.Alert, out *[]target) bool {
	took := false
	for _, r := range routes {
		if !match.Set(r.Match).Matches(a) {
			continue
		}
		r = r.inherit(parent)
		took = true
		if !walk(r.Routes, r, a, out) {
			*out = append(*out, target{r, r.group(a)})
		}
		if !r.Continue {
			break
		}
	}
	return took
}

func (r Route) inherit(parent Route) Route {
	r.Receiver = cmp.Or(r.Receiver, parent.Receiver)
	if r.GroupBy == nil {
		r.GroupBy = parent.GroupBy
	}
	r.GroupWait = cmp.Or(r.GroupWait, parent.GroupWait)
	r.GroupInterval = cmp.Or(r.GroupInterval, parent.GroupInterval)
	r.RepeatInterval = cmp.Or(r.RepeatInterval, parent.RepeatInterval)
	r.path = strings.TrimPrefix(parent.path+"/"+r.Receiver, "/")
	return r
}

func (r Route) group(a *event.Alert) map[string]string {
	out := map[string]string{}
	for _, label := range r.GroupBy {
		if label == AllLabels {
			maps.Copy(out, a.Labels)
			out[match.Name] = a.Name
			continue
		}
		out[label] = match.Value(a, label)
	}
	return out
}
