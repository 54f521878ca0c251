package natsio

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Keys of the bucket of leases: who lives, and who has which part.
func memberKey(group, id string) string   { return group + ".member." + id }
func leaseKey(group string, n int) string { return group + ".part." + strconv.Itoa(n) }

// lease is who has a part; nobody when owner is empty.
type lease struct {
	owner    string
	revision uint64 // of the key; 0 when it was never written
}

// view is what one replica knows of its group. Others are judged by when their signs of life arrived here, so that
// clocks need not agree.
type view struct {
	opened time.Time            // when it was empty
	seen   map[string]time.Time // by member: its last sign of life
	leases map[int]lease
}

func newView(now time.Time) view {
	return view{opened: now, seen: map[string]time.Time{}, leases: map[int]lease{}}
}

// add takes in one entry of the bucket and reports whether the group or its leases may have changed by it.
func (v *view) add(group string, e jetstream.KeyValueEntry, now time.Time) bool {
	gone := e.Operation() != jetstream.KeyValuePut
	key := strings.TrimPrefix(e.Key(), group+".")
	if id, ok := strings.CutPrefix(key, "member."); ok {
		_, known := v.seen[id]
		if gone {
			delete(v.seen, id)
		} else {
			v.seen[id] = now
		}
		return known == gone
	}
	name, ok := strings.CutPrefix(key, "part.")
	part, err := strconv.Atoi(name)
	if !ok || err != nil || e.Revision() < v.leases[part].revision {
		return false // not ours, or older than what was written from here
	}
	x := lease{revision: e.Revision()}
	if !gone {
		x.owner = string(e.Value())
	}
	v.leases[part] = x
	return true
}

// lives reports whether member id has been heard of within ttl.
func (v *view) lives(id string, now time.Time, ttl time.Duration) bool {
	seen, ok := v.seen[id]
	return ok && now.Sub(seen) < ttl
}

// members returns who lives, sorted.
func (v *view) members(now time.Time, ttl time.Duration) []string {
	var ids []string
	for id := range v.seen {
		if v.lives(id, now, ttl) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// current reports whether the view can be trusted: the own sign of life of self came back through it a moment ago, and
// so has everything that was written before it.
func (v *view) current(self string, now time.Time, ttl time.Duration) bool {
	return v.lives(self, now, ttl/2)
}

// broken reports whether the view has been neither opened nor current for long, and must be opened again.
func (v *view) broken(self string, now time.Time, ttl time.Duration) bool {
	return now.Sub(v.opened) > ttl/2 && !v.current(self, now, ttl)
}
