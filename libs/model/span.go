package model

import (
	"math"
	"slices"
)

// span is a history without gaps, for models that need every value.
type span struct {
	values []float64 // from the first observed value to the end
	lo, hi float64   // what a forecast is kept within
}

// newSpan cuts what comes before the first value, bridges gaps by straight lines and carries the last value to the end.
// A forecast may go beyond the values by their range, but not below 0 when none of them is.
func newSpan(y []float64) span {
	first := slices.IndexFunc(y, finite)
	if first < 0 {
		return span{}
	}
	v := slices.Clone(y[first:])
	last := 0
	for i := 1; i < len(v); i++ {
		if !finite(v[i]) {
			continue
		}
		for k := last + 1; k < i; k++ {
			v[k] = v[last] + (v[i]-v[last])*float64(k-last)/float64(i-last)
		}
		last = i
	}
	for k := last + 1; k < len(v); k++ {
		v[k] = v[last]
	}
	lo, hi := slices.Min(v), slices.Max(v)
	s := span{values: v, lo: lo - (hi - lo), hi: hi + (hi - lo)}
	if lo >= 0 {
		s.lo = max(s.lo, 0)
	}
	return s
}

func (s span) clamp(v float64) float64 {
	if math.IsNaN(v) {
		return s.values[len(s.values)-1]
	}
	return min(max(v, s.lo), s.hi)
}

// unit returns the mean size of the values, 1 when they are all 0: dividing by it makes settings free of the unit.
func (s span) unit() float64 {
	var m mean
	for _, v := range s.values {
		m.add(math.Abs(v))
	}
	if m.mean < 1/largest {
		return 1
	}
	return m.mean
}
