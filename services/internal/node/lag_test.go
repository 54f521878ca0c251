package node

import (
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/lag"
)

// The oracle is what a reader of the events must know: nothing before there is a window, then the state; an unreadable
// report is told of once the state is NO_DATA, a consumer that is gone at once.
func TestJudge(t *testing.T) {
	c := newConsumer("S", "c", 5*time.Second)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	read := func(failed, missing bool) (string, bool) {
		at = at.Add(5 * time.Second)
		l, told := c.reports.judge(at, event.Lag{Pending: 5, AckPending: 1, AckFloor: 7}, failed, missing)
		return l.State, told
	}
	for i := range lag.Complete - 1 {
		if state, told := read(false, false); state != "" || !told {
			t.Errorf("report %d: state %q, told %t, want the numbers alone", i+1, state, told)
		}
	}
	if state, _ := read(false, false); state != string(lag.Stalled) {
		t.Errorf("report 8: state %q, want stalled", state)
	}
	for i := range 3 {
		state, told := read(true, false)
		if last := i == 2; told != last || last && state != string(lag.NoData) {
			t.Errorf("unreadable report %d: state %q, told %t", i+1, state, told)
		}
	}
	for i := range 2 {
		if state, told := read(true, true); !told || i == 1 && state != string(lag.Gone) {
			t.Errorf("missing %d: state %q, told %t, want gone with the second", i+1, state, told)
		}
	}
}
