package rulebook

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// maxWatched bounds the values of by that a rule remembers: events can name anything.
const maxWatched = 10_000

// Watch evaluates the rules of a user's own. What it remembers is evidence: after a restart it knows nothing and says
// nothing. It is not safe for concurrent use.
type Watch struct {
	rules []*watched
}

// watched is one rule with what it knows.
type watched struct {
	name   string
	rule   Rule
	policy alert.Policy
	value  comparison
	keys   map[string]*watchKey
}

// watchKey is what is known of one combination of the labels in by.
type watchKey struct {
	labels map[string]string
	times  []time.Time // of count: the newest events, at most count of them
	last   time.Time   // newest event
	active bool
}

// NewWatch returns the rules of b that have a condition, with a policy for what they do not say. b must be valid.
func NewWatch(b *Book, policy alert.Policy) *Watch {
	w := &Watch{}
	for _, name := range slices.Sorted(maps.Keys(b.Rules)) {
		r := b.Rules[name]
		if r.When == nil || !b.Enabled(name) {
			continue
		}
		x := &watched{name: name, rule: r, policy: r.When.policy(policy), keys: map[string]*watchKey{}}
		if r.When.Value != "" {
			x.value, _ = parseComparison(r.When.Value) // valid
		}
		w.rules = append(w.rules, x)
	}
	return w
}

// Observe returns the signals that follow from e, said at a time.
func (w *Watch) Observe(at time.Time, e event.Event) []alert.Signal {
	var out []alert.Signal
	for _, x := range w.rules {
		if e.Kind() == x.rule.When.Kind && x.matches(e) {
			if s, ok := x.observe(at, e); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

// Tick returns the signals that follow from the passing of time: windows that run empty, and silence.
func (w *Watch) Tick(now time.Time) []alert.Signal {
	var out []alert.Signal
	for _, x := range w.rules {
		out = append(out, x.tick(now)...)
	}
	return out
}

// Resume tells the rules that nothing could be heard before now.
func (w *Watch) Resume(now time.Time) {
	for _, x := range w.rules {
		for _, k := range x.keys {
			k.last = now
		}
	}
}

func (x *watched) matches(e event.Event) bool {
	for _, m := range x.rule.When.Match {
		if !m.Matches(Field(e, m.Label)) {
			return false
		}
	}
	return true
}

func (x *watched) key(e event.Event) *watchKey {
	labels := make(map[string]string, len(x.rule.When.By))
	for _, label := range x.rule.When.By {
		labels[label] = Field(e, label)
	}
	id := alert.Fingerprint("", labels)
	k := x.keys[id]
	if k == nil && len(x.keys) < maxWatched {
		k = &watchKey{labels: labels}
		x.keys[id] = k
	}
	return k
}

func (x *watched) observe(at time.Time, e event.Event) (alert.Signal, bool) {
	k := x.key(e)
	if k == nil {
		return alert.Signal{}, false
	}
	k.last = at
	w := x.rule.When
	switch {
	case w.Count > 0:
		k.times = append(slices.DeleteFunc(k.times, func(t time.Time) bool { return at.Sub(t) >= w.Within }), at)
		if len(k.times) > w.Count {
			k.times = k.times[len(k.times)-w.Count:]
		}
		if len(k.times) < w.Count {
			return alert.Signal{}, false
		}
		k.active = true
		return x.signal(k, at, e.ID, true, fmt.Sprintf("%d events or more within %s; newest: %s", w.Count, w.Within, said(e)), &event.Measure{Value: float64(len(k.times)), Threshold: float64(w.Count)}), true
	case w.Absent > 0:
		k.active = false
		return x.signal(k, at, e.ID, false, "heard of again: "+said(e), nil), true
	}
	return x.compare(k, at, e)
}

// compare is the condition on a value.
func (x *watched) compare(k *watchKey, at time.Time, e event.Event) (alert.Signal, bool) {
	v, err := Number(e, x.value.field)
	if err != nil {
		switch cmp.Or(x.rule.When.Error, alert.Keep) {
		case alert.Fire:
			k.active = true
			return x.signal(k, at, e.ID, true, "cannot be judged: "+err.Error(), nil), true
		case alert.Resolve:
			k.active = false
			return x.signal(k, at, e.ID, false, "cannot be judged: "+err.Error(), nil), true
		default:
			return alert.Signal{}, false
		}
	}
	k.active = x.value.holds(v)
	return x.signal(k, at, e.ID, k.active, fmt.Sprintf("%s is %g; the rule is %s", x.value.field, v, x.rule.When.Value), &event.Measure{Value: v, Threshold: x.value.bound}), true
}

func (x *watched) tick(now time.Time) []alert.Signal {
	w := x.rule.When
	if w.Value != "" {
		return nil
	}
	var out []alert.Signal
	for _, id := range slices.Sorted(maps.Keys(x.keys)) {
		k := x.keys[id]
		retired := x.rule.RetireAfter != nil && *x.rule.RetireAfter > 0 && now.Sub(k.last) >= *x.rule.RetireAfter
		switch {
		case w.Count > 0 && now.Sub(k.last) >= w.Within:
			if k.active {
				out = append(out, x.signal(k, now, "", false, fmt.Sprintf("no further event within %s", w.Within), nil))
			}
			delete(x.keys, id)
		case w.Count > 0 && k.active && now.Sub(k.times[0]) >= w.Within:
			k.active = false
			out = append(out, x.signal(k, now, "", false, fmt.Sprintf("fewer than %d events within %s", w.Count, w.Within), nil))
		case w.Absent > 0 && retired:
			if k.active {
				out = append(out, x.signal(k, now, "", false, "retired: nothing heard for "+now.Sub(k.last).Round(time.Second).String(), nil))
			}
			delete(x.keys, id)
		case w.Absent > 0 && now.Sub(k.last) >= w.Absent:
			k.active = true
			out = append(out, x.signal(k, k.last.Add(w.Absent), "", true, fmt.Sprintf("nothing heard since %s, longer than %s", k.last.UTC().Format(time.RFC3339), w.Absent), nil))
		}
	}
	return out
}

func (x *watched) signal(k *watchKey, at time.Time, id string, active bool, cause string, m *event.Measure) alert.Signal {
	summary := cmp.Or(x.rule.Summary, strings.ReplaceAll(x.name, "_", " "))
	return alert.Signal{
		Name:     x.name,
		Labels:   k.labels,
		Severity: cmp.Or(x.rule.Severity, event.Warning),
		Class:    cmp.Or(x.rule.Class, event.Operational),
		Active:   active,
		At:       at,
		EventID:  id,
		Summary:  os.Expand(summary, func(label string) string { return k.labels[label] }),
		Cause:    cause,
		Runbook:  cmp.Or(x.rule.Runbook, "a rule of your own: see the rules file; docs/runbooks.md#unknown_error"),
		Measure:  m,
		Policy:   x.policy,
	}
}

// policy says how long a condition of this kind may go without a word. A value is known only when an event comes.
func (w *When) policy(p alert.Policy) alert.Policy {
	p.Own, p.Sampled = true, w.Value != ""
	switch {
	case w.Count > 0:
		p.Quiet = max(p.Quiet, w.Within)
	case w.Absent > 0:
		p.Quiet, p.OnQuiet = max(p.Quiet, w.Absent), alert.Keep
	}
	return p
}

func said(e event.Event) string {
	switch {
	case e.Error != nil:
		return e.Service + ": " + e.Error.Message
	case e.Drift != nil:
		return e.Drift.Series.String() + ": " + e.Drift.Message
	}
	return e.Service + " " + e.Instance
}

// Field returns a field of an event as text, or "" when it has none of that name.
func Field(e event.Event, name string) string {
	switch name {
	case "service":
		return e.Service
	case "instance":
		return e.Instance
	}
	switch {
	case e.Error != nil:
		return errorField(e.Error, name)
	case e.Drift != nil:
		return driftField(e.Drift, name)
	case e.Lag != nil:
		switch name {
		case "stream":
			return e.Lag.Stream
		case "consumer":
			return e.Lag.Consumer
		case "source":
			return e.Lag.Series.Source
		case "series":
			if e.Lag.Series.Key != "" {
				return e.Lag.Series.String()
			}
		}
	case e.Heartbeat != nil:
		switch name {
		case "state":
			return e.Heartbeat.State
		case "version":
			return e.Heartbeat.Version
		}
	}
	return ""
}

func errorField(x *event.Error, name string) string {
	switch name {
	case "code":
		return x.Code
	case "class":
		return string(x.Class)
	case "severity":
		return string(x.Severity)
	case "subject":
		return x.Subject
	case "condition":
		return string(x.Condition)
	case "message":
		return x.Message
	}
	return x.Attributes[name]
}

func driftField(x *event.Drift, name string) string {
	switch name {
	case "detector":
		return x.Detector
	case "series":
		return x.Series.String()
	case "source":
		return x.Series.Source
	case "condition":
		return string(x.Condition)
	}
	return ""
}

var errNumber = errors.New("no such number in the event")

// Number returns a field of an event as a number. The error says why there is none.
func Number(e event.Event, name string) (float64, error) {
	v, ok := number(e, name)
	if !ok {
		text := Field(e, name)
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is %q: %w", name, text, errNumber)
		}
		v = x
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s is %g: %w", name, v, errNumber)
	}
	return v, nil
}

func number(e event.Event, name string) (float64, bool) {
	switch {
	case e.Lag != nil:
		switch name {
		case "pending":
			return float64(e.Lag.Pending), true
		case "ack_pending":
			return float64(e.Lag.AckPending), true
		case "redelivered":
			return float64(e.Lag.Redelivered), true
		case "oldest_seconds":
			return e.Lag.Oldest.Seconds(), true
		case "data_age_seconds":
			return e.Lag.DataAge.Seconds(), true
		}
	case e.Drift != nil && name == "statistic":
		return e.Drift.Statistic, true
	case e.Heartbeat != nil:
		switch name {
		case "uptime_seconds":
			return e.Heartbeat.Uptime.Seconds(), true
		case "processed":
			return float64(e.Heartbeat.Processed), true
		}
	}
	return 0, false
}

// comparison is a field, an operator and a number.
type comparison struct {
	field string
	op    string
	bound float64
}

var comparisonSyntax = regexp.MustCompile(`^\s*([a-z][a-z0-9_]*)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*$`)

func parseComparison(s string) (comparison, error) {
	part := comparisonSyntax.FindStringSubmatch(s)
	if part == nil {
		return comparison{}, fmt.Errorf("%q is not like pending > 1000: %w", s, errNumber)
	}
	bound, err := strconv.ParseFloat(part[3], 64)
	if err != nil || math.IsNaN(bound) {
		return comparison{}, fmt.Errorf("%q: %q is not a number: %w", s, part[3], errNumber)
	}
	return comparison{part[1], part[2], bound}, nil
}

func (c comparison) holds(v float64) bool {
	switch c.op {
	case ">":
		return v > c.bound
	case ">=":
		return v >= c.bound
	case "<":
		return v < c.bound
	case "<=":
		return v <= c.bound
	case "==":
		return v == c.bound
	default:
		return v != c.bound
	}
}
