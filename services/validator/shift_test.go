package validator

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// scaled returns demand from hour i on, n points, times factor.
func scaled(i, n int, factor float64) []series.Observation {
	obs := hours(i, i+n)
	for k := range obs {
		obs[k].Value *= factor
	}
	return obs
}

// hourly delivers n hourly refreshes from hour i on and returns what was forwarded by each.
func hourly(t *testing.T, h *Handler, s *store, i, n int, factor float64) [][]series.Observation {
	t.Helper()
	var out [][]series.Observation
	for k := i; k < i+n; k++ {
		var obs []series.Observation
		if v := deliver(t, h, s, message(batch("h"+strconv.Itoa(k), scaled(k, 1, factor)...))).valid; v != nil {
			obs = v.Obs
		}
		out = append(out, obs)
	}
	return out
}

// TestLevelShift lets demand fall to a tenth for good. The first 23 hours are kept back, the 24th releases them all,
// and from then on the new level passes.
func TestLevelShift(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 10)
	got := hourly(t, h, s, 240, 48, 0.1)
	for k, obs := range got {
		want := scaled(240+k, 1, 0.1)
		switch {
		case k < 23:
			want = nil
		case k == 23:
			want = scaled(240, 24, 0.1)
		}
		if diff := cmp.Diff(want, obs); diff != "" {
			t.Errorf("hour %d of the new level: forwarded mismatch (-want +got):\n%s", k, diff)
		}
	}
	for _, q := range s.quarantined() {
		if q.Status != "released" || !q.UpdatedAt.Equal(hour(264)) {
			t.Errorf("%s: status %q at %s, want released at %s", q.RecordID, q.Status, q.UpdatedAt, hour(264))
		}
	}
	for i, v := range s.verdictsOf("raw-h263") {
		if v.Outcome != "flag" || v.Checks[len(v.Checks)-1] != "level_shift" {
			t.Errorf("released point %d: %s %v, want a flag by level_shift", i, v.Outcome, v.Checks)
		}
	}
	if o := s.observations[obsKey{"eia.PJM", hour(250).Unix()}]; !o.KnownAt.Equal(hour(264)) {
		t.Errorf("a released point is known since %s, want since its release %s", o.KnownAt, hour(264))
	}
	// The old level is accepted again as well, at first because it is still in the reference of a week.
	if back := hourly(t, h, s, 288, 1, 1); len(back[0]) != 1 {
		t.Errorf("back at the old level: forwarded %v", back[0])
	}
}

// TestLevelShiftInOneBatch has the whole shift inside a backfill: nothing stays in quarantine.
func TestLevelShiftInOneBatch(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 10)
	b := batch("x", append(scaled(240, 60, 0.1), scaled(300, 2, 0.1)...)...)
	out := deliver(t, h, s, message(b))
	if diff := cmp.Diff(b.Obs, out.valid.Obs); diff != "" {
		t.Errorf("forwarded mismatch (-want +got):\n%s", diff)
	}
	if len(out.events) != 0 {
		t.Errorf("events = %v, want none: nothing is kept back", conditions(out.events))
	}
	if n := len(s.verdictsOf("raw-x")); n != 62 {
		t.Errorf("%d verdicts, want 62", n)
	}
}

// TestLevelShiftRefused has runs that are not a new level.
func TestLevelShiftRefused(t *testing.T) {
	t.Parallel()
	t.Run("another unit", func(t *testing.T) {
		t.Parallel()
		h, s := seeded(t, 10)
		for _, obs := range hourly(t, h, s, 240, 100, 1000) {
			if obs != nil {
				t.Fatalf("forwarded %v, want nothing of 1000 x", obs)
			}
		}
	})
	t.Run("no agreement", func(t *testing.T) {
		t.Parallel()
		h, s := seeded(t, 10)
		for k := range 60 {
			if obs := hourly(t, h, s, 240+k, 1, []float64{0.1, 10}[k%2])[0]; obs != nil {
				t.Fatalf("forwarded %v, want nothing of a series that jumps", obs)
			}
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		h, s := seeded(t, 10)
		for k := range 60 {
			factor := 0.1
			if k%20 == 0 {
				factor = 1 // the level is still the old one
			}
			if obs := hourly(t, h, s, 240+k, 1, factor)[0]; factor != 1 && obs != nil {
				t.Fatalf("forwarded %v, want nothing before 24 in a row", obs)
			}
		}
	})
}

// TestLevelShiftRestart restarts in the middle of a shift. Points held before stay held, and the count begins again.
func TestLevelShiftRestart(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 10)
	hourly(t, h, s, 240, 10, 0.1)
	h.Forget()
	got := hourly(t, h, s, 250, 24, 0.1)
	if got[22] != nil || len(got[23]) != 24 {
		t.Errorf("forwarded %v then %v, want nothing and then 24 points", got[22], got[23])
	}
}

// TestLevelShiftCrash ends the process after the rows of the release were written and before they were published. The
// redelivered message must bring all of the released points, though 23 of them came with earlier messages.
func TestLevelShiftCrash(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 10)
	hourly(t, h, s, 240, 23, 0.1)
	m := message(batch("last", scaled(263, 1, 0.1)...))
	deliver(t, h, s, m)
	h.Forget()
	m.Attempt = 2
	got := make(map[int64]float64)
	for _, o := range deliver(t, h, s, m).valid.Obs {
		got[o.TS.Unix()] = o.Value
	}
	for _, o := range scaled(240, 24, 0.1) {
		if v, ok := got[o.TS.Unix()]; !ok || v != o.Value {
			t.Errorf("%s: forwarded %g (%t), want %g", o.TS, v, ok, o.Value)
		}
	}
}

// TestDoubling is drift, not corruption: a lasting doubling passes from its first hour.
func TestDoubling(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 10)
	for k, obs := range hourly(t, h, s, 240, 400, 2) {
		if len(obs) != 1 {
			t.Fatalf("hour %d of the doubled demand was kept back", k)
		}
	}
}
