package alert

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Phase is where an open alert stands inside the engine.
type Phase string

// Phases of an open alert.
const (
	Pending  Phase = "pending"  // the condition holds, but not yet for long enough
	Firing   Phase = "firing"   // told
	Clearing Phase = "clearing" // told; the condition has ended, but not yet for long enough
)

// Open is an alert that is not inactive, with all that the engine knows of it. It is written to JSON and read back.
type Open struct {
	Alert     event.Alert `json:"alert"` // as of the last transition, with the newest evidence
	Phase     Phase       `json:"phase"`
	HeardAt   time.Time   `json:"heard_at"`            // of the last signal, active or not
	ClearedAt time.Time   `json:"cleared_at,omitzero"` // when clearing began
	EndCause  string      `json:"end_cause,omitzero"`  // why it began
	LastEvent string      `json:"last_event,omitzero"` // the last event counted
	Policy    Policy      `json:"policy"`
}

// due says what the passing of time alone does to o.
func (o *Open) due(now time.Time) verdict {
	if o.Phase == Clearing {
		if now.Sub(o.ClearedAt) >= o.Policy.KeepFiring {
			return ended
		}
		return unchanged
	}
	if o.Policy.Retire > 0 && now.Sub(o.HeardAt) >= o.Policy.Retire {
		return forgotten
	}
	if o.Policy.Quiet > 0 && now.Sub(o.HeardAt) >= o.Policy.Quiet {
		switch o.Policy.OnQuiet {
		case Keep:
			return unchanged
		case Fire:
			if o.Phase == Pending {
				return fires
			}
			return unchanged
		case Resolve, "":
			return forgotten
		}
	}
	if o.Phase == Pending && !o.Policy.Sampled && now.Sub(o.Alert.StartedAt) >= o.Policy.For {
		return fires
	}
	return unchanged
}

type verdict int

const (
	unchanged verdict = iota
	fires
	ended
	forgotten
)

// take puts the evidence of an active signal into o.
func (o *Open) take(now time.Time, s Signal) {
	o.HeardAt = now
	o.Policy = s.Policy
	o.Alert.Summary, o.Alert.Cause, o.Alert.Runbook, o.Alert.Measure = s.Summary, s.Cause, s.Runbook, s.Measure
	if o.Phase == Pending {
		o.Alert.Severity, o.Alert.Class = s.Severity, s.Class
	}
	if s.EventID != "" && s.EventID != o.LastEvent {
		// A redelivered event is not a second one.
		o.Alert.Events++
		o.LastEvent = s.EventID
	}
}
