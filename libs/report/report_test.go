package report_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/report"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

type recorder struct{ msgs []stage.Message }

func (r *recorder) Publish(_ context.Context, msgs ...stage.Message) error {
	r.msgs = append(r.msgs, msgs...)
	return nil
}

func TestReporter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var rec recorder
	r := report.New(event.Ingestor, "ingestor-1", "v1", &rec, func() time.Time { return now })
	down := event.Error{Class: event.DataIntegrity, Code: "upstream_unavailable", Subject: "eia", Message: "500 from the API"}
	steps := []func() error{
		func() error { return r.Clear(t.Context(), down) }, // an earlier life may have raised it
		func() error { return r.Clear(t.Context(), down) }, // said already
		func() error { return r.Raise(t.Context(), down) },
		func() error { return r.Clear(t.Context(), down) },
		func() error { return r.Clear(t.Context(), down) },
		func() error { return r.Heartbeat(t.Context(), "running", 5*time.Second, 7) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	var got []string
	ids := map[string]bool{}
	for _, m := range rec.msgs {
		e, err := wire.DecodeEvent(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		ids[m.ID] = true
		what := ""
		if e.Error != nil {
			what = " " + string(e.Error.Condition) + " " + e.Error.Code
		}
		got = append(got, m.Subject+what)
		if e.Instance != "ingestor-1" || !e.At.Equal(now) {
			t.Errorf("event %s: instance %q at %s", m.ID, e.Instance, e.At)
		}
	}
	want := []string{
		"bw.event.error.ingestor cleared upstream_unavailable",
		"bw.event.error.ingestor raised upstream_unavailable",
		"bw.event.error.ingestor cleared upstream_unavailable",
		"bw.event.heartbeat.ingestor",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if len(ids) != len(rec.msgs) {
		t.Errorf("%d ids for %d messages, want them all different", len(ids), len(rec.msgs))
	}
}
