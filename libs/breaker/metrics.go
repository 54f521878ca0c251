package breaker

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are shared by all breakers of one registry; the label dependency tells them apart.
type metrics struct {
	open     prometheus.Gauge
	opened   prometheus.Counter
	rejected prometheus.Counter
}

func newMetrics(name string, reg prometheus.Registerer) *metrics {
	labels := []string{"dependency"}
	open := register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "bellwether_breaker_open",
		Help: "1 while calls to the dependency are refused, 0.5 while one call tries it, 0 while calls go through.",
	}, labels))
	opened := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bellwether_breaker_opened_total",
		Help: "Times the breaker of the dependency opened.",
	}, labels))
	rejected := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bellwether_breaker_rejected_total",
		Help: "Calls refused without reaching the dependency.",
	}, labels))
	return &metrics{
		open:     open.WithLabelValues(name),
		opened:   opened.WithLabelValues(name),
		rejected: rejected.WithLabelValues(name),
	}
}

func (m *metrics) changed(to State) {
	switch to {
	case Open:
		m.open.Set(1)
		m.opened.Inc()
	case HalfOpen:
		m.open.Set(0.5)
	default:
		m.open.Set(0)
	}
}

// register returns c, or the equal collector that another breaker of the same process registered before.
func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var known prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &known) {
		if same, ok := known.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}
