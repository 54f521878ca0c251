package driftbench

import (
	"math"
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

// Hand-made: two alarms, the second by two detectors one of which stood before.
func TestTrace(t *testing.T) {
	tr := trace{raised: [][]string{nil, {"a"}, {"a"}, nil, nil, {"b"}, {"a", "b"}, nil}}
	all, each := tr.raises()
	if all != 2 || each["a"] != 2 || each["b"] != 1 {
		t.Errorf("%d alarms, %v, want 2, a twice, b once", all, each)
	}
	for onset, want := range map[int]float64{0: 2, 4: 2, 3: math.NaN(), 7: math.NaN()} {
		if got := tr.delay(onset); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("delay from day %d is %g, want %g", onset, got, want)
		}
	}
	if got := tr.delay(8); !math.IsInf(got, 1) {
		t.Errorf("delay after the end is %g, want +Inf", got)
	}
}

// Hand-computed: two errors of 1 and -3 where 2 are promised, an interval that holds one of them.
func TestSum(t *testing.T) {
	c := cell{}
	for i := range 12 {
		e := []float64{1, -3}[i%2]
		c.mean, c.actual, c.scale = append(c.mean, 10), append(c.actual, 10+e), append(c.scale, 2)
		c.lo, c.hi = append(c.lo, 8), append(c.hi, 12)
		c.narrowLo, c.narrowHi = append(c.narrowLo, 9.5), append(c.narrowHi, 10.5)
	}
	for name, tc := range map[string]struct {
		x    injection
		want drift.Day
	}{
		"as it is": {injection{}, drift.Day{Error: 1, Bias: -0.5, Covered: 0.5}},
		"x2":       {injection{scale: 2}, drift.Day{Error: 2, Bias: -1, Covered: 0.5}},
		"bias":     {injection{bias: 1}, drift.Day{Error: 1, Bias: 0.5, Covered: 0.5}},
		"narrow":   {injection{narrow: true}, drift.Day{Error: 1, Bias: -0.5, Covered: 0}},
	} {
		if got := c.sum(tc.x); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	if few := (cell{mean: c.mean[:3], actual: c.actual[:3], scale: c.scale[:3], lo: c.lo, hi: c.hi}).sum(injection{}); !math.IsNaN(few.Error) {
		t.Errorf("three hours give %+v, want nothing", few)
	}
}
