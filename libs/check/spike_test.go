package check_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bellwether-forecast/bellwether/services/validator/internal/check"
)

// TestJumpShortcut compares with the definition, computed without the shortcut that passes what is near the extremes of
// the usual changes. Levels below and around zero are among the cases, where the shortcut must not be taken.
func TestJumpShortcut(t *testing.T) {
	t.Parallel()
	c := check.Jump{Delta: 8, Level: 4, Floor: 0.01, Need: 5}
	median := func(x []float64) float64 {
		x = slices.Sorted(slices.Values(x))
		return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
	}
	deviation := func(x []float64, m float64) float64 {
		var d []float64
		for _, v := range x {
			d = append(d, math.Abs(v-m))
		}
		return 1.4826 * median(d)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 20000 {
		base, spread := 2000*rng.Float64()-500, 300*rng.Float64()*rng.Float64()
		var at, before, changes []float64
		for range 5 + rng.IntN(10) {
			at = append(at, base+spread*rng.NormFloat64())
			before = append(before, base-50+spread*rng.NormFloat64())
			changes = append(changes, at[len(at)-1]-before[len(before)-1])
		}
		last, v := base-50+spread*rng.NormFloat64(), base+3*spread*rng.NormFloat64()
		change, level := median(changes), median(at)
		usual := last + change
		floor := c.Floor * math.Abs(usual)
		want := math.Abs(v-usual)/max(deviation(changes, change), floor) > c.Delta &&
			math.Abs(v-level) > c.Level*max(deviation(at, level), floor)
		if _, got := c.Check(v, last, check.Days{At: at, Before: before}); got != want {
			t.Fatalf("Check(%g, %g) after changes %v = %t, want %t", v, last, changes, got, want)
		}
		if want {
			found++
		}
	}
	if found < 50 || found > 19000 {
		t.Errorf("%d of 20000 cases are jumps: the cases do not test much", found)
	}
}
