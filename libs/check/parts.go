package check

import (
	"fmt"
	"math"
)

// Whole flags a value that its parts do not add up to.
type Whole struct {
	Share float64 // difference that is too much, as a share of the whole; 0 means never
}

// sumsKept is how many points back parts may come before their whole, or after it.
const sumsKept = 48

// Sums gathers the parts of one whole, for the newest points.
type Sums struct {
	Step  int64 // seconds, positive
	Count int   // parts of the whole
	rows  [sumsKept]sum
}

type sum struct {
	at          int64 // Unix seconds
	whole, part float64
	n           int
	told        bool
}

// Part adds one part at a Unix time and judges the whole when it is complete. Parts must come once each.
func (s *Sums) Part(c Whole, at int64, v float64) (Finding, bool) { return s.add(c, at, v, false) }

// Total adds the whole.
func (s *Sums) Total(c Whole, at int64, v float64) (Finding, bool) { return s.add(c, at, v, true) }

func (s *Sums) add(c Whole, at int64, v float64, whole bool) (Finding, bool) {
	r := &s.rows[(at/s.Step)%sumsKept]
	if at < r.at {
		return Finding{}, false
	}
	if at > r.at {
		*r = sum{at: at, whole: math.NaN()}
	}
	if whole {
		r.whole = v
	} else {
		r.part += v
		r.n++
	}
	off := math.Abs(r.part - r.whole)
	if c.Share <= 0 || r.told || r.n != s.Count || !(off > c.Share*math.Abs(r.whole)) {
		return Finding{}, false
	}
	r.told = true
	return Finding{
		Check: Parts, Outcome: Flag, Observed: r.part, Expected: r.whole, Threshold: c.Share,
		Detail: fmt.Sprintf("%d parts add up to %g, the whole is %g", r.n, r.part, r.whole),
	}, true
}
