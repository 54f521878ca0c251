package check_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

// year returns a year of demand with a clean profile, and a memory that has seen all of it but the last weeks.
func year(tb testing.TB, seed uint64) (series.Series, *check.Memory) {
	tb.Helper()
	y := seriestest.Generate(series.Series{Start: noon(), Step: time.Hour}, 8760, seed)
	m := check.NewMemory(time.Hour, nil)
	for i, v := range y.Values[:8000] {
		m.Observe(check.DefaultHabits(), y.Time(i), v, nil)
	}
	return y, m
}

// names returns what the memory says to values from index i on, a name for each finding.
func names(y series.Series, m *check.Memory, i, n int, value func(k int) float64) (out []check.Name) {
	for k := range n {
		for _, f := range m.Observe(check.DefaultHabits(), y.Time(i+k), value(k), nil) {
			out = append(out, f.Check)
		}
	}
	return out
}

func TestObserve(t *testing.T) {
	t.Parallel()
	const at = 8000
	for title, tc := range map[string]struct {
		n     int
		value func(y series.Series, k int) float64
		want  []check.Name
	}{
		"usual": {48, func(y series.Series, k int) float64 { return y.Values[at+k] }, nil},
		"a spike, and back": {12, func(y series.Series, k int) float64 {
			if k == 3 {
				return 1.4 * y.Values[at+k]
			}
			return y.Values[at+k]
		}, []check.Name{check.Spike}},
		"a new level": {12, func(y series.Series, k int) float64 {
			if k >= 3 {
				return 1.3 * y.Values[at+k]
			}
			return y.Values[at+k]
		}, []check.Name{check.Spike, check.LevelShift}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			y, m := year(t, 1)
			got := names(y, m, at, tc.n, func(k int) float64 { return tc.value(y, k) })
			if !slices.Equal(got, tc.want) {
				t.Errorf("said %v, want %v", got, tc.want)
			}
		})
	}
}

// A profile that comes six hours late is found within four days, and its lag is named. The generated weekday has two
// humps, so that no other lag fits as well.
func TestTimeShiftWithoutOverlap(t *testing.T) {
	t.Parallel()
	y, m := year(t, 2)
	for k := range 96 {
		for _, f := range m.Observe(check.DefaultHabits(), y.Time(8000+k), y.Values[8000+k-6], nil) {
			if f.Check == check.Shifted {
				if f.Observed != 6 {
					t.Errorf("named a shift of %g hours, want 6", f.Observed)
				}
				return
			}
		}
	}
	t.Error("nothing was said in four days")
}

// TestFalseAlarms counts flags on series without faults. The stated rate of spikes is 5e-5 a point, that of flatlines
// 1e-5; level shifts and time shifts have none stated and are few. 40 series-years give 350,000 points.
func TestFalseAlarms(t *testing.T) {
	t.Parallel()
	n, said := 0, map[check.Name]int{}
	for seed := range uint64(40) {
		y, m := year(t, 100+seed)
		for i := 8000; i < y.Len(); i++ {
			n++
			for _, f := range m.Observe(check.DefaultHabits(), y.Time(i), y.Values[i], nil) {
				said[f.Check]++
			}
		}
	}
	t.Logf("%d points, said %v", n, said)
	for name, most := range map[check.Name]float64{check.Spike: 1e-3, check.Flat: 1e-4, check.LevelShift: 1e-3, check.Shifted: 1e-3} {
		if rate := float64(said[name]) / float64(n); rate > most {
			t.Errorf("%s on %.5f of points, want at most %.5f", name, rate, most)
		}
	}
}

// TestSnapshot: a memory restored from its snapshot says what the first one does, to the last digit.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	y, m := year(t, 3)
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 8<<10 {
		t.Errorf("snapshot of %d bytes, want at most 8 KB", len(b))
	}
	again := check.NewMemory(time.Hour, nil)
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 8000; i < y.Len(); i++ {
		v := y.Values[i]
		if rng.IntN(20) == 0 {
			v *= 1 + rng.NormFloat64()
		}
		want := m.Observe(check.DefaultHabits(), y.Time(i), v, nil)
		got := again.Observe(check.DefaultHabits(), y.Time(i), v, nil)
		if !slices.Equal(got, want) {
			t.Fatalf("point %d: restored says %+v, want %+v", i, got, want)
		}
	}
	for title, bad := range map[string][]byte{"empty": nil, "short": b[:len(b)-1], "another version": append([]byte{99}, b[1:]...)} {
		if err := again.UnmarshalBinary(bad); !errors.Is(err, check.ErrSnapshot) {
			t.Errorf("%s: %v, want ErrSnapshot", title, err)
		}
	}
}

// A value that passes costs no allocation.
func TestObserveAllocatesNothing(t *testing.T) {
	y, m := year(t, 4)
	i := 8000
	found := make([]check.Finding, 0, 8)
	habits := check.DefaultHabits()
	if n := testing.AllocsPerRun(500, func() {
		found = m.Observe(habits, y.Time(i), y.Values[i], found[:0])
		if len(found) > 0 {
			i += 24 // findings are text, and may be made
		}
		i++
	}); n >= 1 {
		t.Errorf("%.1f allocations a value", n)
	}
}

// FuzzObserve: whatever comes, nothing panics, and what was learned stays finite while values do.
func FuzzObserve(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200}, 1000.0, int64(3600))
	f.Add([]byte{0, 0, 255}, math.MaxFloat64, int64(60))
	f.Fuzz(func(t *testing.T, jumps []byte, v float64, step int64) {
		if math.IsNaN(v) || math.IsInf(v, 0) || step <= 0 || step > 1<<20 {
			return // never accepted, so never observed
		}
		m := check.NewMemory(time.Duration(step)*time.Second, nil)
		ts := noon()
		for i, j := range jumps {
			ts = ts.Add(time.Duration(int64(j)*step) * time.Second)
			m.Observe(check.DefaultHabits(), ts, v*float64(i%5), nil)
		}
		if _, err := m.MarshalBinary(); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	y, m := year(b, 5)
	found := make([]check.Finding, 0, 8)
	habits := check.DefaultHabits()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		found = m.Observe(habits, y.Time(8000+i), y.Values[i%8760], found[:0])
		i++
	}
}

// TestTail feeds a Laplace distribution of standard deviation 1, whose tail is exponential: P(|X| > x) = exp(-x sqrt 2).
// The value exceeded at a rate of 1e-5 is ln(1e5)/sqrt(2) = 8.14.
func TestTail(t *testing.T) {
	t.Parallel()
	var tail check.Tail
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200000 {
		tail.Add(rng.ExpFloat64() / math.Sqrt2)
	}
	if got := tail.Threshold(1e-5); math.Abs(got-8.14) > 0.5 {
		t.Errorf("threshold %.2f, want 8.14 within 0.5", got)
	}
	for range 10 {
		tail.Add(1e9) // corruption nobody noticed
	}
	if got := tail.Threshold(1e-5); got > 15 {
		t.Errorf("ten impossible values raise the threshold to %.1f", got)
	}
}

// Two series whose values change places without any overlap: the last day of the one has the habits of the other.
func TestSwap(t *testing.T) {
	t.Parallel()
	y, m := year(t, 8)
	z, _ := year(t, 9)
	for i := range z.Values {
		z.Values[i] *= 2
	}
	other := check.NewMemory(time.Hour, nil)
	for i, v := range z.Values[:8000] {
		other.Observe(check.DefaultHabits(), z.Time(i), v, nil)
	}
	c := check.Swap{Far: 6, Near: 3, Need: 12}
	if far, suspect := c.Suspect(m); suspect {
		t.Errorf("%d usual points are far from what is usual", far)
	}
	for i := 8000; i < 8024; i++ {
		m.Observe(check.DefaultHabits(), y.Time(i), z.Values[i], nil)
	}
	id := series.ID{Source: "eia", Key: "Z"}
	if far, suspect := c.Suspect(m); !suspect {
		t.Errorf("%d points of another series are far from what is usual, want at least 12", far)
	}
	if f, found := c.Check(m, id, other); !found || f.Check != check.Swapped {
		t.Errorf("Check = %+v, %v; want the other series named", f, found)
	}
	if f, found := c.Check(m, id, check.NewMemory(time.Hour, nil)); found {
		t.Errorf("a series without habits was named: %+v", f)
	}
}
