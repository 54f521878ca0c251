package chio

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

type metrics struct {
	rows    *prometheus.CounterVec
	errors  *prometheus.CounterVec
	seconds prometheus.Observer
	queries prometheus.Observer
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{
		rows: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_store_written_rows_total",
			Help: "Rows written, by table. A write that is repeated counts again.",
		}, []string{"table"})),
		errors: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_store_write_errors_total",
			Help: "Writes that failed: the store was unavailable, it rejected the rows, or another reason.",
		}, []string{"reason"})),
		seconds: register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "bellwether_store_write_seconds",
			Help:    "Duration of writes that succeeded, all tables of a write together.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 13),
		})),
		queries: register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "bellwether_store_query_seconds",
			Help:    "Duration of queries that succeeded, until the last row was read.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2, 15),
		})),
	}
}

// wrote counts one write that began at start.
func (m *metrics) wrote(start time.Time, inserts []insert, err error) {
	switch {
	case err == nil:
		m.seconds.Observe(time.Since(start).Seconds())
		for _, in := range inserts {
			m.rows.WithLabelValues(in.table).Add(float64(in.rows))
		}
	case errors.Is(err, context.Canceled):
		m.errors.WithLabelValues("canceled").Inc()
	case errors.Is(err, ErrUnavailable):
		m.errors.WithLabelValues("unavailable").Inc()
	case errors.Is(err, stage.ErrPermanent):
		m.errors.WithLabelValues("rejected").Inc()
	default:
		m.errors.WithLabelValues("other").Inc()
	}
}

// register returns c, or the equal collector that another store of the same process registered before.
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
