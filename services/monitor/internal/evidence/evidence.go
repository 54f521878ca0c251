// Package evidence collects what may explain an alert: errors seen since its onset, what changed shortly before, alerts
// upstream of it that began earlier, and the queries that show more.
//
// What it remembers is bounded and gone after a restart: then less is said, nothing false.
package evidence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/pipeline"
)

const (
	// ChangedWithin is how long before an onset a change may explain it.
	ChangedWithin = 2 * time.Hour

	errorsWithin = 10 * time.Minute // before the onset: an error is the cause before it is the alert
	maxErrors    = 256              // fingerprints remembered
	maxChanges   = 256
	maxSeries    = 20_000
	topErrors    = 3
	topChanges   = 5
	topUpstream  = 3
)

// Log is what was seen. It is not safe for concurrent use.
type Log struct {
	errors   map[string]*seen
	changes  []change
	versions map[string]string // by service
	models   map[series.ID]string
}

// seen is one fingerprint of errors.
type seen struct {
	fingerprint string
	service     string
	code        string
	message     string
	first, last time.Time
	count       uint64
}

type change struct {
	at      time.Time
	service string
	text    string
}

// New returns an empty log.
func New() *Log {
	return &Log{errors: map[string]*seen{}, versions: map[string]string{}, models: map[series.ID]string{}}
}

// Observe takes in an event said at a time.
func (l *Log) Observe(at time.Time, e event.Event) {
	switch {
	case e.Error != nil && e.Error.Condition != event.Cleared:
		l.error(at, e)
	case e.Heartbeat != nil:
		l.heartbeat(at, e)
	case e.Drift != nil && e.Drift.ModelID != "":
		before, known := l.models[e.Drift.Series]
		if known && before != e.Drift.ModelID {
			l.Changed(at, event.Forecaster, fmt.Sprintf("model of %s is %s, was %s", e.Drift.Series, e.Drift.ModelID, before))
		}
		if known || len(l.models) < maxSeries {
			l.models[e.Drift.Series] = e.Drift.ModelID
		}
	}
}

func (l *Log) heartbeat(at time.Time, e event.Event) {
	if e.Heartbeat.State == "starting" {
		l.Changed(at, e.Service, "started "+e.Instance)
	}
	v := e.Heartbeat.Version
	if before, known := l.versions[e.Service]; known && before != v {
		l.Changed(at, e.Service, fmt.Sprintf("version %s, was %s", v, before))
	}
	l.versions[e.Service] = v
}

// Changed notes that something about a service changed; an empty service means all of them.
func (l *Log) Changed(at time.Time, service, text string) {
	l.changes = append(l.changes, change{at, service, text})
	if len(l.changes) > maxChanges {
		l.changes = slices.Delete(l.changes, 0, len(l.changes)-maxChanges)
	}
}

func (l *Log) error(at time.Time, e event.Event) {
	fp := Fingerprint(e)
	s := l.errors[fp]
	if s == nil {
		if len(l.errors) >= maxErrors {
			l.forgetOldest()
		}
		s = &seen{fingerprint: fp, service: e.Service, code: e.Error.Code, message: e.Error.Message, first: at}
		l.errors[fp] = s
	}
	s.last = at
	s.count++
}

func (l *Log) forgetOldest() {
	var oldest *seen
	for _, s := range l.errors {
		if oldest == nil || s.last.Before(oldest.last) {
			oldest = s
		}
	}
	delete(l.errors, oldest.fingerprint)
}

var variable = regexp.MustCompile(`"[^"]*"|'[^']*'|[0-9a-fA-F]{8,}|[0-9]+`)

// Fingerprint returns what makes two error events the same trouble: class, service, code and the message without what
// varies in it (numbers, quoted words, hexadecimal IDs), and the top of the stack when there is one. 8 hexadecimal digits.
func Fingerprint(e event.Event) string {
	constant := variable.ReplaceAllString(e.Error.Message, "#")
	top, _, _ := strings.Cut(e.Error.Attributes["stack"], "\n")
	sum := sha256.Sum256([]byte(strings.Join([]string{string(e.Error.Class), e.Service, e.Error.Code, constant, top}, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// For returns what may explain a, nearest first: alerts upstream, changes, errors. standing are the alerts that stand.
func (l *Log) For(a *event.Alert, standing []*event.Alert) []event.Evidence {
	out := upstream(a, standing)
	out = append(out, l.changed(a)...)
	return append(out, l.failed(a)...)
}

func upstream(a *event.Alert, standing []*event.Alert) []event.Evidence {
	above := pipeline.Above(pipeline.Component(a))
	var near []*event.Alert
	for _, s := range standing {
		if s.Fingerprint != a.Fingerprint && s.StartedAt.Before(a.StartedAt) && slices.Contains(above, pipeline.Component(s)) {
			near = append(near, s)
		}
	}
	slices.SortFunc(near, func(x, y *event.Alert) int {
		return cmp.Or(cmp.Compare(slices.Index(above, pipeline.Component(y)), slices.Index(above, pipeline.Component(x))),
			x.StartedAt.Compare(y.StartedAt), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	var out []event.Evidence
	for _, s := range near[:min(topUpstream, len(near))] {
		out = append(out, event.Evidence{Kind: event.EvidenceUpstream, At: s.StartedAt, Text: fmt.Sprintf("%s since %s: %s (%s)", s.Name, s.StartedAt.UTC().Format(time.TimeOnly), s.Summary, s.Fingerprint)})
	}
	return out
}

func (l *Log) changed(a *event.Alert) []event.Evidence {
	above := pipeline.Above(pipeline.Component(a))
	var out []event.Evidence
	for _, c := range slices.Backward(l.changes) {
		if c.at.After(a.At) || a.StartedAt.Sub(c.at) > ChangedWithin || c.service != "" && !slices.Contains(above, c.service) {
			continue
		}
		text := c.text
		if c.service != "" {
			text = c.service + ": " + text
		}
		out = append(out, event.Evidence{Kind: event.EvidenceChange, At: c.at, Text: text})
		if len(out) == topChanges {
			break
		}
	}
	return out
}

func (l *Log) failed(a *event.Alert) []event.Evidence {
	above := pipeline.Above(pipeline.Component(a))
	var list []*seen
	for _, s := range l.errors {
		if !s.last.Before(a.StartedAt.Add(-errorsWithin)) && slices.Contains(above, s.service) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y *seen) int {
		return cmp.Or(cmp.Compare(y.count, x.count), cmp.Compare(x.fingerprint, y.fingerprint))
	})
	var out []event.Evidence
	for _, s := range list[:min(topErrors, len(list))] {
		out = append(out, event.Evidence{Kind: event.EvidenceError, At: s.last, Text: fmt.Sprintf("%s %s, %d times since %s: %s (%s)",
			s.service, s.code, s.count, s.first.UTC().Format(time.TimeOnly), s.message, s.fingerprint)})
	}
	return out
}

// Queries returns what is ready to run: what services said around the onset, and how often this alert came before. They
// follow from the alert, so nobody needs to keep them.
func Queries(a *event.Alert) []event.Evidence {
	from, to := a.StartedAt.Add(-errorsWithin), a.At.Add(errorsWithin)
	where := ""
	if service := a.Labels["service"]; service != "" {
		where = " AND service = " + quote(service)
	}
	return []event.Evidence{
		{Kind: event.EvidenceQuery, Text: fmt.Sprintf("SELECT at, kind, service, code, subject, message FROM v_events WHERE kind != 'heartbeat'%s AND at BETWEEN '%s' AND '%s' ORDER BY at",
			where, from.UTC().Format(time.DateTime), to.UTC().Format(time.DateTime))},
		{Kind: event.EvidenceQuery, Text: "SELECT * FROM v_alert_history WHERE fingerprint = " + quote(a.Fingerprint) + " ORDER BY at DESC LIMIT 50"},
	}
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
