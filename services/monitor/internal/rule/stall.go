package rule

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// consumerKey names a consumer: names of consumers are unique within a stream only.
type consumerKey struct{ stream, consumer string }

// stall raises consumer_stalled when a consumer has work and its ack floor stands still, or when it is paused with
// work waiting. A consumer that is behind but moves is catching up, not stalled.
//
// The test is Burrow's STALL, on the ack floor: messages that are delivered again and again move everything but that.
type stall struct {
	cfg  Config
	seen map[consumerKey]floor
}

// floor is when and where a consumer's ack floor was last seen to move, or to have no work.
type floor struct {
	seq   uint64
	since time.Time
	seen  time.Time // of the newest report
}

func newStall(cfg Config) *stall { return &stall{cfg: cfg, seen: map[consumerKey]floor{}} }

func (r *stall) observe(now, at time.Time, e event.Event) []alert.Signal {
	l := e.Lag
	key := consumerKey{l.Stream, l.Consumer}
	work := l.Pending + l.AckPending
	f, known := r.seen[key]
	// After a quiet period the alert has ended as well: what stood still before is another occurrence.
	moved := !known || f.seq != l.AckFloor || now.Sub(f.seen) >= r.cfg.QuietPeriod
	if moved || work == 0 {
		f.seq, f.since = l.AckFloor, at
	}
	f.seen = now
	r.seen[key] = f

	s := alert.Signal{
		Name:    ConsumerStalled,
		Labels:  map[string]string{"stream": l.Stream, "consumer": l.Consumer, "service": e.Service},
		EventID: e.ID,
		Policy:  r.policy(e.Service),
	}
	numbers := fmt.Sprintf("%d pending, %d unacknowledged, %d redelivered, ack floor %d, oldest %s",
		l.Pending, l.AckPending, l.Redelivered, l.AckFloor, l.Oldest.Round(time.Second))
	switch {
	case explained(l):
		s.Cause = "another alert says why: " + numbers
	case work == 0:
		s.Cause = "no work left: " + numbers
	case l.Paused:
		s.Active = true
		s.Policy.For = 0
		s.Cause = "the consumer is paused with work waiting: " + numbers
	case !known:
		// One report says nothing about movement, neither way.
		return nil
	case moved:
		s.Cause = "the ack floor moves again: " + numbers
	default:
		s.Active = true
		s.Cause = fmt.Sprintf("the ack floor has not moved for %s: %s", at.Sub(f.since).Round(time.Second), numbers)
	}
	if s.Active {
		s.At = f.since
		s.Severity, s.Class = event.Warning, event.Operational
		s.Summary = fmt.Sprintf("%s makes no progress on %s", e.Service, l.Stream)
		s.Runbook = runbook(ConsumerStalled, l.Stream+" "+l.Consumer)
	}
	return []alert.Signal{s}
}

func (r *stall) policy(service string) alert.Policy {
	wait := r.cfg.StallFor
	if d, ok := r.cfg.StallForService[service]; ok {
		wait = d
	}
	return alert.Policy{For: wait, KeepFiring: r.cfg.KeepFiringFor, Quiet: r.cfg.QuietPeriod, MaxOpen: r.cfg.MaxOpen, Sampled: true}
}

func (r *stall) expire(now time.Time) {
	for key, f := range r.seen {
		if now.Sub(f.seen) > expireAfter {
			delete(r.seen, key)
		}
	}
}
