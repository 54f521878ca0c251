package driftbench

import (
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

// settings are those of the two buckets.
type settings [buckets]drift.Settings

// trace is what the detectors said of a series on each day of the test.
type trace struct {
	raised [][]string // detectors that stood, by day
	pooled []drift.Pooled
	events int // raises of detectors that tell nobody
}

// watch runs the detectors of a series over its reference and its test. From the day onset of the test on, alter gives
// what is seen; a negative onset changes nothing.
func (r *rolled) watch(s settings, test, onset int, alter func(i int) [buckets]drift.Day) trace {
	var w [buckets]*drift.Watch
	for b := range w {
		w[b] = drift.NewWatch(s[b])
	}
	var t trace
	for i := r.first - year; i < r.first+test && i < len(r.origins); i++ {
		if i == r.first {
			for b := range w {
				w[b].Reset()
			}
		}
		var days [buckets]drift.Day
		if onset >= 0 && i >= r.first+onset {
			days = alter(i)
		} else {
			days = r.plain(i)
		}
		var names []string
		var pooled drift.Pooled
		for b := range w {
			readings, p := w[b].Step(days[b])
			if b == 0 {
				pooled = p
			}
			for _, x := range readings {
				switch {
				case x.Raised && x.Ticket:
					names = append(names, bucketName(b)+" "+x.Detector)
				case x.Transition == drift.Raised && i >= r.first:
					t.events++
				}
			}
		}
		t.pooled = append(t.pooled, pooled)
		if i >= r.first {
			t.raised = append(t.raised, names)
		}
	}
	return t
}

func bucketName(b int) string { return [buckets]string{"h1-24", "h25-48"}[b] }

func (r *rolled) plain(i int) [buckets]drift.Day {
	return r.injected(injection{})(i)
}

// injected puts a change into the forecasts made.
func (r *rolled) injected(x injection) func(i int) [buckets]drift.Day {
	return func(i int) (out [buckets]drift.Day) {
		for b := range out {
			out[b] = r.base[i][b].sum(x)
		}
		return out
	}
}

// raises counts how often an alarm begins: of any detector, and of each.
func (t trace) raises() (all int, each map[string]int) {
	each = map[string]int{}
	var before []string
	for _, now := range t.raised {
		if len(before) == 0 && len(now) > 0 {
			all++
		}
		for _, n := range now {
			if !slices.Contains(before, n) {
				each[n]++
			}
		}
		before = now
	}
	return all, each
}

// patience is how long a change may go unseen before it counts as missed, in days.
const patience = 26 * 7

// delay is how many days after onset an alarm stands; +Inf when none does in time, NaN when one stood before.
func (t trace) delay(onset int) float64 {
	if onset > 0 && len(t.raised[onset-1]) > 0 {
		return math.NaN()
	}
	for i := onset; i < len(t.raised) && i < onset+patience; i++ {
		if len(t.raised[i]) > 0 {
			return float64(i - onset + 1)
		}
	}
	return math.Inf(1)
}
