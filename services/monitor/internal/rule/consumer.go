package rule

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/lag"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// Names of the alerts about states of a consumer that are neither consumer_stalled nor consumer_lag_growing.
const (
	ConsumerBlockedAck      = "consumer_blocked_ack"
	ConsumerNotPulling      = "consumer_not_pulling"
	ConsumerRedeliveryStorm = "consumer_redelivery_storm"
	ConsumerRewind          = "consumer_rewind"
	ConsumerLost            = "consumer_lost"
	ConsumerGone            = "consumer_gone"
	ConsumerNoData          = "consumer_no_data"
)

// consumerState is one bad state of a consumer and how bad it is.
type consumerState struct {
	name     string
	state    lag.State
	severity event.Severity
	class    event.Class
	summary  string // with the service and the stream
}

// consumerStates raises consumer_<state> for what the reporting process has made of its last reports. It remembers
// nothing: each report says of every state whether it holds.
type consumerStates struct{ cfg Config }

// bad returns the states that raise an alert here. STALLED and SLOW have rules of their own.
func (consumerStates) bad() []consumerState {
	return []consumerState{
		{ConsumerBlockedAck, lag.BlockedAck, event.Warning, event.Operational, "%s gets nothing more from %s: too much is unacknowledged"},
		{ConsumerNotPulling, lag.NotPulling, event.Warning, event.Operational, "%s does not ask for the messages that wait in %s"},
		{ConsumerRedeliveryStorm, lag.RedeliveryStorm, event.Warning, event.Operational, "%s gets the same messages of %s again and again"},
		{ConsumerRewind, lag.Rewind, event.Warning, event.Operational, "%s has been put back in %s"},
		{ConsumerLost, lag.Lost, event.Critical, event.DataIntegrity, "%s has missed messages of %s for good"},
		{ConsumerGone, lag.Gone, event.Critical, event.Operational, "the consumer of %s on %s does not exist any more"},
		{ConsumerNoData, lag.NoData, event.Warning, event.Infrastructure, "%s cannot read how far it is behind on %s"},
	}
}

func (r consumerStates) observe(at time.Time, e event.Event) []alert.Signal {
	l := e.Lag
	if l.State == "" {
		return nil
	}
	var out []alert.Signal
	for _, s := range r.bad() {
		out = append(out, alert.Signal{
			Name:     s.name,
			Labels:   map[string]string{"stream": l.Stream, "consumer": l.Consumer, "service": e.Service},
			Severity: s.severity,
			Class:    s.class,
			Active:   lag.State(l.State) == s.state,
			At:       at,
			EventID:  e.ID,
			Summary:  fmt.Sprintf(s.summary, e.Service, l.Stream),
			Cause:    fmt.Sprintf("state %s: %s", l.State, l.Evidence),
			Runbook:  runbook(s.name, l.Stream+" "+l.Consumer),
			Policy:   alert.Policy{KeepFiring: r.cfg.KeepFiringFor, Quiet: r.cfg.QuietPeriod, MaxOpen: r.cfg.MaxOpen, Sampled: true},
		})
	}
	return out
}

// explained reports whether what stands still has one of the states above: its alert says more than that it stands.
func explained(l *event.Lag) bool { return l.Full > 0 || l.Unpulled > 0 || l.Missing }
