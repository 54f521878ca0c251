package drift_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

// feed returns the first step, 1-based, at which d returns want, or 0.
func feed(d *drift.ErrorEWMA, want drift.Transition, n int, v float64) int {
	for i := range n {
		if d.Step(v) == want {
			return i + 1
		}
	}
	return 0
}

// TestErrorEWMAValue checks against the definition: weights 1, 1/2, 1/4, ... for a half-life of one step.
func TestErrorEWMAValue(t *testing.T) {
	d := drift.ErrorEWMA{HalfLife: 1, Cap: 10}
	if d.Value() != 0 {
		t.Errorf("value before the first error is %v", d.Value())
	}
	for _, e := range []float64{4, math.NaN(), 2, 1} {
		d.Step(e)
	}
	if want := (1 + 2/2.0 + 4/4.0) / 1.75; math.Abs(d.Value()-want) > 1e-12 {
		t.Errorf("value = %v, want %v", d.Value(), want)
	}
}

// TestErrorEWMADelay: after a long time at a, errors of b give a + (b-a)(1-2^(-k/halfLife)) after k steps.
func TestErrorEWMADelay(t *testing.T) {
	for name, tc := range map[string]struct{ a, b float64 }{
		"double":    {1, 2 * drift.DefaultRaise},
		"capped":    {1, 1e6},
		"from calm": {0.5, 7},
	} {
		t.Run(name, func(t *testing.T) {
			var d drift.ErrorEWMA
			feed(&d, drift.Raised, 2000, tc.a)
			share := (drift.DefaultRaise - tc.a) / (min(tc.b, drift.DefaultCap) - tc.a)
			want := int(math.Ceil(-drift.DefaultHalfLife * math.Log2(1-share)))
			if got := feed(&d, drift.Raised, 500, tc.b); got != want {
				t.Errorf("raised after %d steps, want %d", got, want)
			}
			if !d.Raised() {
				t.Error("not raised")
			}
		})
	}
}

func TestErrorEWMAHysteresis(t *testing.T) {
	d := drift.ErrorEWMA{HalfLife: 1, Raise: 3, Clear: 1.5, Cap: 8, Minimum: 1}
	between := 2.0
	for i, step := range []struct {
		v    float64
		want drift.Transition
	}{
		{between, drift.None},
		{6, drift.Raised},
		{6, drift.None}, // no second time
		{between, drift.None},
		{between, drift.None}, // down to the level it would not have raised at
		{0, drift.Cleared},
		{0, drift.None},
		{8, drift.Raised},
	} {
		if got := d.Step(step.v); got != step.want {
			t.Errorf("step %d: %v at %.2f, want %v", i, got, d.Value(), step.want)
		}
	}
}

func TestErrorEWMANeedsMinimum(t *testing.T) {
	var d drift.ErrorEWMA
	if got := feed(&d, drift.Raised, 100, 1e9); got != drift.DefaultMinimum {
		t.Errorf("raised at step %d, want %d", got, drift.DefaultMinimum)
	}
	d.Reset()
	if d.Raised() || d.Value() != 0 || d.Steps != 0 {
		t.Errorf("after Reset: %+v", d)
	}
}

// TestErrorEWMASpike: one impossible value, and a few infinite ones among normal errors, do not raise.
func TestErrorEWMASpike(t *testing.T) {
	var d drift.ErrorEWMA
	for i := range 1000 {
		v := 1.0
		if i%24 == 7 {
			v = math.Inf(1)
		}
		if d.Step(v) == drift.Raised {
			t.Fatalf("raised at step %d by a value a day", i)
		}
	}
}

// TestErrorEWMAContinues: a detector that was stored and read back goes on as if nothing had happened.
func TestErrorEWMAContinues(t *testing.T) {
	a := drift.ErrorEWMA{HalfLife: 12, Raise: 2, Clear: 1}
	feed(&a, drift.Cleared, 37, 1.3)
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back drift.ErrorEWMA
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, back); diff != "" {
		t.Fatalf("round trip mismatch (-want +got):\n%s", diff)
	}
	if want, got := feed(&a, drift.Raised, 100, 4), feed(&back, drift.Raised, 100, 4); got != want || got == 0 {
		t.Errorf("raised after %d steps, want %d", got, want)
	}
}
