package check

import (
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Relabel finds batches that report again what is known, under other labels: moved by some hours, or under the name of
// another series. A source asks again for the last days with every refresh, and those values are the finger-print: they
// are known to the last digit. It is decisive where there is an overlap, and silent where there is none.
type Relabel struct {
	Need  int     // revised points that must agree; 0 means never
	Share float64 // of the revised points that can be compared
	Most  int     // longest shift looked for, in points
}

// Lookup returns the recorded value at a time, NaN when there is none.
type Lookup func(ts time.Time) float64

// revised counts points whose recorded value the batch changes.
func revised(obs []series.Observation, known Lookup) int {
	n := 0
	for _, o := range obs {
		if old := known(o.TS); !math.IsNaN(o.Value) && !math.IsNaN(old) && old != o.Value {
			n++
		}
	}
	return n
}

// Moved judges whether obs are the recorded values moved by a whole number of steps.
func (c Relabel) Moved(obs []series.Observation, step time.Duration, known Lookup) (Finding, bool) {
	if c.Need <= 0 || revised(obs, known) < c.Need {
		return Finding{}, false
	}
	for k := 1; k <= c.Most; k++ {
		for _, by := range []int{k, -k} {
			if n, of := c.agree(obs, time.Duration(by)*step, known, known); c.enough(n, of) {
				return Finding{
					Check: Shifted, Outcome: Quarantine, Observed: float64(by), Threshold: float64(c.Need),
					Detail: fmt.Sprintf("%d of %d revised points are the recorded ones moved by %s", n, of, time.Duration(by)*step),
				}, true
			}
		}
	}
	return Finding{}, false
}

// Mistaken judges whether obs are the recorded values of another series.
func (c Relabel) Mistaken(obs []series.Observation, known Lookup, other series.ID, others Lookup) (Finding, bool) {
	if c.Need <= 0 {
		return Finding{}, false
	}
	n, of := c.agree(obs, 0, known, others)
	if !c.enough(n, of) {
		return Finding{}, false
	}
	return Finding{
		Check: Swapped, Outcome: Quarantine, Observed: float64(n), Expected: 0, Threshold: float64(c.Need),
		Detail: fmt.Sprintf("%d of %d revised points are those of %s", n, of, other),
	}, true
}

func (c Relabel) enough(n, of int) bool { return n >= c.Need && float64(n) >= c.Share*float64(of) }

// agree counts the revised points that have a recorded value by before them, and those that equal it.
func (c Relabel) agree(obs []series.Observation, by time.Duration, known, other Lookup) (n, of int) {
	for _, o := range obs {
		old := known(o.TS)
		if math.IsNaN(o.Value) || math.IsNaN(old) || old == o.Value {
			continue
		}
		was := other(o.TS.Add(-by))
		if math.IsNaN(was) {
			continue
		}
		of++
		if was == o.Value {
			n++
		}
	}
	return n, of
}

// Revises reports whether a batch changes enough recorded points to ask whose they are.
func (c Relabel) Revises(obs []series.Observation, known Lookup) bool {
	return c.Need > 0 && revised(obs, known) >= c.Need
}
