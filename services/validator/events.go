package validator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Codes of the error events.
const (
	CodeQuarantined = "quarantined_observations" // observations of the series are kept back
	CodeBroken      = "series_broken"            // so much is kept back that nothing should be trained on the rest
	CodeSchema      = "schema_mismatch"          // rows or whole batches are not what this version understands
)

// alarm is the condition of one code for one series, as last reported. Higher raises over lower.
type alarm int

const (
	unknown alarm = iota // after a restart: an earlier process may have raised it
	cleared
	raisedInfo
	raisedWarning
	raisedCritical
)

// alarms are the conditions of one series.
type alarms struct {
	quarantined alarm
	schema      alarm
	broken      alarm
}

// assumeClear makes unknown conditions cleared.
func (a *alarms) assumeClear() {
	a.quarantined = max(a.quarantined, cleared)
	a.schema = max(a.schema, cleared)
	a.broken = max(a.broken, cleared)
}

func (h *Handler) alarmsOf(id series.ID) *alarms {
	a, ok := h.alarms[id]
	if !ok {
		a = &alarms{}
		h.alarms[id] = a
	}
	return a
}

// events reports the conditions that the batch raised or cleared. wrong says why the batch was refused, if it was.
func (h *Handler) events(r *run, wrong string) []stage.Message {
	a := h.alarmsOf(r.batch.Series)
	var bad, malformed []record.Quarantine
	for _, q := range r.kept {
		switch {
		case q.Status != "held":
		case q.Reason == string(check.Schema):
			malformed = append(malformed, q)
		default:
			bad = append(bad, q)
		}
	}
	passed := slices.ContainsFunc(r.points, func(p point) bool { return p.forward })
	var out []stage.Message

	level := raisedWarning
	if r.batch.Origin == series.Backfill {
		level = raisedInfo // old corruption is found and kept out; nobody has to act
	}
	e := event.Error{Class: event.DataIntegrity, Code: CodeQuarantined}
	out = h.move(out, r, &a.quarantined, level, passed, bad, e)

	level = raisedWarning
	e = event.Error{Class: event.DataIntegrity, Code: CodeSchema}
	if wrong != "" {
		level = raisedCritical // nothing of the series gets through
		e.Message = fmt.Sprintf("batch of %s refused: %s", r.batch.Series, wrong)
	}
	if wrong != "" && len(malformed) == 0 {
		malformed = []record.Quarantine{{Reason: string(check.Schema), Detail: wrong}} // a refused batch without rows
	}
	out = h.move(out, r, &a.schema, level, passed, malformed, e)
	if r.state == nil {
		return out
	}
	return h.broken(out, r, a)
}

// broken reports that most of what the series says is kept back, and the end of that. After a restart the share is
// counted anew.
func (h *Handler) broken(out []stage.Message, r *run, a *alarms) []stage.Message {
	b := &r.state.memory.Broken
	opened, closed := h.checks.breaker.Check(b)
	e := event.Error{Class: event.DataIntegrity, Code: CodeBroken}
	switch {
	case opened:
		a.broken = raisedCritical
		e.Condition, e.Severity = event.Raised, severity(a.broken)
		e.Message = fmt.Sprintf("%.0f %% of the latest points of %s are kept back: nothing is trained on it until it recovers, forecasts go on from what passed before",
			100*b.Share, r.batch.Series)
		e.Attributes = map[string]string{"share": strconv.FormatFloat(b.Share, 'f', 3, 64)}
	case closed, a.broken == unknown:
		a.broken = cleared
		e.Condition, e.Severity = event.Cleared, event.Info
		e.Message = "most observations of " + r.batch.Series.String() + " pass again"
	default:
		return out
	}
	return append(out, h.say(r, e))
}

// move raises the condition at level when rows were kept back, and clears it when something passed and nothing was.
// It appends an event when that is a change.
func (h *Handler) move(out []stage.Message, r *run, a *alarm, level alarm, passed bool, kept []record.Quarantine, e event.Error) []stage.Message {
	switch {
	case len(kept) > 0 && *a < level:
		*a = level
		e.Condition, e.Severity = event.Raised, severity(level)
		describe(&e, r.batch, kept)
	case len(kept) == 0 && passed && *a != cleared:
		*a = cleared
		e.Condition, e.Severity = event.Cleared, event.Info
		e.Message = "observations of " + r.batch.Series.String() + " pass again"
	default:
		return out
	}
	return append(out, h.say(r, e))
}

// say makes a message of an event about the series of the batch.
func (h *Handler) say(r *run, e event.Error) stage.Message {
	e.Subject = r.batch.Series.String()
	at := r.batch.KnownAt
	if at.IsZero() {
		at = r.in.Time // a batch refused for want of a time
	}
	return wire.EncodeEvent(event.Event{
		ID:       r.in.ID + "." + e.Code + "." + string(e.Condition),
		Service:  event.Validator,
		Instance: h.cfg.Instance,
		At:       at,
		Error:    &e,
	})
}

// describe fills message and attributes with the counts by check and one example.
func describe(e *event.Error, b series.Batch, kept []record.Quarantine) {
	counts := make(map[string]int)
	for _, q := range kept {
		counts[q.Reason]++
	}
	var parts []string
	for reason, n := range counts {
		parts = append(parts, reason+" "+strconv.Itoa(n))
	}
	slices.Sort(parts)
	checks := strings.Join(parts, ", ")
	total := len(b.Obs) + len(b.Malformed)
	if e.Message == "" {
		e.Message = fmt.Sprintf("%d of %d observations of %s quarantined (%s), for example %s", len(kept), total, b.Series, checks, example(kept[0]))
	}
	e.Attributes = map[string]string{
		"run_id":      b.RunID,
		"checks":      checks,
		"quarantined": strconv.Itoa(len(kept)),
		"batch":       strconv.Itoa(total),
		"example":     example(kept[0]),
	}
}

func severity(a alarm) event.Severity {
	switch a {
	case raisedCritical:
		return event.Critical
	case raisedWarning:
		return event.Warning
	default:
		return event.Info
	}
}

// example describes a kept row for people.
func example(q record.Quarantine) string {
	if q.Detail == "" {
		return fmt.Sprintf("%s %s", q.Period, q.Reason)
	}
	return fmt.Sprintf("%s %s: %s", q.Period, q.Reason, q.Detail)
}
