package monitor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// crashScript touches every kind of step: alerts that begin and end by events and by time, one that is damped, one that
// is pending and goes away, training jobs.
func crashScript() [][]happening {
	return slices.Concat(
		[][]happening{
			raise(12, "upstream_unavailable", event.Warning), clearError(20, "upstream_unavailable"),
			raise(30, "upstream_unavailable", event.Warning), clearError(40, "upstream_unavailable"),
			raise(160, "upstream_unavailable", event.Critical),
			drift(15, event.Raised, 0), drift(50, event.Raised, 2), drift(60, event.Cleared, 5), drift(150, event.Raised, 48),
			dataAge(16, "PJM", 9), dataAge(50, "PJM", 1),
			beats("validator", "a", 40, 60), beats("validator", "b", 210, 230),
		},
		steady(lag, 10, 100, 5, 7, 5, 1), steady(lag, 105, 120, 15, 9, 0, 0),
	)
}

// story is what happened to each alert, without the times: those may move when the monitor is away.
func (w *world) story() map[string][]string {
	out := map[string][]string{}
	for _, a := range w.alerts() {
		key := a.Name + " " + a.Fingerprint
		out[key] = append(out[key], string(a.Severity)+" "+string(a.State))
	}
	return out
}

// The oracle is the same script without a crash: whatever step the monitor dies before or after, each alert has the
// same story, nothing is told twice, and no job is lost or doubled.
func TestCrashAtEveryStep(t *testing.T) {
	cfg := only("validator")
	straight := newWorld(t, cfg)
	straight.play(224, crashScript()...)
	straight.checkHistory()
	if len(straight.alerts()) < 10 || len(straight.jobs()) != 2 {
		t.Fatalf("the script tells %v and asks for %v; it tests too little", straight.told(), straight.jobs())
	}
	repeats := 0
	for step := 1; step <= straight.steps; step++ {
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("step %d, after %t", step, after)
			w := newWorld(t, cfg)
			w.crashAt, w.after = step, after
			w.play(224, crashScript()...)
			w.checkHistory()
			if diff := cmp.Diff(straight.story(), w.story()); diff != "" {
				t.Fatalf("%s: story mismatch (-without +with):\n%s", name, diff)
			}
			if diff := cmp.Diff(straight.jobs(), w.jobs()); diff != "" {
				t.Fatalf("%s: jobs mismatch (-without +with):\n%s", name, diff)
			}
			if s := w.h.Stats(); s.Unsaid != 0 {
				t.Fatalf("%s: %d transitions are not said", name, s.Unsaid)
			}
			repeats += w.repeats
		}
	}
	if repeats == 0 {
		t.Error("no crash made the monitor say anything twice; the test does not reach that step")
	}
	t.Logf("%d steps, died before and after each; the bus dropped %d repeats", straight.steps, repeats)
}

func TestCrashAgainAndAgain(t *testing.T) {
	// Without silence: every start gives the services their grace, and here there are too many starts for it to end.
	cfg := quietConfig()
	straight := newWorld(t, cfg)
	straight.play(224, crashScript()...)
	// Fewer steps than one delivery or flush takes would never get anywhere.
	for every := 9; every < 60; every++ {
		w := newWorld(t, cfg)
		w.crashEvery = every
		w.play(224, crashScript()...)
		w.checkHistory()
		if diff := cmp.Diff(straight.story(), w.story()); diff != "" {
			t.Fatalf("dying at every %dth step: story mismatch (-without +with):\n%s", every, diff)
		}
	}
}

func TestNothingIsKeptOnceAllIsSaid(t *testing.T) {
	w := newWorld(t, quietConfig())
	// Half an hour on, the beginnings that would make it flap are forgotten.
	w.play(1900, raise(5, "upstream_unavailable", event.Warning), clearError(20, "upstream_unavailable"))
	if len(w.bucket) != 0 {
		t.Errorf("kept after the end: %v", w.bucket)
	}
}

func TestUnreadableStateIsReported(t *testing.T) {
	w := newWorld(t, quietConfig())
	w.bucket["alert.0123456789abcdef"] = []byte("{")
	w.bucket["alert.1111111111111111"] = []byte(`{"open": {}}`)
	w.bucket["foreign"] = []byte("1")
	w.play(100, raise(5, "upstream_unavailable", event.Warning))
	want := []string{
		"0 warning alert_state_unreadable{key=alert.0123456789abcdef} firing",
		"0 warning alert_state_unreadable{key=alert.1111111111111111} firing",
		"0 warning alert_state_unreadable{key=foreign} firing",
		"5 warning upstream_unavailable{service=ingestor, subject=eia} firing",
	}
	got := w.told()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts mismatch (-want +got):\n%s", diff)
	}
}

func TestOutageOfTheBucketLosesNothing(t *testing.T) {
	w := newWorld(t, quietConfig())
	w.play(300,
		raise(5, "upstream_unavailable", event.Warning), clearError(20, "upstream_unavailable"),
		do(40, func(w *world) { w.busDown = true }), do(120, func(w *world) { w.busDown = false }),
	)
	want := []string{
		"5 warning upstream_unavailable{service=ingestor, subject=eia} firing",
		"130 warning upstream_unavailable{service=ingestor, subject=eia} resolved", // 10 s to settle after the outage
	}
	if diff := cmp.Diff(want, w.told()); diff != "" {
		t.Errorf("alerts mismatch (-want +got):\n%s", diff)
	}
	w.checkHistory()
}
