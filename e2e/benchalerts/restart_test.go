package benchalerts

import (
	"io"
	"os"
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// TestMain makes the test binary the monitor that is killed, when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "monitor" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func TestKilledMonitorTellsAllOnce(t *testing.T) {
	r, err := killed(t.Context(), io.Discard, 8, 5)
	if err != nil {
		t.Fatal(err)
	}
	if r.lost+r.duplicate > 0 {
		t.Errorf("%d lost, %d duplicate", r.lost, r.duplicate)
	}
}

func TestJudge(t *testing.T) {
	at := func(id string, state event.State) event.Alert {
		return event.Alert{ID: id, State: state, Labels: map[string]string{"subject": "s"}}
	}
	for name, tc := range map[string]struct {
		said            int
		heard           []event.Alert
		lost, duplicate int
	}{
		"all once":       {3, []event.Alert{at("1", event.Firing), at("1", event.Resolved), at("2", event.Firing)}, 0, 0},
		"an end missing": {2, []event.Alert{at("1", event.Firing)}, 1, 0},
		"told twice":     {2, []event.Alert{at("1", event.Firing), at("1", event.Firing), at("1", event.Resolved)}, 0, 1},
		"out of turn":    {1, []event.Alert{at("1", event.Resolved), at("1", event.Firing)}, 0, 1},
		"never said":     {1, []event.Alert{at("1", event.Firing), at("1", event.Resolved)}, 0, 1},
	} {
		if lost, duplicate := judge(map[string]int{"s": tc.said}, tc.heard); lost != tc.lost || duplicate != tc.duplicate {
			t.Errorf("%s: %d lost, %d duplicate, want %d and %d", name, lost, duplicate, tc.lost, tc.duplicate)
		}
	}
}
