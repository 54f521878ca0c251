package window_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/validator/internal/window"
)

const (
	size  = 40
	long  = 16
	short = 5
)

// plain is the oracle: a map of values, searched and sorted anew for every question.
type plain map[int64]float64

func (p plain) put(g int64, v float64) {
	if len(p) > 0 && g <= p.newest()-size {
		return
	}
	p[g] = v
	maps.DeleteFunc(p, func(x int64, _ float64) bool { return x <= p.newest()-size })
}

func (p plain) newest() int64 { return slices.Max(slices.Collect(maps.Keys(p))) }

func (p plain) median(n int) float64 {
	keys := slices.Sorted(maps.Keys(p))
	var values []float64
	for _, g := range keys[max(0, len(keys)-n):] {
		values = append(values, p[g])
	}
	slices.Sort(values)
	m := len(values)
	return (values[(m-1)/2] + values[m/2]) / 2
}

func (p plain) missing(g int64) int64 {
	before := int64(math.MinInt64)
	for x := range p {
		if x < g {
			before = max(before, x)
		}
	}
	if before == math.MinInt64 {
		return 0
	}
	return g - before - 1
}

func (p plain) run(g int64) int {
	n := 0
	for v := p[g]; ; n++ {
		if x, ok := p[g-int64(n)]; !ok || x != v {
			return n
		}
	}
}

// TestAgainstPlain drives a window and the oracle with appends, holes, revisions, late points and long gaps. Values are
// few, so that they repeat.
func TestAgainstPlain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		rnd := rand.New(rand.NewPCG(1, seed))
		w, p := window.New(time.Hour, size, long, short), plain{}
		g := int64(470000)
		for range 600 {
			var at int64
			switch x := rnd.Float64(); {
			case x < 0.6:
				g++
				at = g
			case x < 0.7:
				g += rnd.Int64N(6)
				at = g
			case x < 0.702:
				g += rnd.Int64N(3 * size)
				at = g
			default:
				at = g - rnd.Int64N(size+10)
			}
			v := float64(1 + rnd.IntN(9))
			if len(p) > 0 {
				if got, want := w.Missing(at), p.missing(at); got != want && at > p.newest()-size {
					t.Fatalf("seed %d: Missing(%d) = %d, want %d", seed, at, got, want)
				}
			}
			w.Put(at, v, time.Time{})
			p.put(at, v)
			agree(t, seed, w, p)
			if _, ok := p[at]; ok && w.Run(at) != p.run(at) {
				t.Fatalf("seed %d: Run(%d) = %d, want %d", seed, at, w.Run(at), p.run(at))
			}
		}
		again := window.New(time.Hour, size, long, short)
		again.Load(whole(p))
		agree(t, seed, again, p)
	}
}

func agree(t *testing.T, seed uint64, w *window.Window, p plain) {
	t.Helper()
	if w.Len() != len(p) {
		t.Fatalf("seed %d: Len = %d, want %d", seed, w.Len(), len(p))
	}
	for g := p.newest() - size - 3; g < p.newest()+3; g++ {
		want, ok := p[g]
		if got, _ := w.At(g); w.Has(g) != ok || ok && got != want {
			t.Fatalf("seed %d: At(%d) = %g, want %g (%t)", seed, g, got, want, ok)
		}
	}
	l, s, n := w.Medians()
	if l != p.median(long) || s != p.median(short) || n != min(long, len(p)) {
		t.Fatalf("seed %d: Medians = %g, %g of %d, want %g, %g of %d", seed, l, s, n, p.median(long), p.median(short), min(long, len(p)))
	}
}

// whole returns the values of p as a series.
func whole(p plain) series.Series {
	first := slices.Min(slices.Collect(maps.Keys(p)))
	y := series.Series{Start: time.Unix(first*3600, 0).UTC(), Step: time.Hour}
	for g := first; g <= p.newest(); g++ {
		v, ok := p[g]
		if !ok {
			v = math.NaN()
		}
		y.Values = append(y.Values, v)
	}
	return y
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	w := window.New(30*time.Minute, size, long, short)
	if l, s, n := w.Medians(); l != 0 || s != 0 || n != 0 {
		t.Errorf("Medians = %g, %g of %d, want zeros", l, s, n)
	}
	if w.Has(1) || w.Len() != 0 || w.Missing(1) != 0 || !w.KnownAt(1).IsZero() {
		t.Error("an empty window knows something")
	}
	if got := w.Step(); got != 30*time.Minute {
		t.Errorf("Step = %s", got)
	}
}

func TestKnownAt(t *testing.T) {
	t.Parallel()
	w := window.New(time.Hour, size, long, short)
	ts := time.Date(2024, 3, 10, 12, 0, 0, 0, time.UTC)
	g := w.Grid(ts)
	w.Put(g, 1, ts.Add(time.Hour))
	if got := w.KnownAt(g); !got.Equal(ts.Add(time.Hour)) {
		t.Errorf("KnownAt = %s, want %s", got, ts.Add(time.Hour))
	}
	if got := w.Time(g); !got.Equal(ts) {
		t.Errorf("Time(Grid(%s)) = %s", ts, got)
	}
	w.Put(g+size, 1, time.Time{})
	if !w.KnownAt(g).IsZero() || !w.KnownAt(g+size).IsZero() {
		t.Error("KnownAt of a dropped point, or of one put without a time, is not zero")
	}
}

func BenchmarkPut(b *testing.B) {
	w := window.New(time.Hour, 400, 168, 24)
	var sink float64
	for i := int64(0); b.Loop(); i++ {
		w.Put(i, 1000+200*math.Sin(float64(i)), time.Time{})
		l, _, _ := w.Medians()
		sink += l
	}
	_ = sink
}
