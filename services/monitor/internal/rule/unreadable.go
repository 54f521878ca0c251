package rule

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// Unreadable returns the signal that something the monitor kept under key could not be read back: an alert that was
// open may never be told to be resolved.
func Unreadable(cfg Config, at time.Time, key string, err error) alert.Signal {
	return alert.Signal{
		Name:     StateUnreadable,
		Labels:   map[string]string{"key": key},
		Severity: event.Warning,
		Class:    event.Operational,
		Active:   true,
		At:       at,
		Summary:  "the monitor cannot read what it kept under " + key,
		Cause:    err.Error(),
		Runbook:  runbook(StateUnreadable, key),
		Policy:   alert.Policy{Quiet: cfg.QuietPeriod, MaxOpen: cfg.MaxOpen},
	}
}
