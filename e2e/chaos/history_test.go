package chaos

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHistoryReadsBack writes a history and reads it from its file, as somebody does after a run.
func TestHistoryReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	h, err := NewHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	first := h.Send(Item{Kind: Direct, Series: "chaos.S0", TS: hour(0), KnownAt: hour(1)}, Item{Kind: Direct, Series: "chaos.S0", TS: hour(1), KnownAt: hour(1)})
	if first[0].Message != first[1].Message || !first[0].KnownAt.Equal(first[1].KnownAt) || first[0].KnownAt.Equal(hour(1)) {
		t.Errorf("items of one message: %+v, want one id and one stamp of their own", first)
	}
	second := h.Send(Item{Kind: Job})
	h.Ack(first...)
	h.Discard(second...)
	h.Note(Injected, "1 kill_bus of bus for 1s", "")
	want, err := h.Close()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := ReadLog(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history mismatch (-written +read):\n%s", diff)
	}
	if len(got.Items) != 3 || len(got.Acked) != 2 {
		t.Errorf("%d items, %d acknowledged, want 3 and 2", len(got.Items), len(got.Acked))
	}
	if _, err := NewHistory(path); err == nil {
		t.Error("a second run wrote into the history of the first")
	}
}
