package drift_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

// days returns days of errors that follow how hard they are, by the slopes 0.6 and 0.2, with noise.
func days(n int, seed uint64) []drift.Day {
	rng := rand.New(rand.NewPCG(seed, 2))
	out := make([]drift.Day, n)
	hard := 0.0
	for i := range out {
		hard = 0.7*hard + 0.4*rng.NormFloat64()
		day, week := math.Exp(5+hard), math.Exp(5.5+hard+0.2*rng.NormFloat64())
		out[i] = drift.Day{
			Error: math.Exp(-0.1 + 0.6*(math.Log(day)-5) + 0.2*(math.Log(week)-5.5) + 0.25*rng.NormFloat64()),
			Bias:  0.3 * rng.NormFloat64(), Covered: 0.9, Day: day, Week: week,
		}
	}
	return out
}

// The oracle is the rule that made the days.
func TestFitBaseline(t *testing.T) {
	b := drift.FitBaseline(days(2000, 1))
	// The two changes go together, so that their slopes are told apart less well than their sum.
	if s := b.Slopes[0] + b.Slopes[1]; math.Abs(s-0.8) > 0.03 || math.Abs(b.Slopes[0]-0.6) > 0.1 {
		t.Errorf("slopes %v, want about 0.6 and 0.2", b.Slopes)
	}
	if math.Abs(b.Excess.SD-0.25) > 0.02 || math.Abs(b.Excess.Mean) > 1e-9 || b.Excess.Tau > 1.3 || b.N != 2000 {
		t.Errorf("excess %+v of %d days, want mean 0, deviation 0.25, no autocorrelation", b.Excess, b.N)
	}
	d := drift.Day{Error: 2 * math.Exp(b.Level), Day: math.Exp(b.Hard[0]), Week: math.Exp(b.Hard[1])}
	if got := b.Of(d); math.Abs(got-math.Log(2)) > 1e-9 {
		t.Errorf("twice the expected error is %g, want log 2", got)
	}
	if got := b.Of(drift.Day{Error: 1, Day: 0, Week: 1}); !math.IsNaN(got) {
		t.Errorf("a day like the one before gives %g, want NaN", got)
	}
	if few := drift.FitBaseline(nil); few.N != 0 {
		t.Errorf("no days: %+v", few)
	}
}

// The oracle for the autocorrelation time of an AR(1) is (1+a)/(1-a), 3 for a = 0.5; for the probability, the normal table:
// 1.645 deviations are exceeded once in twenty.
func TestMoments(t *testing.T) {
	m := drift.Moments{Mean: 1, SD: 2, Tau: 1}
	if p := m.P(1+1.6449*2/math.Sqrt(14), 14); math.Abs(p-0.05) > 1e-4 {
		t.Errorf("p is %g, want 0.05", p)
	}
	m.Tau = 14
	if p := m.P(1+1.6449*2, 14); math.Abs(p-0.05) > 1e-4 {
		t.Errorf("p with 14 days that count as one is %g, want 0.05", p)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	d, x := make([]drift.Day, 20000), 0.0
	for i := range d {
		x = 0.5*x + rng.NormFloat64()
		d[i] = drift.Day{Error: math.Exp(0.2 * x), Day: 1, Week: 1, Covered: 1}
	}
	if tau := drift.FitBaseline(d).Excess.Tau; math.Abs(tau-3) > 0.4 {
		t.Errorf("autocorrelation time %g, want 3", tau)
	}
}

func TestWatch(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(d *drift.Day)
		want   string // detector that raises; "" for none
		within int    // days
	}{
		"nothing":        {func(*drift.Day) {}, "", 0},
		"harder days":    {func(d *drift.Day) { d.Error, d.Day, d.Week = 2*d.Error, 2.4*d.Day, 2.4*d.Week }, "", 0},
		"errors doubled": {func(d *drift.Day) { d.Error *= 2 }, drift.ErrorLevel, 21},
		"errors x3":      {func(d *drift.Day) { d.Error *= 3 }, drift.ErrorLevel, 8},
		"bias up":        {func(d *drift.Day) { d.Bias += 2 }, drift.BiasHigh, 21},
		"bias down":      {func(d *drift.Day) { d.Bias -= 2 }, drift.BiasLow, 21},
		"intervals":      {func(d *drift.Day) { d.Covered = 0.7 }, drift.Coverage, 21},
	} {
		t.Run(name, func(t *testing.T) {
			w := drift.NewWatch(drift.DayAhead())
			const change = 200
			raised := map[string]int{}
			for i, d := range days(260, 5) {
				if i >= change {
					tc.change(&d)
				}
				readings, _ := w.Step(d)
				for _, r := range readings {
					if r.Transition == drift.Raised {
						raised[r.Detector] = i - change + 1
					}
				}
			}
			want := map[string]int{}
			if tc.want != "" {
				if n := raised[tc.want]; n < 1 || n > tc.within {
					t.Errorf("raised %v, want %s within %d days", raised, tc.want, tc.within)
				}
				want[tc.want] = raised[tc.want]
			}
			if diff := cmp.Diff(want, raised); diff != "" {
				t.Errorf("raised mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// A new model that performs ends the alarm within a week or so; one that does not keeps it.
func TestWatchRenew(t *testing.T) {
	for _, good := range []bool{true, false} {
		w := drift.NewWatch(drift.DayAhead())
		var standing bool
		for i, d := range days(260, 6) {
			if i >= 200 && (i < 230 || !good) {
				d.Error *= 2.5
			}
			if i == 230 {
				w.Renew()
			}
			readings, _ := w.Step(d)
			for _, r := range readings {
				if r.Detector == drift.ErrorLevel {
					standing = r.Raised
				}
			}
			if i == 229 && !standing || i == 240 && standing == good {
				t.Fatalf("day %d, new model good %t: alarm stands %t", i, good, standing)
			}
		}
	}
}

// Example of Benjamini & Hochberg (1995), section 3.2: 15 p-values of which four are rejected at 0.05.
func TestDiscoveries(t *testing.T) {
	p := []float64{0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000}
	n := 0
	for i, yes := range drift.Discoveries(append(p, math.NaN()), 0.05) {
		if yes {
			n++
			if i > 3 {
				t.Errorf("rejects %d", i)
			}
		}
	}
	if n != 4 {
		t.Errorf("rejects %d, want 4", n)
	}
}

// The median of forty series moves by a fifth while each of them is as noisy as it was.
func TestFleet(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	var f drift.Fleet
	raised := 0
	for day := range 300 {
		excess := make([]float64, 40)
		for i := range excess {
			excess[i] = 0.4*rng.NormFloat64() + 0.1*float64(day%7)
			if day >= 250 {
				excess[i] += math.Log(1.2)
			}
		}
		if _, x := f.Step(excess); x == drift.Raised {
			raised = day
		}
	}
	if raised < 250 || raised > 265 {
		t.Errorf("raised on day %d, want within two weeks of day 250 and not before", raised)
	}
	if s, x := f.Step([]float64{9, math.NaN()}); !math.IsNaN(s) || x != drift.None {
		t.Errorf("two series give %g, %v, want nothing", s, x)
	}
}
