package rule

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// missed is how many announced intervals may pass without a heartbeat. maxInterval bounds what a service may announce,
// so that nobody talks himself out of being watched.
const (
	missed      = 3
	maxInterval = 10 * time.Minute
)

// silence raises service_silent when no instance of an expected service is heard of. A service that said it is
// stopping is still expected: a restart brings another heartbeat in time, a stop that nobody follows up is an outage.
type silence struct {
	cfg     Config
	started time.Time
	resumed time.Time // nothing could be heard before
	last    map[string]beat
}

// beat is the newest heartbeat of a service.
type beat struct {
	at       time.Time // when the monitor saw it
	instance string
	state    string
	interval time.Duration
}

func newSilence(cfg Config, start time.Time) *silence {
	return &silence{cfg: cfg, started: start, resumed: start, last: map[string]beat{}}
}

func (r *silence) resume(now time.Time) { r.resumed = now }

func (r *silence) observe(now time.Time, e event.Event) []alert.Signal {
	if !slices.Contains(r.cfg.Expect, e.Service) {
		return nil
	}
	h := e.Heartbeat
	r.last[e.Service] = beat{at: now, instance: e.Instance, state: h.State, interval: min(h.Interval, maxInterval)}
	return []alert.Signal{{
		Name:   ServiceSilent,
		Labels: map[string]string{"service": e.Service},
		Cause:  fmt.Sprintf("heartbeat of %s, state %q", e.Instance, h.State),
	}}
}

func (r *silence) tick(now time.Time) []alert.Signal {
	var out []alert.Signal
	for _, service := range r.cfg.Expect {
		b, seen := r.last[service]
		limit, since := r.cfg.ExpectGrace, r.started
		cause := fmt.Sprintf("no heartbeat since the monitor started %s ago", now.Sub(r.started).Round(time.Second))
		if seen {
			limit, since = max(missed*b.interval, r.cfg.HeartbeatFloor), b.at
			cause = fmt.Sprintf("last heartbeat %s ago from %s in state %q; one is due every %s and %s without any is too long",
				now.Sub(b.at).Round(time.Second), b.instance, b.state, b.interval, limit)
		}
		// Time in which the monitor could not hear is not silence of the service.
		if now.Sub(since) <= limit || now.Sub(r.resumed) <= limit {
			continue
		}
		out = append(out, alert.Signal{
			Name:     ServiceSilent,
			Labels:   map[string]string{"service": service},
			Severity: event.Critical,
			Class:    event.Infrastructure,
			Active:   true,
			At:       since,
			Summary:  "no instance of " + service + " is heard of",
			Cause:    cause,
			Runbook:  runbook(ServiceSilent, service),
		})
	}
	return out
}
