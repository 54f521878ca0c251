package ingestor

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellwether-forecast/bellwether/libs/record"
)

type metrics struct {
	runs    *prometheus.CounterVec
	rows    *prometheus.CounterVec
	pages   prometheus.Counter
	seconds prometheus.Histogram
	last    prometheus.Gauge
}

// newMetrics registers the metrics; a nil registerer gives metrics that nobody reads.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_ingestor_runs_total",
			Help: "Refreshes by origin and status.",
		}, []string{"origin", "status"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bellwether_ingestor_rows_total",
			Help: "Rows by what they turned out to be: fetched, new, revised, missing, malformed.",
		}, []string{"kind"}),
		pages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bellwether_ingestor_pages_total",
			Help: "Pages or files read from the source.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "bellwether_ingestor_run_seconds",
			Help:    "Duration of a refresh.",
			Buckets: prometheus.ExponentialBuckets(.05, 3, 9),
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bellwether_ingestor_last_success_timestamp_seconds",
			Help: "As-of time of the last refresh that succeeded.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.runs, m.rows, m.pages, m.seconds, m.last)
	}
	return m
}

func (m *metrics) observe(r record.IngestRun) {
	m.runs.WithLabelValues(r.Origin, r.Status).Inc()
	for kind, n := range map[string]uint64{
		"fetched": r.Fetched, "new": r.New, "revised": r.Revised, "missing": r.Missing, "malformed": r.Malformed,
	} {
		m.rows.WithLabelValues(kind).Add(float64(n))
	}
	m.pages.Add(float64(r.Pages))
	m.seconds.Observe(r.FinishedAt.Sub(r.StartedAt).Seconds())
	if r.Status == "ok" {
		m.last.Set(float64(r.AsOf.Unix()))
	}
}
