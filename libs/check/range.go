package check

import (
	"fmt"
	"math"
)

// Bounds quarantines values that no observation of any series can have.
type Bounds struct {
	Min float64 // exclusive
	Max float64 // inclusive; 0 means none
}

// Check compares v with the bounds. Infinities are always out of them.
func (c Bounds) Check(v float64) (Finding, bool) {
	f := Finding{Check: Range, Outcome: Quarantine, Observed: v}
	switch {
	case math.IsInf(v, 0):
		f.Check = Type
		f.Detail = "not finite"
	case v <= c.Min:
		f.Threshold = c.Min
		f.Detail = fmt.Sprintf("%g is not above %g", v, c.Min)
	case c.Max != 0 && v > c.Max:
		f.Threshold = c.Max
		f.Detail = fmt.Sprintf("%g is above %g", v, c.Max)
	default:
		return Finding{}, false
	}
	return f, true
}

// Relative quarantines values far from the level of their series: demand doubles, but it does not grow tenfold within
// an hour.
type Relative struct {
	Low  float64 // of the median; 0 means no lower bound
	High float64 // of the median
	Need int     // accepted values before the check says anything
}

// Level is the centre of the recent accepted values of a series.
type Level struct {
	Median float64 // of the reference values, a week of an hourly series
	Recent float64 // of the newest values, a day of an hourly series
	N      int     // reference values behind Median
}

// Check compares v with the level. A value that fits the recent median passes even when it does not fit the long one,
// so that an accepted level shift holds at once and not when half of the reference has followed. A level that is not
// positive has no relative bounds.
func (c Relative) Check(v float64, l Level) (Finding, bool) {
	if l.N < c.Need || l.Median <= 0 || c.Fits(v, l.Median) || l.Recent > 0 && c.Fits(v, l.Recent) {
		return Finding{}, false
	}
	f := Finding{Check: Range, Outcome: Quarantine, Observed: v, Expected: l.Median}
	if v > l.Median {
		f.Threshold = c.High * l.Median
		f.Detail = fmt.Sprintf("%g is above %g x the median %g of %d values", v, c.High, l.Median, l.N)
	} else {
		f.Threshold = c.Low * l.Median
		f.Detail = fmt.Sprintf("%g is below %g x the median %g of %d values", v, c.Low, l.Median, l.N)
	}
	return f, true
}

// Fits reports whether v is within the bounds around median.
func (c Relative) Fits(v, median float64) bool { return v >= c.Low*median && v <= c.High*median }
