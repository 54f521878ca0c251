package chaos

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func take(t *testing.T, seed uint64, n int, only ...string) []Fault {
	t.Helper()
	s, err := NewSchedule(seed, only)
	if err != nil {
		t.Fatal(err)
	}
	var out []Fault
	for range n {
		out = append(out, s.Next())
	}
	return out
}

func TestScheduleComesFromItsSeed(t *testing.T) {
	n := 3 * len(kinds())
	if diff := cmp.Diff(take(t, 1, n), take(t, 1, n)); diff != "" {
		t.Errorf("the same seed gives two schedules:\n%s", diff)
	}
	if cmp.Equal(take(t, 1, n), take(t, 2, n)) {
		t.Error("two seeds give the same schedule")
	}
}

// TestScheduleHasEveryKind looks at one round, which must have each kind once.
func TestScheduleHasEveryKind(t *testing.T) {
	var got []string
	for _, f := range take(t, 5, len(kinds())) {
		got = append(got, f.Kind)
		if f.Hold <= 0 || f.lane() == "" {
			t.Errorf("fault %+v has no duration or no way to see it overcome", f)
		}
	}
	slices.Sort(got)
	want := kinds()
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds of one round (-want +got):\n%s", diff)
	}
	if _, err := NewSchedule(1, []string{"earthquake"}); err == nil {
		t.Error("an unknown kind was accepted")
	}
}
