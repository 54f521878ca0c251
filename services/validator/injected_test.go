package validator

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// fault is one kind of damage done to a day of observations at hour k.
type fault struct {
	damage func(day []series.Observation, k int) []series.Observation
	want   check.Name // the check that must speak up
	least  float64    // share that must be found
}

func faults() map[string]fault {
	scale := func(by float64) func([]series.Observation, int) []series.Observation {
		return func(day []series.Observation, k int) []series.Observation {
			day[k].Value *= by
			return day
		}
	}
	return map[string]fault{
		"unit x1000":   {scale(1000), check.UnitChange, 0.99},
		"unit /1000":   {scale(0.001), check.UnitChange, 0.99},
		"sign":         {scale(-1), check.Sign, 0.99},
		"zero":         {scale(0), check.Range, 0.99},
		"spike x1.6":   {scale(1.6), check.Spike, 0.75},
		"drop to half": {scale(0.5), check.Spike, 0.75},
		"off the grid": {func(day []series.Observation, k int) []series.Observation {
			day[k].TS = day[k].TS.Add(30 * time.Minute)
			return day
		}, check.OffGrid, 0.99},
		"time in milliseconds": {func(day []series.Observation, k int) []series.Observation {
			day[k].TS = time.Unix(day[k].TS.UnixMilli(), 0).UTC()
			return day
		}, check.Future, 0.99},
		"hour twice": {func(day []series.Observation, k int) []series.Observation {
			return append(day, series.Observation{TS: day[k].TS, Value: 1.01 * day[k].Value})
		}, check.Duplicate, 0.99},
		"hour lost": {func(day []series.Observation, k int) []series.Observation {
			return slices.Delete(day, k, k+1)
		}, check.Gap, 0.99},
		"flatline of 8 hours": {func(day []series.Observation, k int) []series.Observation {
			for i := k + 1; i < k+8; i++ {
				day[i].Value = day[k].Value
			}
			return day
		}, check.Flat, 0.95},
	}
}

// TestInjected damages every other clean day of eight areas in 2022, and asks which faults are found. The oracle is
// the injection itself.
func TestInjected(t *testing.T) {
	t.Parallel()
	data := labelledDemand(t)
	kinds := faults()
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var n, found int
			for _, area := range areas()[:8] {
				a, b := inject(t, kinds[kind], data[area])
				n, found = n+a, found+b
			}
			share := float64(found) / float64(n)
			t.Logf("%d of %d found by %s (%.2f %%)", found, n, kinds[kind].want, 100*share)
			if share < kinds[kind].least {
				t.Errorf("%.4f found, want %.2f", share, kinds[kind].least)
			}
		})
	}
}

// inject returns how often f was done to rows, and how often it was found.
func inject(t *testing.T, f fault, rows []labelled) (n, found int) {
	t.Helper()
	h := New(DefaultConfig(), newStore())
	clean := 0 // days in a row
	for i := 8760; i+24 <= len(rows); i += 24 {
		day := rows[i : i+24]
		clean++
		if slices.ContainsFunc(day, func(r labelled) bool { return r.category != "OKAY" }) {
			clean = 0
		}
		b := batch(strconv.Itoa(i), observationsOf(day)...)
		b.KnownAt = day[23].ts.Add(time.Hour)
		damaged := clean >= 10 && clean%2 == 0
		if damaged {
			n++
			b.Obs = f.damage(b.Obs, 1+n%15)
		}
		s := newStore()
		deliver(t, h, s, message(b))
		if damaged && slices.ContainsFunc(slices.Collect(maps.Values(s.verdicts)), func(v record.Verdict) bool {
			return slices.Contains(v.Checks, string(f.want))
		}) {
			found++
		}
	}
	return n, found
}
