package natsio

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(n int) []string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf("validator-host-%d", i)
	}
	return members
}

func TestAssignIsFair(t *testing.T) {
	for n := 1; n <= 12; n++ {
		load := map[string]int{}
		for _, owner := range assign(names(n), 8) {
			load[owner]++
		}
		most := (8 + n - 1) / n
		for m, k := range load {
			if k > most {
				t.Errorf("%d members: %s has %d of 8 parts, want at most %d", n, m, k, most)
			}
		}
	}
}

func TestAssignOfNobody(t *testing.T) {
	if diff := cmp.Diff([]string{"", "", ""}, assign(nil, 3)); diff != "" {
		t.Errorf("assign(nil, 3) mismatch (-want +got):\n%s", diff)
	}
}

func TestAssignDoesNotDependOnTheOrder(t *testing.T) {
	m := names(5)
	want := assign(m, 64)
	m[0], m[3], m[4] = m[4], m[0], m[3]
	if diff := cmp.Diff(want, assign(m, 64)); diff != "" {
		t.Errorf("other order, other owners (-want +got):\n%s", diff)
	}
}

// Of 64 parts about a quarter must move when a fourth member comes; dividing anew would move three quarters.
func TestAssignMovesLittle(t *testing.T) {
	before, after := assign(names(3), 64), assign(names(4), 64)
	moved := 0
	for part := range before {
		if before[part] != after[part] {
			moved++
		}
	}
	if moved < 10 || moved > 28 {
		t.Errorf("%d of 64 parts moved when a fourth member came, want about 16", moved)
	}
}
