package desk

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Step is one question on the way to a decision, with its answer.
type Step struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Decides  bool   `json:"decides,omitzero"` // this one holds the alert back
}

// Explain says, question by question, whether subscribers would be told at a time of an occurrence that stands then, and
// why. Silences and windows are asked as of that time, inhibitions as of now.
func (d *Desk) Explain(at time.Time, c Case) []Step {
	var out []Step
	decided := false
	add := func(holds bool, question, format string, args ...any) {
		out = append(out, Step{question, fmt.Sprintf(format, args...), holds && !decided})
		decided = decided || holds
	}
	if c.Open == nil {
		add(true, "does it stand?", "no")
		return out
	}
	add(false, "does it stand?", "yes, %s since %s", c.Open.ID, c.Open.StartedAt.UTC().Format(time.RFC3339))
	if c.Ack != nil && c.Ack.AlertID == c.Open.ID {
		add(!at.Before(c.Ack.At), "acknowledged?", "by %s at %s: %s", c.Ack.By, c.Ack.At.UTC().Format(time.RFC3339), c.Ack.Comment)
	} else {
		add(false, "acknowledged?", "no")
	}
	silenced := false
	for _, s := range d.Silences() {
		if s.At(at) && s.Matchers.Matches(c.Open) {
			silenced = true
			add(true, "silenced?", "%s %s", s.reason(), s.Matchers)
		}
	}
	if !silenced {
		add(false, "silenced?", "no; %d silences are known", len(d.silences))
	}
	if v, ok := d.inhibited(at, &c); ok {
		add(true, "inhibited?", "%s", v.reason)
	} else {
		add(false, "inhibited?", "no; %d rules", len(d.inhibits))
	}
	muted := false
	for _, m := range d.mutes {
		if m.window.Contains(at) && m.rule.Matchers.Matches(c.Open) {
			muted = true
			add(true, "muted?", "in the window %s", m.rule.Name)
		}
	}
	if !muted {
		add(false, "muted?", "no; %d windows", len(d.mutes))
	}
	add(false, "flapping?", "%s", map[bool]string{true: "yes: told once, its end when it is calm", false: "no"}[c.Flap])
	switch {
	case c.Told != nil && c.Told.ID == c.Open.ID:
		add(false, "told?", "yes; its end will be told whatever holds it back then")
	case c.Told != nil:
		add(false, "told?", "of the occurrence %s, whose end waits until it is calm", c.Told.ID)
	case decided:
		add(false, "told?", "no, held back")
	default:
		add(false, "told?", "no, but nothing holds it back: it is told at the next turn")
	}
	return out
}

// Held says whether a state is one in which an alert is held back.
func Held(s event.State) bool {
	switch s {
	case event.Acknowledged, event.Silenced, event.Inhibited, event.Muted:
		return true
	}
	return false
}
