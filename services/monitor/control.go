package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/evidence"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
)

// Verbs of bw.ctl.monitor.<verb>. Requests and answers are JSON: of VerbAlerts nothing and []AlertStatus, of VerbExplain
// an ExplainRequest and an Explanation, of VerbAck an AckRequest and the AlertStatus, of VerbSilences nothing and
// []Silence, of VerbSilence a Silence and the same completed, of VerbExpire a Silence with its ID and the same.
const (
	VerbAlerts   = "alerts"
	VerbExplain  = "explain"
	VerbAck      = "ack"
	VerbSilences = "silences"
	VerbSilence  = "silence"
	VerbExpire   = "expire"
)

// StandingBy is in the error of a replica that does not watch: another one does, so ask again.
const StandingBy = "this replica of the monitor stands by"

var errStandingBy = errors.New(StandingBy + "; ask again for the one that watches")

// AlertStatus is one alert that is open.
type AlertStatus struct {
	Fingerprint string            `json:"fingerprint"`
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Severity    event.Severity    `json:"severity"`
	Class       event.Class       `json:"class"`
	State       event.State       `json:"state"`
	Reason      string            `json:"reason,omitempty"` // why it is in that state
	Labels      map[string]string `json:"labels"`
	Summary     string            `json:"summary"`
	Cause       string            `json:"cause"`
	Runbook     string            `json:"runbook"`
	StartedAt   time.Time         `json:"started_at"`
	Events      uint64            `json:"events"`
	Told        bool              `json:"told"` // subscribers know of it
	Evidence    []event.Evidence  `json:"evidence,omitempty"`
}

// Silence holds back alerts for a time.
type Silence struct {
	ID        string    `json:"id,omitempty"`       // given by the monitor when empty
	Matchers  []string  `json:"matchers,omitempty"` // as name="consumer_stalled"
	Start     time.Time `json:"start,omitzero"`     // now when zero
	End       time.Time `json:"end,omitzero"`
	Author    string    `json:"author,omitempty"`
	Comment   string    `json:"comment,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	State     string    `json:"state,omitempty"` // "pending", "active" or "expired", in answers
}

// AckRequest acknowledges an alert.
type AckRequest struct {
	Alert   string `json:"alert"` // fingerprint, the beginning of one, or ID
	By      string `json:"by"`
	Comment string `json:"comment,omitempty"`
}

// ExplainRequest asks why subscribers are told of an alert or not.
type ExplainRequest struct {
	Alert string    `json:"alert"`       // fingerprint, the beginning of one, or ID
	At    time.Time `json:"at,omitzero"` // as of when silences and windows are asked; now when zero
}

// Explanation is the answer: every question on the way, in order.
type Explanation struct {
	Alert AlertStatus `json:"alert"`
	At    time.Time   `json:"at"`
	Steps []Step      `json:"steps"`
	Teams []Team      `json:"receivers,omitempty"`
}

// Step is one question with its answer.
type Step struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Decides  bool   `json:"decides,omitempty"` // it holds the alert back
}

// Team is what a receiver beside the bus knows of the alert.
type Team struct {
	Receiver string    `json:"receiver"`
	Group    string    `json:"group"`
	Told     bool      `json:"told"`
	Held     bool      `json:"held"`    // something holds the alert back
	Waiting  bool      `json:"waiting"` // a notification of the group is not delivered yet
	Next     time.Time `json:"next"`    // when the group is looked at next
}

// control answers requests while this replica watches.
type control struct{ h atomic.Pointer[Handler] }

// verbs returns what the monitor answers.
func (c *control) verbs() map[string]func(context.Context, []byte) ([]byte, error) {
	return map[string]func(context.Context, []byte) ([]byte, error){
		VerbAlerts:   verb(c, func(ctx context.Context, h *Handler, _ struct{}) ([]AlertStatus, error) { return h.Alerts(ctx) }),
		VerbExplain:  verb(c, func(ctx context.Context, h *Handler, r ExplainRequest) (Explanation, error) { return h.Explain(ctx, r) }),
		VerbAck:      verb(c, func(ctx context.Context, h *Handler, r AckRequest) (AlertStatus, error) { return h.Ack(ctx, r) }),
		VerbSilences: verb(c, func(ctx context.Context, h *Handler, _ struct{}) ([]Silence, error) { return h.Silences(ctx) }),
		VerbSilence:  verb(c, func(ctx context.Context, h *Handler, s Silence) (Silence, error) { return h.Silence(ctx, s) }),
		VerbExpire:   verb(c, func(ctx context.Context, h *Handler, s Silence) (Silence, error) { return h.Expire(ctx, s.ID) }),
	}
}

// verb wraps f in JSON. What is wrong with a request is the caller's to mend, so the error is permanent.
func verb[In, Out any](c *control, f func(context.Context, *Handler, In) (Out, error)) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, data []byte) ([]byte, error) {
		h := c.h.Load()
		if h == nil {
			return nil, errStandingBy
		}
		var in In
		if len(data) > 0 {
			if err := json.Unmarshal(data, &in); err != nil {
				return nil, fmt.Errorf("the request is not JSON of this verb: %w: %w", err, stage.ErrPermanent)
			}
		}
		out, err := f(ctx, h, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// Alerts returns every open alert, pending ones included, by start and fingerprint.
func (h *Handler) Alerts(ctx context.Context) ([]AlertStatus, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ensure(ctx, h.now()); err != nil {
		return nil, err
	}
	out := make([]AlertStatus, 0, h.engine.Len())
	for _, o := range h.engine.Export() {
		out = append(out, h.status(o))
	}
	slices.SortFunc(out, func(a, b AlertStatus) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return out, nil
}

// status is an open alert with what the desk knows of it. The engine has the newest evidence.
func (h *Handler) status(o alert.Open) AlertStatus {
	a := o.Alert
	s := AlertStatus{
		Fingerprint: a.Fingerprint, ID: a.ID, Name: a.Name, Severity: a.Severity, Class: a.Class, State: a.State, Labels: a.Labels,
		Summary: a.Summary, Cause: a.Cause, Runbook: a.Runbook, StartedAt: a.StartedAt, Events: a.Events,
	}
	if c, ok := h.desk.Lookup(a.Fingerprint); ok && c.Open != nil {
		s.State, s.Reason, s.Evidence = c.State, c.Reason, c.Open.Evidence
		s.Told = c.Told != nil && c.Told.ID == a.ID
	}
	s.Evidence = slices.Concat(s.Evidence, evidence.Queries(&a))
	return s
}

// find returns the open alert that ref names.
func (h *Handler) find(ref string) (alert.Open, error) {
	var found []alert.Open
	for _, o := range h.engine.Export() {
		if o.Alert.ID == ref || ref != "" && strings.HasPrefix(o.Alert.Fingerprint, ref) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return alert.Open{}, fmt.Errorf("alert %q: %w: %w", ref, errNotOpen, stage.ErrPermanent)
	}
	return alert.Open{}, fmt.Errorf("alert %q is the beginning of %d fingerprints; give more of it: %w", ref, len(found), stage.ErrPermanent)
}

var errNotOpen = errors.New("no open alert has this fingerprint or ID; bellwether alerts list shows those there are")

// Ack notes that somebody takes care of an alert. Doing it twice is no error.
func (h *Handler) Ack(ctx context.Context, r AckRequest) (AlertStatus, error) {
	if r.By == "" {
		return AlertStatus{}, fmt.Errorf("by: empty; say who takes care of it: %w", stage.ErrPermanent)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if err := h.ensure(ctx, now); err != nil {
		return AlertStatus{}, err
	}
	o, err := h.find(r.Alert)
	if err != nil {
		return AlertStatus{}, err
	}
	said, err := h.desk.Acknowledge(exact(now), o.Alert.Fingerprint, r.By, r.Comment)
	switch {
	case errors.Is(err, desk.ErrNotOpen):
		return AlertStatus{}, fmt.Errorf("%s has not fired yet: %w", o.Alert.ID, stage.ErrPermanent)
	case err != nil && !errors.Is(err, desk.ErrAcked):
		return AlertStatus{}, err
	}
	h.say(now, said)
	return h.status(o), h.save(ctx)
}

// Explain says why subscribers are told of an alert or not.
func (h *Handler) Explain(ctx context.Context, r ExplainRequest) (Explanation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := exact(h.now())
	if err := h.ensure(ctx, now); err != nil {
		return Explanation{}, err
	}
	o, err := h.find(r.Alert)
	if err != nil {
		return Explanation{}, err
	}
	if r.At.IsZero() {
		r.At = now
	}
	x := Explanation{Alert: h.status(o), At: r.At}
	if o.Phase == alert.Pending {
		wait := "it fires when the condition has held for " + o.Policy.For.String()
		if o.Policy.Sampled {
			wait += ", at the next report that says so"
		}
		x.Steps = append(x.Steps, Step{Question: "does it fire?", Answer: "not yet, pending since " + o.Alert.StartedAt.Format(time.RFC3339) + ": " + wait, Decides: true})
		return x, nil
	}
	if o.Phase == alert.Clearing {
		x.Steps = append(x.Steps, Step{Question: "does it fire?", Answer: fmt.Sprintf("the condition ended at %s (%s); it resolves when that has lasted %s", o.ClearedAt.Format(time.RFC3339), o.EndCause, o.Policy.KeepFiring)})
	}
	c, _ := h.desk.Lookup(o.Alert.Fingerprint)
	for _, s := range h.desk.Explain(r.At, c) {
		x.Steps = append(x.Steps, Step(s))
	}
	for _, id := range h.notify.Groups() {
		g, _ := h.notify.Group(id)
		if m := g.Members[o.Alert.Fingerprint]; m != nil {
			x.Teams = append(x.Teams, Team{Receiver: g.Receiver, Group: g.Key, Told: m.Told, Held: m.Held, Waiting: g.Pending != nil, Next: g.Due})
		}
	}
	return x, nil
}

// Silences returns all silences that are known, by end.
func (h *Handler) Silences(ctx context.Context) ([]Silence, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if err := h.ensure(ctx, now); err != nil {
		return nil, err
	}
	out := []Silence{}
	for _, s := range h.desk.Silences() {
		out = append(out, shown(s, now))
	}
	return out, nil
}

func shown(s desk.Silence, now time.Time) Silence {
	out := Silence{ID: s.ID, Start: s.Start, End: s.End, Author: s.Author, Comment: s.Comment, CreatedAt: s.CreatedAt, State: "pending"}
	for _, m := range s.Matchers {
		out.Matchers = append(out.Matchers, m.String())
	}
	switch {
	case !now.Before(s.End):
		out.State = "expired"
	case s.At(now):
		out.State = "active"
	}
	return out
}

// Silence adds a silence, or changes the one with its ID.
func (h *Handler) Silence(ctx context.Context, in Silence) (Silence, error) {
	matchers, err := match.ParseAll(in.Matchers...)
	if err != nil {
		return in, fmt.Errorf("matchers: %w: %w", err, stage.ErrPermanent)
	}
	now := exact(h.now())
	s := desk.Silence{ID: in.ID, Matchers: matchers, Start: exact(in.Start), End: exact(in.End), Author: in.Author, Comment: in.Comment, CreatedAt: now}
	if in.Start.IsZero() {
		s.Start = now
	}
	if s.ID == "" {
		// Who repeats a request whose answer was lost within the same second changes the silence instead of adding one.
		s.ID = alert.Fingerprint(matchers.String(), map[string]string{"author": s.Author, "comment": s.Comment, "at": now.Truncate(time.Second).String()})[:12]
	}
	if err := s.Validate(); err != nil {
		return in, fmt.Errorf("%w: %w", err, stage.ErrPermanent)
	}
	return shown(s, now), h.setSilence(ctx, s)
}

// Expire ends a silence now. One that is over stays as it is.
func (h *Handler) Expire(ctx context.Context, id string) (Silence, error) {
	s, err := h.expireSilence(ctx, id)
	return shown(s, h.now()), err
}
