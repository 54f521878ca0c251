package natsio

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of a delivered message, as the metric labels them.
const (
	outcomeHandled    = "handled"     // results stored and published, acknowledged
	outcomeRetried    = "retried"     // failed, will be redelivered
	outcomeHeld       = "held"        // put back, because an earlier message of its subject must come first
	outcomeDeadLetter = "dead_letter" // given up
)

// metrics are labelled by consumer, of which there are a handful, and never by subject.
type metrics struct {
	messages    *prometheus.CounterVec
	redelivered *prometheus.CounterVec
	outages     *prometheus.CounterVec
	batch       *prometheus.HistogramVec
	published   *prometheus.CounterVec
	batches     *prometheus.CounterVec
	connected   prometheus.Gauge
	reconnects  prometheus.Counter
}

// newMetrics registers with reg, unless it is nil.
func newMetrics() *metrics {
	return &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_bus_messages_total", Help: "Messages delivered to a consumer, by what became of them.",
		}, []string{"consumer", "outcome"}),
		redelivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_bus_redelivered_total", Help: "Messages delivered for the second time or later.",
		}, []string{"consumer"}),
		outages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_bus_outage_retries_total", Help: "Retries in place because a dependency was down.",
		}, []string{"consumer", "stage"}),
		batch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bellwether_bus_batch_seconds", Help: "Time from receiving a batch to its last acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}, []string{"consumer"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_bus_published_total", Help: "Messages published: stored, discarded or failed.",
		}, []string{"outcome"}),
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_bus_batches_total", Help: "Batches of messages published: stored at once, refused and then sent one by one, or failed.",
		}, []string{"outcome"}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bellwether_bus_connected", Help: "1 while the connection to the bus is up.",
		}),
		reconnects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bellwether_bus_reconnects_total", Help: "How often a lost connection to the bus was restored.",
		}),
	}
}

// register makes the metrics visible; reg may be nil.
func (m *metrics) register(reg prometheus.Registerer) {
	if reg != nil {
		reg.MustRegister(m.messages, m.redelivered, m.outages, m.batch, m.published, m.batches, m.connected, m.reconnects)
	}
}

// consumerMetrics are the metrics of one consumer, looked up once.
type consumerMetrics struct {
	all         *metrics
	name        string
	redelivered prometheus.Counter
	batch       prometheus.Observer
}

func (m *metrics) consumer(name string) consumerMetrics {
	return consumerMetrics{
		all:         m,
		name:        name,
		redelivered: m.redelivered.WithLabelValues(name),
		batch:       m.batch.WithLabelValues(name),
	}
}

func (m consumerMetrics) outcome(o string) { m.all.messages.WithLabelValues(m.name, o).Inc() }

func (m consumerMetrics) outage(stage string) { m.all.outages.WithLabelValues(m.name, stage).Inc() }
