package rule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// ServiceCrashLoop names the alert of a service that dies again and again.
const ServiceCrashLoop = "service_crash_loop"

// A service is in a crash loop when it started so often within the window without having said that it stops.
const (
	crashWindow = 10 * time.Minute
	crashes     = 3
)

// crash raises service_crash_loop. A start is a heartbeat in state "starting", an orderly end one in state "stopping"; a
// start that was followed by neither an end nor a life that lasts is a crash. So a rollout, a scale-up and a service that
// died once are none.
type crash struct {
	cfg      Config
	services map[string]*lives
}

// lives are the starts and ends of the instances of a service within the window.
type lives struct {
	starts, stops []moment
	alive         map[string]beat // by instance
	told          bool
}

type moment struct {
	at       time.Time // when it was said, the same on every delivery
	instance string
}

func newCrash(cfg Config) *crash { return &crash{cfg: cfg, services: map[string]*lives{}} }

func (r *crash) observe(now, at time.Time, e event.Event) []alert.Signal {
	l := r.services[e.Service]
	if l == nil {
		l = &lives{alive: map[string]beat{}}
		r.services[e.Service] = l
	}
	m := moment{at, e.Instance}
	switch e.Heartbeat.State {
	case "starting":
		l.starts = noted(l.starts, m)
	case "stopping":
		l.stops = noted(l.stops, m)
	}
	l.alive[e.Instance] = beat{at: now, instance: e.Instance, state: e.Heartbeat.State, interval: min(e.Heartbeat.Interval, maxInterval)}
	return r.judge(now, e.Service, l)
}

func noted(all []moment, m moment) []moment {
	if slices.Contains(all, m) {
		return all
	}
	return append(all, m)
}

func (r *crash) tick(now time.Time) []alert.Signal {
	var out []alert.Signal
	for _, service := range slices.Sorted(maps.Keys(r.services)) {
		out = append(out, r.judge(now, service, r.services[service])...)
	}
	return out
}

func (r *crash) judge(now time.Time, service string, l *lives) []alert.Signal {
	old := func(m moment) bool { return now.Sub(m.at) > crashWindow }
	l.starts, l.stops = slices.DeleteFunc(l.starts, old), slices.DeleteFunc(l.stops, old)
	maps.DeleteFunc(l.alive, func(_ string, b beat) bool { return b.state == "stopping" || now.Sub(b.at) > missed*b.interval })
	started := map[string]bool{}
	for _, m := range l.starts {
		started[m.instance] = true
	}
	n := len(l.starts) - len(l.stops)
	for instance := range l.alive {
		if started[instance] {
			n--
		}
	}
	labels := map[string]string{"service": service}
	if n < crashes {
		if !l.told {
			return nil
		}
		l.told = false
		return []alert.Signal{{Name: ServiceCrashLoop, Labels: labels, Cause: fmt.Sprintf("fewer than %d crashes in %s", crashes, crashWindow)}}
	}
	l.told = true
	last := slices.MaxFunc(l.starts, func(a, b moment) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.instance, b.instance)) })
	return []alert.Signal{{
		Name: ServiceCrashLoop, Labels: labels, Severity: event.Critical, Class: event.Operational, Active: true, At: last.at,
		Summary: service + " dies again and again",
		Cause: fmt.Sprintf("%d starts in %s without an orderly end, the last of %s; what it says before it dies is in its log",
			n, crashWindow, last.instance),
		Runbook: runbook(ServiceCrashLoop, service),
		Policy:  alert.Policy{KeepFiring: r.cfg.KeepFiringFor},
	}}
}
