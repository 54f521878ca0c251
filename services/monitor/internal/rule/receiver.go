package rule

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// ReceiverFailed returns the signal that a receiver cannot be told of alerts, or, with an empty cause, that it was.
func ReceiverFailed(cfg Config, at time.Time, receiver, cause string) alert.Signal {
	s := alert.Signal{
		Name:     ReceiverDown,
		Labels:   map[string]string{"receiver": receiver},
		Severity: event.Critical,
		Class:    event.Infrastructure,
		Active:   cause != "",
		At:       at,
		Summary:  "receiver " + receiver + " cannot be told of alerts",
		Cause:    cause,
		Runbook:  runbook(ReceiverDown, receiver),
		Policy:   alert.Policy{Quiet: expireAfter, MaxOpen: cfg.MaxOpen},
	}
	if cause == "" {
		s.Cause = "a notification was delivered"
	}
	return s
}
