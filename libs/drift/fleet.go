package drift

import (
	"cmp"
	"math"
	"slices"
)

// Discoveries returns which of many hypotheses to reject so that the expected share of false ones among them is at most
// q: the step-up procedure of Benjamini & Hochberg (Journal of the Royal Statistical Society B 57, 1995), which holds for
// p-values that are independent or positively dependent (Benjamini & Yekutieli, Annals of Statistics 29, 2001), as those
// of series under one weather are. NaN is never rejected and counts for nothing.
func Discoveries(p []float64, q float64) []bool {
	order := make([]int, 0, len(p))
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]bool, len(p))
	for k := len(order); k > 0; k-- {
		if p[order[k-1]] > q*float64(k)/float64(len(order)) {
			continue
		}
		for _, i := range order[:k] {
			out[i] = true
		}
		break
	}
	return out
}

// Defaults of Fleet.
const (
	fleetK    = 0.08 // about half of 0.18, the logarithm of errors larger by a fifth
	fleetH    = 0.8  // once in four or five months on the series it was chosen on
	fleetCap  = 0.5
	fleetFew  = 5   // series; fewer are no fleet
	fleetKeep = 365 // days from which the level of the fleet is learned, the newest GuardDays kept out
)

// Fleet finds shifts that many series have in common and that are too small to be seen in any of them. It takes the
// median over the series of the day's excess (Pooled.Today), less what the median has been at the same weekday, and sums
// it up as Shift does. The zero value is ready.
type Fleet struct {
	Shift   Shift     `json:"shift"`
	Medians []float64 `json:"medians"` // oldest first; NaN is written as 0 and Known tells
	Known   []bool    `json:"known"`
}

// Step takes in the excess of each series on the next day and returns the shift of that day, NaN when there are too few
// series or days, and whether it raised or cleared.
func (f *Fleet) Step(excess []float64) (float64, Transition) {
	if f.Shift.H == 0 {
		f.Shift = Shift{K: fleetK, H: fleetH, Cap: fleetCap, Sum: f.Shift.Sum, Steps: f.Shift.Steps, Alarm: f.Shift.Alarm}
	}
	m, ok := Median(excess)
	if ok = ok && len(excess) >= fleetFew; !ok {
		m = 0
	}
	shift := m - f.normal()
	f.Medians, f.Known = append(f.Medians, m), append(f.Known, ok)
	if n := len(f.Medians) - fleetKeep - GuardDays; n > 0 {
		f.Medians, f.Known = slices.Clone(f.Medians[n:]), slices.Clone(f.Known[n:])
	}
	if !ok || math.IsNaN(shift) {
		return math.NaN(), None
	}
	return shift, f.Shift.Step(shift)
}

// normal returns what the median is on the weekday of the day that comes next; NaN before four weeks are known. Weekdays
// are drawn to the level of all days as if by four weeks more.
func (f *Fleet) normal() float64 {
	past := len(f.Medians) - GuardDays
	sum, n, same, k := 0.0, 0.0, 0.0, 0.0
	for i := range max(past, 0) {
		if !f.Known[i] {
			continue
		}
		sum += f.Medians[i]
		n++
		if (len(f.Medians)-i)%7 == 0 { // the day itself comes after the last
			same += f.Medians[i]
			k++
		}
	}
	if n < FewDays {
		return math.NaN()
	}
	level := sum / n
	return (same + 4*level) / (k + 4)
}

// Median returns the median of the values that are known, false when there is none.
func Median(values []float64) (float64, bool) {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(v) == 0 {
		return 0, false
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2, true
}
