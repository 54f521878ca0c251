package check

import (
	"fmt"
	"math"
)

// Step tells a spike from a change of level. Both begin with a jump; after a spike the values come back, after a change
// of level they stay.
type Step struct {
	Rate  float64 // of false spikes, a point; the threshold is learned for it. 0 means no spike is ever flagged
	Least float64 // lowest threshold in deviations
	Most  float64 // highest one
	Onset float64 // deviations of a jump that may turn out to be a change of level; 0 means the threshold of spikes
	Stay  int     // points after the jump that must stay
	Share float64 // smallest change of level that is flagged, as a share of the level; 0 means none is
}

// Jumped is a jump that is not settled: it has neither come back nor stayed long enough.
type Jumped struct {
	Size  float64 // the jump itself
	Left  float64 // what is left of it
	Base  float64 // what was expected at the jump
	Since int32   // points since; 0 means there is no such jump
	Told  int32   // 1 when it was flagged as a spike
}

// stays is the share of a jump that must be left for it not to have come back: the profile of a day that is stretched
// moves on its own.
const stays = 0.25

// threshold returns the deviations that make a spike of a series with this tail.
func (c Step) threshold(t *Tail) float64 {
	if c.Rate <= 0 {
		return math.Inf(1)
	}
	return min(max(t.Threshold(c.Rate), c.Least), c.Most)
}

// step follows a jump, or begins one, with the next point v: rest is the unexpected part of the change into it and
// deviation what is usual of that. back reports that v came back from a jump, so that its change is explained.
func (c Step) step(j *Jumped, t *Tail, v, rest, deviation float64, out []Finding) (found []Finding, back bool) {
	z := math.Abs(rest) / deviation
	limit := c.threshold(t)
	if j.Since > 0 {
		j.Left += rest
		switch {
		case j.Left*j.Size < stays*j.Size*j.Size && math.Abs(j.Left) < max(limit*deviation, 0.5*math.Abs(j.Size)):
			*j = Jumped{}
			return out, true
		case z < limit && (z < c.Onset || math.Abs(rest) < math.Abs(j.Size)):
			j.Since++
			if int(j.Since) <= c.Stay {
				return out, false
			}
			out = c.stayed(*j, v, out)
			*j = Jumped{}
			return out, false
		}
	}
	onset := limit
	if c.Onset > 0 {
		onset = min(c.Onset, limit)
	}
	if z < onset {
		return out, false
	}
	*j = Jumped{Size: rest, Left: rest, Base: v - rest, Since: 1}
	if z < limit {
		return out, false
	}
	j.Told = 1
	return append(out, Finding{
		Check: Spike, Outcome: Flag, Observed: v, Expected: v - rest, Threshold: limit,
		Detail: fmt.Sprintf("%+g off what the hour before and the usual change make expect, %.1f deviations", rest, z),
	}), false
}

// stayed flags a jump that did not come back, when it is large enough to matter.
func (c Step) stayed(j Jumped, v float64, out []Finding) []Finding {
	if j.Base == 0 || c.Share <= 0 || math.Abs(j.Size) < c.Share*math.Abs(j.Base) || j.Left*j.Size < stays*j.Size*j.Size {
		return out
	}
	return append(out, Finding{
		Check: LevelShift, Outcome: Flag, Observed: v, Expected: v - j.Left, Threshold: c.Share,
		Detail: fmt.Sprintf("jumped by %+.3g %% %d points ago and stayed", 100*j.Size/math.Abs(j.Base), j.Since-1),
	})
}
