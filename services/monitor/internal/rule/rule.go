// Package rule turns events into signals for the alert engine, one file for each rule.
//
// Rules are pure: what they know comes from the events they were shown and from the time they are given. What they
// remember is evidence, not decisions, so that nothing is lost when it is gone after a restart: a rule that does not
// know says nothing.
package rule

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/lag"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// Names of the alerts that rules raise. Error events raise alerts named by their code; see Codes.
const (
	ServiceSilent      = "service_silent"
	ConsumerStalled    = "consumer_stalled"
	ConsumerLagGrowing = "consumer_lag_growing"
	SourceStale        = "source_stale"
	ForecastDrift      = "forecast_drift"
	StateUnreadable    = "alert_state_unreadable"
	ReceiverDown       = "receiver_failed"
)

// Names returns every alert name that the monitor raises by itself.
func Names() []string {
	return []string{
		ServiceSilent, ServiceCrashLoop, ConsumerStalled, ConsumerLagGrowing, SourceStale, ForecastDrift, StateUnreadable, ReceiverDown, alert.FloodName, event.Watchdog,
		ConsumerBlockedAck, ConsumerNotPulling, ConsumerRedeliveryStorm, ConsumerRewind, ConsumerLost, ConsumerGone, ConsumerNoData, FleetDrift,
	}
}

// expireEvery is how often Tick looks for things that are gone; expireAfter is how long they are remembered.
const (
	expireEvery = time.Minute
	expireAfter = 24 * time.Hour
)

// Set is all rules together. It is not safe for concurrent use.
type Set struct {
	cfg     Config
	silence *silence
	crash   *crash
	stall   *stall
	growth  *growth // nil when switched off
	stale   *stale
	errors  *errorRule
	drift   *drift
	fleet   *fleet
	expired time.Time
}

// NewSet returns the rules of a monitor that started at start. cfg must be valid.
func NewSet(cfg Config, start time.Time) *Set {
	s := &Set{
		cfg:     cfg,
		silence: newSilence(cfg, start),
		crash:   newCrash(cfg),
		stall:   newStall(cfg),
		stale:   newStale(cfg),
		errors:  &errorRule{cfg: cfg},
		drift:   &drift{cfg: cfg},
		fleet:   newFleet(cfg),
		expired: start,
	}
	if cfg.LagGrowing {
		s.growth = newGrowth(cfg)
	}
	return s
}

// Observe returns the signals that follow from e. now is when it is seen; at is when it was said, the same on every
// delivery.
func (s *Set) Observe(now, at time.Time, e event.Event) []alert.Signal {
	switch {
	case e.Heartbeat != nil:
		return append(s.silence.observe(now, e), s.crash.observe(now, at, e)...)
	case e.Error != nil:
		return s.errors.observe(at, e)
	case e.Drift != nil:
		if e.Drift.Tier == event.TierEvent {
			return s.fleet.observe(at, e)
		}
		return s.drift.observe(at, e)
	case e.Lag != nil && e.Lag.Consumer != "":
		out := consumerStates{s.cfg}.observe(at, e)
		if numbers := lag.State(e.Lag.State) != lag.NoData; !numbers {
			return out
		}
		out = append(out, s.stall.observe(now, at, e)...)
		if s.growth != nil {
			out = append(out, s.growth.observe(now, at, e)...)
		}
		return out
	case e.Lag != nil && e.Lag.Series.Key != "":
		return s.stale.observe(now, at, e)
	}
	return nil
}

// Tick returns the signals that follow from the passing of time.
func (s *Set) Tick(now time.Time) []alert.Signal {
	if now.Sub(s.expired) >= expireEvery {
		s.expired = now
		s.stall.expire(now)
		s.stale.expire(now)
		if s.growth != nil {
			s.growth.expire(now)
		}
	}
	return append(s.silence.tick(now), s.crash.tick(now)...)
}

// Resume tells the rules that nothing could be heard before now: silence is counted from here.
func (s *Set) Resume(now time.Time) { s.silence.resume(now) }
