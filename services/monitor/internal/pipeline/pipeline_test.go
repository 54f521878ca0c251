package pipeline_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/pipeline"
)

// The oracle is the flow in docs/architecture.md.
func TestAbove(t *testing.T) {
	for component, want := range map[string][]string{
		"":                 nil,
		"nats":             {"nats"},
		event.Ingestor:     {"ingestor", "nats", "clickhouse"},
		event.Validator:    {"validator", "ingestor", "nats", "clickhouse"},
		event.Forecaster:   {"forecaster", "validator", "nats", "clickhouse", "ingestor"},
		event.Trainer:      {"trainer", "nats", "clickhouse"},
		"data/eia":         {"data/eia", "upstream/eia", "ingestor", "nats", "clickhouse"},
		"something-unseen": {"something-unseen"},
	} {
		if diff := cmp.Diff(want, pipeline.Above(component)); diff != "" {
			t.Errorf("above %q mismatch (-want +got):\n%s", component, diff)
		}
	}
}

func TestComponent(t *testing.T) {
	for _, tc := range []struct {
		name   string
		labels map[string]string
		want   string
	}{
		{"service_silent", map[string]string{"service": "validator"}, "validator"},
		{"consumer_stalled", map[string]string{"service": "trainer", "stream": "BW_JOB", "consumer": "trainer"}, "trainer"},
		{"store_unavailable", map[string]string{"service": "validator", "subject": "clickhouse"}, "clickhouse"},
		{"bus_unavailable", map[string]string{"service": "validator", "subject": "nats"}, "nats"},
		{"source_stale", map[string]string{"source": "eia"}, "data/eia"},
		{"source_stale", map[string]string{"series": "eia.PJM"}, "data/eia"},
		{"forecast_drift", map[string]string{"series": "eia.PJM", "detector": "x"}, "data/eia"},
		{"upstream_unavailable", map[string]string{"service": "ingestor", "subject": "eia"}, "upstream/eia"},
		{"upstream_schema", map[string]string{"service": "ingestor", "subject": "eia.PJM"}, "upstream/eia"},
		{"source_silent", map[string]string{"service": "validator", "subject": "eia"}, "data/eia"},
		{"alert_flood", map[string]string{"alert": "x"}, ""},
	} {
		if got := pipeline.Component(&event.Alert{Name: tc.name, Labels: tc.labels}); got != tc.want {
			t.Errorf("component of %s %v is %q, want %q", tc.name, tc.labels, got, tc.want)
		}
	}
}
