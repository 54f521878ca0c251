package series_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

var start = time.Date(2022, 3, 1, 0, 0, 0, 0, time.UTC)

func at(hour int) time.Time { return start.Add(time.Duration(hour) * time.Hour) }

func TestWindow(t *testing.T) {
	nan := math.NaN()
	type put struct {
		hour int
		v    float64
		want series.Outcome
	}
	for name, tc := range map[string]struct {
		puts  []put
		first int
		want  []float64
	}{
		"in order":           {[]put{{0, 1, series.Appended}, {1, 2, series.Appended}}, 0, []float64{1, 2}},
		"drops the oldest":   {[]put{{0, 1, series.Appended}, {1, 2, series.Appended}, {2, 3, series.Appended}, {3, 4, series.Appended}, {4, 5, series.Appended}}, 1, []float64{2, 3, 4, 5}},
		"gap":                {[]put{{0, 1, series.Appended}, {3, 4, series.Appended}}, 0, []float64{1, nan, nan, 4}},
		"gap over the end":   {[]put{{0, 1, series.Appended}, {1, 2, series.Appended}, {4, 5, series.Appended}}, 1, []float64{2, nan, nan, 5}},
		"gap over all":       {[]put{{0, 1, series.Appended}, {900, 2, series.Appended}}, 897, []float64{nan, nan, nan, 2}},
		"revision":           {[]put{{0, 1, series.Appended}, {1, 2, series.Appended}, {0, 7, series.Replaced}}, 0, []float64{7, 2}},
		"revision of a gap":  {[]put{{0, 1, series.Appended}, {2, 3, series.Appended}, {1, 2, series.Replaced}}, 0, []float64{1, 2, 3}},
		"same again":         {[]put{{0, 1, series.Appended}, {0, 1, series.Same}}, 0, []float64{1}},
		"missing again":      {[]put{{0, nan, series.Appended}, {0, nan, series.Same}}, 0, []float64{nan}},
		"too old":            {[]put{{9, 1, series.Appended}, {5, 2, series.TooOld}}, 9, []float64{1}},
		"too old when full":  {[]put{{5, 1, series.Appended}, {9, 2, series.Appended}, {5, 3, series.TooOld}}, 6, []float64{nan, nan, nan, 2}},
		"older, still fits":  {[]put{{9, 1, series.Appended}, {7, 2, series.Replaced}}, 7, []float64{2, nan, 1}},
		"oldest that fits":   {[]put{{9, 1, series.Appended}, {6, 2, series.Replaced}}, 6, []float64{2, nan, nan, 1}},
		"older, then onward": {[]put{{9, 1, series.Appended}, {7, 2, series.Replaced}, {11, 3, series.Appended}}, 8, []float64{nan, 1, nan, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			w := series.NewWindow(series.ID{Source: "eia", Key: "PJM"}, time.Hour, 4)
			for _, p := range tc.puts {
				if got := w.Put(at(p.hour), p.v); got != p.want {
					t.Errorf("Put(hour %d, %v) = %v, want %v", p.hour, p.v, got, p.want)
				}
			}
			got := w.Series()
			if !got.Start.Equal(at(tc.first)) {
				t.Errorf("starts %s, want %s", got.Start, at(tc.first))
			}
			if diff := cmp.Diff(tc.want, got.Values, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("values mismatch (-want +got):\n%s", diff)
			}
			if w.Len() != len(tc.want) {
				t.Errorf("Len = %d, want %d", w.Len(), len(tc.want))
			}
		})
	}
}

func TestWindowOffGrid(t *testing.T) {
	w := series.NewWindow(series.ID{}, time.Hour, 4)
	for range 2 {
		if got := w.Put(start.Add(time.Minute), 1); got != series.OffGrid {
			t.Errorf("Put off the grid = %v, want %v", got, series.OffGrid)
		}
		w.Put(start, 1)
	}
	if got := w.At(start.Add(time.Minute)); !math.IsNaN(got) {
		t.Errorf("At off the grid = %v, want NaN", got)
	}
}

func TestWindowMeta(t *testing.T) {
	zone := time.FixedZone("x", -5*3600)
	id := series.ID{Source: "eia", Key: "PJM"}
	w := series.NewWindow(id, time.Hour, 4)
	w.SetMeta("MW", zone)
	w.Put(start, 1)
	got := w.Series()
	if got.ID != id || got.Unit != "MW" || got.Zone != zone || got.Step != time.Hour {
		t.Errorf("Series = %+v", got)
	}
}

// TestWindowModel compares a window with a map of everything that was put, the simplest thing that could be right.
func TestWindowModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		n := 1 + rng.IntN(20)
		w := series.NewWindow(series.ID{}, time.Hour, n)
		all, newest := map[int]float64{}, 0
		for k := range 300 {
			hour := newest + rng.IntN(4) - 1
			if rng.IntN(50) == 0 {
				hour = newest + rng.IntN(60) - 30
			}
			if k == 0 {
				newest = hour
			}
			v := float64(rng.IntN(100))
			if got, old := w.Put(at(hour), v) == series.TooOld, hour <= newest-n; got != old {
				t.Fatalf("Put(hour %d) too old is %t, want %t (newest %d, n %d)", hour, got, old, newest, n)
			}
			all[hour] = v
			newest = max(newest, hour)
			for h := newest - n - 2; h <= newest+2; h++ {
				want, ok := all[h]
				if !ok || h <= newest-n {
					want = math.NaN()
				}
				if got := w.At(at(h)); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Fatalf("At(hour %d) = %v, want %v", h, got, want)
				}
			}
			if !w.Series().End().Equal(at(newest)) {
				t.Fatalf("ends %s, want %s", w.Series().End(), at(newest))
			}
		}
	}
}

func BenchmarkWindowPut(b *testing.B) {
	w := series.NewWindow(series.ID{}, time.Hour, 9600)
	i := 0
	for b.Loop() {
		w.Put(at(i), float64(i))
		i++
	}
}
