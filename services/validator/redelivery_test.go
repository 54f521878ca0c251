package validator

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// troubled is a stream of messages with everything that can be wrong with them: 60 refreshes of six hours that
// overlap by two, with revisions, corruption, holes, repeats, nulls and twins.
func troubled() []stage.Message {
	var out []stage.Message
	for k := range 60 {
		obs := hours(4*k, 4*k+6)
		switch k % 10 {
		case 1:
			obs[1].Value *= 1.1 // revision
			obs[4].Value = 0
		case 2:
			obs = append(obs[:3], obs[4:]...) // hole
		case 4:
			obs[5].Value = math.NaN()
		case 5:
			obs[4].Value *= 1000
		case 7:
			obs = append(obs, obs[5], at(4*k+5, 900)) // twins
		case 8:
			obs[0].Value = math.NaN()
			obs[3].TS = obs[3].TS.Add(1000)
		}
		b := batch(strconv.Itoa(k), obs...)
		if k%20 == 13 {
			b.SchemaVersion = 9
		}
		out = append(out, message(b))
	}
	return out
}

func replay(t *testing.T, each func(h *Handler, s *store, m stage.Message)) *store {
	t.Helper()
	s := newStore()
	h := New(DefaultConfig(), s)
	for _, m := range troubled() {
		each(h, s, m)
	}
	return s
}

// compare compares two records as their readers see them: a revision that repeats the value before it says nothing.
func compare(t *testing.T, want, got *store) {
	t.Helper()
	for _, s := range []*store{want, got} {
		s.dropRepeats()
		s.dropMedians()
	}
	opts := []gocmp.Option{cmpopts.EquateNaNs(), gocmp.AllowUnexported(store{}, obsKey{}, revKey{}, verdictKey{})}
	if diff := gocmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("record differs (-want +got):\n%s", diff)
	}
}

func (s *store) dropRepeats() {
	keys := slices.SortedFunc(maps.Keys(s.revisions), func(a, b revKey) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.ts, b.ts), cmp.Compare(a.known, b.known))
	})
	for i := len(keys) - 1; i > 0; i-- {
		if keys[i].obsKey == keys[i-1].obsKey && s.revisions[keys[i]].Value == s.revisions[keys[i-1]].Value {
			delete(s.revisions, keys[i])
		}
	}
}

// dropMedians removes the level from the evidence of the range check: the second time, the points that followed in the
// batch are a part of it.
func (s *store) dropMedians() {
	for k, v := range s.verdicts {
		if len(v.Details) > 0 && strings.Contains(v.Details[0], "median") {
			v.Expected, v.Threshold, v.Details = nil, nil, nil
			s.verdicts[k] = v
		}
	}
	for k, q := range s.quarantine {
		if strings.Contains(q.Detail, "median") {
			q.Detail = ""
			s.quarantine[k] = q
		}
	}
}

// TestRestart forgets everything before every message. The record and what is forwarded must be as without.
func TestRestart(t *testing.T) {
	t.Parallel()
	var want, got []series.Batch
	collect := func(to *[]series.Batch, out output) {
		if out.valid != nil {
			*to = append(*to, *out.valid)
		}
	}
	once := replay(t, func(h *Handler, s *store, m stage.Message) { collect(&want, deliver(t, h, s, m)) })
	again := replay(t, func(h *Handler, s *store, m stage.Message) {
		h.Forget()
		collect(&got, deliver(t, h, s, m))
	})
	compare(t, once, again)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("forwarded differs (-want +got):\n%s", diff)
	}
}

// TestRedelivery delivers every message twice: the rows of the first time are stored, its outputs are not. The second
// time must leave the record as it is and forward what the first one did.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	once := replay(t, func(h *Handler, s *store, m stage.Message) { deliver(t, h, s, m) })
	for name, between := range map[string]func(*Handler){
		"same process":  func(*Handler) {},
		"after restart": func(h *Handler) { h.Forget() },
	} {
		t.Run(name, func(t *testing.T) {
			twice := replay(t, func(h *Handler, s *store, m stage.Message) {
				lost := deliver(t, h, s, m)
				between(h)
				m.Attempt = 2
				if diff := gocmp.Diff(lost.valid, deliver(t, h, s, m).valid); diff != "" {
					t.Errorf("%s: forwarded differs (-first +second):\n%s", m.ID, diff)
				}
			})
			compare(t, once, twice)
		})
	}
}

// TestPartialWrite loses the revisions of a message but not its observations. Redelivery must bring them back, because
// backtests read them.
func TestPartialWrite(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 5)
	m := message(batch("x", hours(120, 123)...))
	deliver(t, h, s, m)
	whole := len(s.revisions)
	clear(s.revisions)
	h.Forget()
	m.Attempt = 2
	deliver(t, h, s, m)
	if got := len(s.revisions); got != 3 {
		t.Errorf("%d revisions after redelivery, want the 3 of the message (of %d)", got, whole)
	}
}
