package check

import (
	"fmt"
	"math"
	"slices"
)

// Jump flags a value that jumps from the one before it as that hour of the day does not, and that lies where that hour
// does not. The second condition keeps the way back from a spike from being flagged too. Both distances are in robust
// standard deviations over the same time of earlier days.
type Jump struct {
	Delta float64 // deviations of the change that are too many; 0 means never
	Level float64 // deviations of the value that are too many
	Floor float64 // smallest standard deviation taken seriously, as a share of the expected value
	Need  int     // earlier days needed
}

// Days are the values at the same time of earlier days, and the values one grid point before them.
type Days struct {
	At     []float64
	Before []float64
}

// Check judges v after the value before it. It reorders the values of d.
func (c Jump) Check(v, before float64, d Days) (Finding, bool) {
	if c.Delta <= 0 || len(d.At) < c.Need {
		return Finding{}, false
	}
	least, most := math.Inf(1), math.Inf(-1)
	for i := range d.Before {
		d.Before[i] = d.At[i] - d.Before[i]
		least, most = min(least, d.Before[i]), max(most, d.Before[i])
	}
	if before+least > 0 && c.near(v, before+least) && c.near(v, before+most) {
		return Finding{}, false // nearly always: what is near both ends is near the median between them
	}
	change := middle(d.Before)
	usual := before + change
	floor := c.Floor * math.Abs(usual)
	off := math.Abs(v - usual)
	if c.near(v, usual) {
		return Finding{}, false
	}
	z := off / max(deviation(d.Before, change), floor)
	level := middle(d.At)
	if z <= c.Delta || math.Abs(v-level) <= c.Level*max(deviation(d.At, level), floor) {
		return Finding{}, false
	}
	return Finding{
		Check: Spike, Outcome: Flag, Observed: v, Expected: usual, Threshold: c.Delta,
		Detail: fmt.Sprintf("%+g in one step, %.1f deviations from the usual %+g; this hour is usually %g", v-before, z, change, level),
	}, true
}

// near reports whether v is so close to the usual value that no spread can make it a jump. For usual > 0 the distance
// beyond that is a convex function of usual, so what holds at both ends of a range holds within it.
func (c Jump) near(v, usual float64) bool {
	return math.Abs(v-usual) <= c.Delta*c.Floor*math.Abs(usual)
}

// deviation returns the median absolute deviation of x from its median, scaled to a standard deviation for normal values.
// It destroys x.
func deviation(x []float64, median float64) float64 {
	for i := range x {
		x[i] = math.Abs(x[i] - median)
	}
	return 1.4826 * middle(x)
}

// middle returns the median of x, which it sorts.
func middle(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}
