package rule

import (
	"cmp"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// UnknownError names the alert of an error event without a code.
const UnknownError = "unknown_error"

// Codes returns the codes of error events that have a runbook of their own.
func Codes() []string {
	return []string{
		"upstream_unavailable", "upstream_schema", "upstream_rejected", "transformation_failed",
		"bad_configuration", "quarantined_observations", "schema_mismatch", "series_broken", "source_silent",
		"training_failed", "training_held", "store_unavailable", "disk_pressure",
		"memory_pressure", "oom_kill", "cpu_throttled", "handler_failed", "dead_letter", UnknownError,
	}
}

// errorRule raises an alert for each error that stands, named by its code. The service says what is wrong and how bad
// it is. An error that is raised and never cleared ends after the quiet period.
type errorRule struct{ cfg Config }

func (r *errorRule) observe(at time.Time, e event.Event) []alert.Signal {
	x := e.Error
	name := cmp.Or(x.Code, UnknownError)
	return []alert.Signal{{
		Name:     name,
		Labels:   map[string]string{"service": e.Service, "subject": x.Subject},
		Severity: cmp.Or(x.Severity, event.Warning),
		Class:    cmp.Or(x.Class, event.Operational),
		Active:   x.Condition != event.Cleared,
		At:       at,
		EventID:  e.ID,
		Summary:  summary(e.Service, name, x.Subject),
		Cause:    cause(e),
		Runbook:  runbook(name, cmp.Or(x.Subject, e.Service)),
		Policy:   alert.Policy{KeepFiring: r.cfg.KeepFiringFor, Quiet: r.quiet(name), MaxOpen: r.cfg.MaxOpen},
	}}
}

// heldQuiet is how long training_held stands without being repeated: it is said again with the next night's job.
const heldQuiet = 48 * time.Hour

func (r *errorRule) quiet(code string) time.Duration {
	if code == "training_held" {
		return max(heldQuiet, r.cfg.QuietPeriod)
	}
	return r.cfg.QuietPeriod
}

func summary(service, code, subject string) string {
	s := service + ": " + strings.ReplaceAll(code, "_", " ")
	if subject != "" && subject != service {
		s += ": " + subject
	}
	return s
}

// cause is what the service said. The attributes of the event are in the events table.
func cause(e event.Event) string {
	if e.Error.Condition == event.Cleared {
		return strings.TrimSuffix("cleared by "+e.Instance+": "+e.Error.Message, ": ")
	}
	return cmp.Or(e.Error.Message, "no message given")
}
