package benchalerts

import "testing"

// The oracle is the specification in spec.go.
func TestRandomSchedules(t *testing.T) {
	n, told := uint64(60), 0
	for seed := range n {
		diff, said, err := difference(t.Context(), seed)
		if err != nil {
			t.Fatal(err)
		}
		if diff != "" {
			t.Fatal(diff)
		}
		told += said
	}
	if told < 10*int(n) {
		t.Errorf("%d transitions told in %d stories; they test too little", told, n)
	}
	t.Logf("%d stories, %d transitions told", n, told)
}
