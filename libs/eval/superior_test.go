package eval

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// losses makes a backtest whose loss at each origin is the one given: a single horizon, off by that much.
func losses(v ...float64) Result {
	r := Result{Horizon: 48, Season: 24, Step: time.Hour}
	for i, x := range v {
		o := Origin{At: time.Date(2023, 1, 1, 25*i, 0, 0, 0, time.UTC), Mean: []float64{100 + x}, Actual: []float64{100}, Scale: 1}
		r.Origins = append(r.Origins, o)
	}
	return r
}

// noisy returns n losses around a mean whose neighbours hang together: a first-order moving average.
func noisy(random *rand.Rand, n int, mean float64) []float64 {
	out := make([]float64, n)
	last := random.NormFloat64()
	for i := range out {
		e := random.NormFloat64()
		out[i] = mean + e + 0.5*last
		last = e
	}
	return out
}

func TestSuperior(t *testing.T) {
	base := []float64{10, 12, 9, 11, 13, 10, 12, 11, 9, 10, 12, 13, 11, 10, 9, 12, 11, 10, 12, 11}
	scaled := func(by float64) Result {
		v := make([]float64, len(base))
		for i, x := range base {
			v[i] = x*by + 0.3*math.Sin(float64(5*i))
		}
		return losses(v...)
	}
	failed := scaled(0.1)
	failed.Origins[3].Err, failed.Origins[3].Mean = errors.New("no"), nil
	for name, tc := range map[string]struct {
		rivals []Result
		rival  int
		least  float64 // bounds of the p-value
		most   float64
	}{
		"clearly better":                  {[]Result{scaled(0.8)}, 1, 0, 0.01},
		"better among worse ones":         {[]Result{scaled(1.5), scaled(0.8), scaled(2)}, 2, 0, 0.01},
		"worse":                           {[]Result{scaled(1.2)}, 1, 1, 1},
		"better, but failed once":         {[]Result{failed}, -1, 1, 1},
		"alike":                           {[]Result{losses(base...)}, 1, 1, 1},
		"better by chance now and then":   {[]Result{scaled(0.998)}, 1, 0.1, 1},
		"nobody to compare with":          {nil, -1, 1, 1},
		"better by the same at all times": {[]Result{losses(shifted(base, -1)...)}, 1, 0, 0.01},
	} {
		t.Run(name, func(t *testing.T) {
			win := Superior{}.Test(append([]Result{losses(base...)}, tc.rivals...), 0)
			if win.Rival != tc.rival || win.P < tc.least || win.P > tc.most {
				t.Errorf("%+v, want rival %d and a p-value from %v to %v", win, tc.rival, tc.least, tc.most)
			}
		})
	}
	few := Superior{}.Test([]Result{losses(10, 10, 10), losses(1, 2, 1)}, 0)
	if few.P != 1 || few.Rival != 1 {
		t.Errorf("three origins gave %+v, want a rival without proof", few)
	}
	if g := (Superior{}).Test([]Result{losses(10, 10, 10, 10, 10, 10), losses(8, 9, 8, 9, 8, 9)}, 0).Gain; math.Abs(g-0.15) > 1e-12 {
		t.Errorf("gain %v, want 0.15: a mean loss of 8.5 in place of 10", g)
	}
}

func shifted(v []float64, by float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = x + by
	}
	return out
}

// TestSuperiorKeepsItsLevel draws backtests of eight models of which none is better, with losses that hang together from
// one origin to the next as those of overlapping forecasts do. Oracle: the level of the test, with what 400 repetitions
// and 24 origins leave of chance and of the asymptotics. The best of seven, tested alone, would win one time in five.
func TestSuperiorKeepsItsLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const repeats = 400
	wins := 0
	for range repeats {
		common := noisy(random, 24, 20)
		results := make([]Result, 8)
		for i := range results {
			v := noisy(random, 24, 0)
			for k := range v {
				v[k] += common[k]
			}
			results[i] = losses(v...)
		}
		if (Superior{Draws: 400, Seed: 7}).Test(results, 0).P <= 0.05 {
			wins++
		}
	}
	t.Logf("%d of %d won by chance at the level of 5 %%", wins, repeats)
	if share := float64(wins) / repeats; share > 0.09 {
		t.Errorf("%.3f of the rivals won by chance, want about 0.05", share)
	}
}

// TestSuperiorFinds: a rival better by half the standard deviation of the losses is found most of the time.
func TestSuperiorFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const repeats = 200
	found := 0
	for range repeats {
		common := noisy(random, 24, 20)
		better := noisy(random, 24, -0.8)
		for k := range better {
			better[k] = common[k] + 0.5*better[k]
		}
		if (Superior{Draws: 400}).Test([]Result{losses(common...), losses(better...)}, 0).P <= 0.05 {
			found++
		}
	}
	t.Logf("found %d of %d", found, repeats)
	if found < repeats/2 {
		t.Errorf("found %d of %d rivals that are better", found, repeats)
	}
}

func TestSuperiorRepeats(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	results := []Result{losses(noisy(random, 24, 20)...), losses(noisy(random, 24, 19.5)...)}
	a, b := Superior{Seed: 3}.Test(results, 0), Superior{Seed: 3}.Test(results, 0)
	if a != b {
		t.Errorf("the same seed gave %+v and %+v", a, b)
	}
}
