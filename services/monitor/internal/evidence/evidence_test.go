package evidence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/evidence"
)

var onset = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func failure(service, message string) event.Event {
	return event.Event{Service: service, Error: &event.Error{Class: event.Operational, Code: "handler_failed", Condition: event.Raised, Message: message}}
}

func beat(service, version string) event.Event {
	return event.Event{Service: service, Instance: "a", Heartbeat: &event.Heartbeat{State: "running", Version: version}}
}

// The oracle is docs/alerting.md: what is upstream and began earlier, what changed in the two hours before, the errors
// since ten minutes before the onset, the most frequent first; nothing of other branches.
func TestFor(t *testing.T) {
	l := evidence.New()
	l.Observe(onset.Add(-3*time.Hour), beat("validator", "1"))
	l.Observe(onset.Add(-time.Hour), beat("validator", "2"))
	l.Observe(onset.Add(-3*time.Hour), beat("trainer", "1"))
	l.Observe(onset.Add(-time.Hour), beat("trainer", "2")) // another branch
	l.Changed(onset.Add(-150*time.Minute), "", "too long ago")
	for i := range 3 {
		l.Observe(onset.Add(time.Duration(i)*time.Second), failure("validator", fmt.Sprintf("no column %d", i)))
	}
	l.Observe(onset, failure("ingestor", "once"))
	l.Observe(onset.Add(-time.Hour), failure("validator", "long over"))
	l.Observe(onset, failure("trainer", "another branch"))

	a := &event.Alert{Fingerprint: "f", Name: "consumer_stalled", Labels: map[string]string{"service": "validator"}, StartedAt: onset, At: onset.Add(30 * time.Second)}
	standing := []*event.Alert{
		a,
		{Fingerprint: "u1", Name: "service_silent", Labels: map[string]string{"service": "ingestor"}, Summary: "gone", StartedAt: onset.Add(-time.Minute)},
		{Fingerprint: "u2", Name: "service_silent", Labels: map[string]string{"service": "ingestor"}, StartedAt: onset.Add(time.Minute)}, // later
		{Fingerprint: "u3", Name: "service_silent", Labels: map[string]string{"service": "forecaster"}, StartedAt: onset.Add(-time.Minute)},
	}
	var got []string
	for _, e := range l.For(a, standing) {
		got = append(got, string(e.Kind)+" "+e.Text)
	}
	want := []string{
		"upstream service_silent since 11:59:00: gone (u1)",
		"change validator: version 2, was 1",
		"error validator handler_failed, 3 times since 12:00:00: no column 0 (" + evidence.Fingerprint(failure("validator", "no column 7")) + ")",
		"error ingestor handler_failed, 1 times since 12:00:00: once (" + evidence.Fingerprint(failure("ingestor", "once")) + ")",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("evidence mismatch (-want +got):\n%s", diff)
	}
}

func TestFingerprintIsOfWhatDoesNotVary(t *testing.T) {
	same := evidence.Fingerprint(failure("validator", `row 17 of "eia.PJM": no value`))
	if got := evidence.Fingerprint(failure("validator", `row 18 of "eia.CISO": no value`)); got != same {
		t.Errorf("%s and %s differ by a number and a name alone", same, got)
	}
	for _, e := range []event.Event{failure("trainer", `row 17 of "eia.PJM": no value`), failure("validator", "no row")} {
		if evidence.Fingerprint(e) == same {
			t.Errorf("%s is the fingerprint of different trouble", same)
		}
	}
}

func TestNewModelIsAChange(t *testing.T) {
	l := evidence.New()
	drift := func(model string) event.Event {
		return event.Event{Service: "forecaster", Drift: &event.Drift{Series: series.ID{Source: "eia", Key: "PJM"}, ModelID: model}}
	}
	l.Observe(onset.Add(-time.Hour), drift("m1"))
	l.Observe(onset.Add(-time.Minute), drift("m2"))
	a := &event.Alert{Labels: map[string]string{"service": "forecaster"}, StartedAt: onset, At: onset}
	got := l.For(a, nil)
	if len(got) != 1 || got[0].Text != "forecaster: model of eia.PJM is m2, was m1" {
		t.Errorf("evidence is %+v", got)
	}
}
