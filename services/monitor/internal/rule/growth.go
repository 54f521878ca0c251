package rule

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// window is how many reports of a consumer are kept, fewest is how many say something.
const (
	window = 10
	fewest = 5
)

// growth raises consumer_lag_growing when a consumer moves but its backlog only ever grows: Burrow's WARN, for which
// the lag must never be zero and never fall in the window of reports.
type growth struct {
	cfg  Config
	seen map[consumerKey]*backlog
}

type backlog struct {
	reports []lagReport // oldest first, at most window
}

type lagReport struct {
	at   time.Time
	work uint64
}

func newGrowth(cfg Config) *growth { return &growth{cfg: cfg, seen: map[consumerKey]*backlog{}} }

func (r *growth) observe(now, at time.Time, e event.Event) []alert.Signal {
	l := e.Lag
	key := consumerKey{l.Stream, l.Consumer}
	b := r.seen[key]
	if b == nil {
		b = &backlog{}
		r.seen[key] = b
	}
	b.add(lagReport{at: now, work: l.Pending + l.AckPending})
	s := alert.Signal{
		Name:    ConsumerLagGrowing,
		Labels:  map[string]string{"stream": l.Stream, "consumer": l.Consumer, "service": e.Service},
		EventID: e.ID,
		Policy:  alert.Policy{For: r.cfg.LagGrowingFor, KeepFiring: r.cfg.KeepFiringFor, Quiet: r.cfg.QuietPeriod, MaxOpen: r.cfg.MaxOpen, Sampled: true},
	}
	first, last := b.reports[0], b.reports[len(b.reports)-1]
	switch {
	case len(b.reports) < fewest:
		return nil
	case !b.grows():
		s.Cause = fmt.Sprintf("the backlog no longer grows: %d messages, %d at %s", last.work, first.work, first.at.UTC().Format(time.TimeOnly))
		return []alert.Signal{s}
	}
	s.Active = true
	s.At = at
	s.Severity, s.Class = event.Warning, event.Operational
	s.Summary = fmt.Sprintf("%s falls behind on %s", e.Service, l.Stream)
	s.Cause = fmt.Sprintf("backlog from %d to %d messages in %s over %d reports without once falling; oldest %s",
		first.work, last.work, last.at.Sub(first.at).Round(time.Second), len(b.reports), l.Oldest.Round(time.Second))
	s.Runbook = runbook(ConsumerLagGrowing, l.Stream+" "+l.Consumer)
	return []alert.Signal{s}
}

func (b *backlog) add(x lagReport) {
	if len(b.reports) == window {
		copy(b.reports, b.reports[1:])
		b.reports = b.reports[:window-1]
	}
	b.reports = append(b.reports, x)
}

func (b *backlog) grows() bool {
	for i, x := range b.reports {
		if x.work == 0 || i > 0 && x.work < b.reports[i-1].work {
			return false
		}
	}
	return b.reports[len(b.reports)-1].work > b.reports[0].work
}

func (r *growth) expire(now time.Time) {
	for key, b := range r.seen {
		if now.Sub(b.reports[len(b.reports)-1].at) > expireAfter {
			delete(r.seen, key)
		}
	}
}
