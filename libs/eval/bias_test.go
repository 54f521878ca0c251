package eval_test

import (
	"math"
	"testing"

	"github.com/bellwether-forecast/bellwether/libs/eval"
)

func TestBias(t *testing.T) {
	var b eval.Bias
	if got := b.Correct([]float64{100, -5}); got[0] != 100 || got[1] != -5 {
		t.Errorf("before any error: %v, want the means", got)
	}
	for range 200 {
		b.Score(1, 100, 104)
		b.Score(2, 100, math.NaN())
		b.Score(3, -5, 3)
	}
	got := b.Correct([]float64{200, 200, 200, 200})
	// Oracle: half of the bias of log 1.04.
	if want := 200 * math.Sqrt(1.04); math.Abs(got[0]-want) > 1e-6 {
		t.Errorf("after errors of 4 %%: %v, want %v", got[0], want)
	}
	if got[1] != 200 || got[2] != 200 || got[3] != 200 {
		t.Errorf("without errors: %v, want the means", got[1:])
	}
	full := eval.Bias{Rate: 1, Share: 1}
	full.Score(1, 100, 90)
	full.Score(1, 100, 110)
	if got := full.Correct([]float64{100})[0]; math.Abs(got-110) > 1e-9 {
		t.Errorf("rate and share of 1: %v, want the last value, 110", got)
	}
}
