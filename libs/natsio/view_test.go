package natsio

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
)

// entry is one entry of a bucket, as a watcher gives it.
type entry struct {
	jetstream.KeyValueEntry
	key, value string
	revision   uint64
	op         jetstream.KeyValueOp
}

func (e entry) Key() string                     { return e.key }
func (e entry) Value() []byte                   { return []byte(e.value) }
func (e entry) Revision() uint64                { return e.revision }
func (e entry) Operation() jetstream.KeyValueOp { return e.op }

func TestView(t *testing.T) {
	const ttl = 5 * time.Second
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	v := newView(t0)
	for i, step := range []struct {
		entry   entry
		at      int
		changed bool
	}{
		{entry{key: "g.member.a", revision: 1}, 0, true},
		{entry{key: "g.member.b", revision: 2}, 1, true},
		{entry{key: "g.member.a", revision: 3}, 2, false}, // still there
		{entry{key: "g.part.0", value: "a", revision: 4}, 2, true},
		{entry{key: "g.part.0", value: "b", revision: 3}, 2, false}, // older than what is known
		{entry{key: "g.part.1", value: "b", revision: 5}, 2, true},
		{entry{key: "g.part.1", revision: 6, op: jetstream.KeyValueDelete}, 2, true},
		{entry{key: "g.part.x", value: "b", revision: 7}, 2, false},
		{entry{key: "g.member.c", revision: 8}, 3, true},
		{entry{key: "g.member.c", revision: 9, op: jetstream.KeyValuePurge}, 3, true},
	} {
		if got := v.add("g", step.entry, at(step.at)); got != step.changed {
			t.Errorf("step %d: add = %v, want %v", i, got, step.changed)
		}
	}
	want := map[int]lease{0: {owner: "a", revision: 4}, 1: {revision: 6}}
	if diff := cmp.Diff(want, v.leases, cmp.AllowUnexported(lease{})); diff != "" {
		t.Errorf("leases mismatch (-want +got):\n%s", diff)
	}
	for now, want := range map[int][]string{3: {"a", "b"}, 5: {"a", "b"}, 6: {"a"}, 7: nil} {
		if diff := cmp.Diff(want, v.members(at(now), ttl)); diff != "" {
			t.Errorf("members after %d s mismatch (-want +got):\n%s", now, diff)
		}
	}
	if !v.current("a", at(4), ttl) || v.current("a", at(5), ttl) || v.current("nobody", at(0), ttl) {
		t.Error("a view is current for half a TTL after the own sign of life came back")
	}
	if v.broken("nobody", at(2), ttl) || !v.broken("nobody", at(3), ttl) || v.broken("a", at(4), ttl) {
		t.Error("a view is broken when the own sign of life does not come back for half a TTL")
	}
}
