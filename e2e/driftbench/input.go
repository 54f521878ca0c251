package driftbench

import (
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// inputChange is a change of what the model sees. The model is run anew on it, and refitted on it as it would be.
type inputChange struct {
	name string
	// seen returns the value at i of a series that changes at the index from.
	seen func(y series.Series, i, from int) float64
	// blind says that only the model sees it, and the truth is what it was.
	blind bool
}

func inputs() []inputChange {
	return []inputChange{
		{name: "level x1.2", seen: func(y series.Series, i, _ int) float64 { return 1.2 * at(y, i) }},
		{name: "level x2", seen: func(y series.Series, i, _ int) float64 { return 2 * at(y, i) }},
		{name: "clock 3 hours late", seen: func(y series.Series, i, _ int) float64 { return at(y, i-3) }},
		{name: "input frozen to one week", blind: true, seen: func(y series.Series, i, from int) float64 {
			return at(y, from-168+(i-from)%168)
		}},
	}
}

// rerun rolls the model over the changed series from the onset on.
func (r *rolled) rerun(c inputChange, onset int) func(i int) [buckets]drift.Day {
	begin := r.first + onset
	if begin >= len(r.origins) {
		return r.injected(injection{})
	}
	from := r.origins[begin].At + 1
	changed := r.y
	changed.Values = slices.Clone(r.y.Values)
	for i := from; i < len(changed.Values); i++ {
		changed.Values[i] = c.seen(r.y, i, from)
	}
	truth := changed
	if c.blind {
		truth = r.y
	}
	// Fits keep their schedule: the one that serves at the onset has not seen the change.
	start := begin - begin%refit
	last := min(r.first+year, len(r.origins)) - 1
	again := forward(r.y, changed, r.y.Time(r.origins[start].At), r.y.Time(r.origins[last].At).Add(1))
	return func(i int) (out [buckets]drift.Day) {
		if i-start >= len(again.Origins) {
			return r.plain(i)
		}
		for b, cell := range r.cells(again.Origins[i-start], truth) {
			out[b] = cell.sum(injection{})
		}
		return out
	}
}
