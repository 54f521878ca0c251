package validator

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// conditions spells events as "code condition severity".
func conditions(events []event.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Error.Code+" "+string(e.Error.Condition)+" "+string(e.Error.Severity))
	}
	return out
}

func TestEventRaised(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 5)
	h.cfg.Instance = "validator-1"
	out := deliver(t, h, s, message(batch("x", at(120, 3297048), at(121, demand(121)), at(122, 0))))
	detail := "2024-03-06T00:00:00Z range: 3.297048e+06 is above 3.5 x the median 1000.375 of 120 values"
	want := []event.Event{{
		ID: "raw-x.quarantined_observations.raised", Service: "validator", Instance: "validator-1", At: hour(123),
		Error: &event.Error{
			Class: event.DataIntegrity, Code: CodeQuarantined, Subject: "eia.PJM",
			Condition: event.Raised, Severity: event.Warning,
			Message: "2 of 3 observations of eia.PJM quarantined (range 2), for example " + detail,
			Attributes: map[string]string{
				"run_id": "x", "checks": "range 2", "quarantined": "2", "batch": "3", "example": detail,
			},
		},
	}}
	if diff := cmp.Diff(want, out.events); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
}

// TestEventConditions follows the conditions of one series over a run of batches: one event a change, none else.
func TestEventConditions(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 5)
	bad := func(run string, i int) series.Batch { return batch(run, at(i, 0)) }
	good := func(run string, i int) series.Batch { return batch(run, at(i, demand(i))) }
	old := bad("b2", 121)
	old.Origin = series.Backfill
	rows := good("m1", 130)
	rows.Malformed = []series.Malformed{{Payload: "{}", Reason: "value: missing"}}
	version := good("v1", 131)
	version.SchemaVersion = 2
	for _, step := range []struct {
		name  string
		batch series.Batch
		want  []string
	}{
		{"nothing wrong", good("g1", 120), nil},
		{"old corruption", old, []string{"quarantined_observations raised info"}},
		{"new corruption is worse", bad("b3", 122), []string{"quarantined_observations raised warning"}},
		{"still wrong", bad("b4", 123), nil},
		{"empty batch proves nothing", batch("e1"), nil},
		{"good again", good("g2", 124), []string{"quarantined_observations cleared info"}},
		{"still good", good("g3", 125), nil},
		{"malformed row", rows, []string{"schema_mismatch raised warning"}},
		{"refused is worse", version, []string{"schema_mismatch raised critical"}},
		{"understood again", good("g4", 132), []string{"schema_mismatch cleared info"}},
	} {
		out := deliver(t, h, s, message(step.batch))
		if diff := cmp.Diff(step.want, conditions(out.events)); diff != "" {
			t.Errorf("%s: events mismatch (-want +got):\n%s", step.name, diff)
		}
	}
	// A restarted process does not know what its predecessor raised: it clears, and says so once.
	h.Forget()
	want := []string{"quarantined_observations cleared info", "schema_mismatch cleared info", "series_broken cleared info"}
	if diff := cmp.Diff(want, conditions(deliver(t, h, s, message(good("g5", 133))).events)); diff != "" {
		t.Errorf("after a restart: events mismatch (-want +got):\n%s", diff)
	}
	if got := conditions(deliver(t, h, s, message(good("g6", 134))).events); got != nil {
		t.Errorf("second batch after a restart: events = %v, want none", got)
	}
}
