package series

import (
	"math"
	"time"
)

// Outcome says what Window.Put did with a value.
type Outcome int

// Outcomes of Window.Put.
const (
	Appended Outcome = iota + 1 // newer than all before; points left out between are missing now
	Replaced                    // a point within the window has another value now
	Same                        // the point had that value already
	TooOld                      // before the window: left out
	OffGrid                     // not on the grid: left out
)

// Window holds the newest n grid points of one series, as a cache of the record. Put takes constant time on average,
// also for gaps up to the length of the window. It is not safe for concurrent use.
type Window struct {
	proto  Series // all but Values
	n      int
	values []float64 // the last n of them, at most, are the window; older ones wait to be moved out
	first  time.Time // grid point of values[0]
}

// NewWindow returns an empty window of n grid points, at least 1. The first point that is put in sets the grid: points
// must be a whole number of steps from it, and it itself from the Unix epoch.
func NewWindow(id ID, step time.Duration, n int) *Window {
	n = max(n, 1)
	return &Window{proto: Series{ID: id, Step: step}, n: n, values: make([]float64, 0, 2*n)}
}

// SetMeta sets unit and zone of the series, which the window does not need itself; a nil zone means UTC.
func (w *Window) SetMeta(unit string, zone *time.Location) { w.proto.Unit, w.proto.Zone = unit, zone }

// Len returns the number of grid points in the window, at most the n of NewWindow.
func (w *Window) Len() int { return min(len(w.values), w.n) }

// Put sets the value of a grid point, NaN for missing. The first point of an empty window starts it, whatever its age.
func (w *Window) Put(ts time.Time, v float64) Outcome {
	if len(w.values) == 0 {
		if !OnGrid(ts, w.proto.Step) {
			return OffGrid
		}
		w.first = ts.UTC()
		w.values = append(w.values, v)
		return Appended
	}
	all := w.proto
	all.Start, all.Values = w.first, w.values
	i, ok := all.Index(ts)
	switch {
	case !ok:
		return OffGrid
	case i >= len(w.values):
		w.extend(i, v)
		return Appended
	case i < len(w.values)-w.n:
		return TooOld
	case i < 0:
		return w.prepend(-i, v)
	case same(w.values[i], v):
		return Same
	}
	w.values[i] = v
	return Replaced
}

// extend makes v the value at index i, beyond the end, and the points between missing.
func (w *Window) extend(i int, v float64) {
	if gap := i - len(w.values); gap >= w.n {
		// Nothing that is held now stays in the window.
		w.first = w.first.Add(time.Duration(i-w.n+1) * w.proto.Step)
		w.values = w.values[:0]
		for range w.n - 1 {
			w.values = append(w.values, math.NaN())
		}
		w.values = append(w.values, v)
		return
	}
	for len(w.values) < i {
		w.push(math.NaN())
		i -= w.trim()
	}
	w.push(v)
	w.trim()
}

func (w *Window) push(v float64) { w.values = append(w.values, v) }

// trim moves the window to the front once as many points wait before it, and returns how many it dropped. Each point
// is moved once for every n that are put.
func (w *Window) trim() int {
	old := len(w.values) - w.n
	if old < w.n {
		return 0
	}
	copy(w.values, w.values[old:])
	w.values = w.values[:w.n]
	w.first = w.first.Add(time.Duration(old) * w.proto.Step)
	return old
}

// prepend puts v k points before the first while the window is not full: history may arrive in any order, though in
// reverse each point costs a copy of the window.
func (w *Window) prepend(k int, v float64) Outcome {
	grown := make([]float64, k, max(2*w.n, k+len(w.values)))
	grown[0] = v
	for i := 1; i < k; i++ {
		grown[i] = math.NaN()
	}
	w.values = append(grown, w.values...)
	w.first = w.first.Add(-time.Duration(k) * w.proto.Step)
	return Replaced
}

// same reports whether a and b are the same value; all NaN are.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// Series returns the window. It shares the values with w: they are valid until the next Put, and must not be changed.
func (w *Window) Series() Series {
	all := w.proto
	all.Start, all.Values = w.first, w.values
	return all.Tail(w.n)
}

// At returns the value at ts, NaN when it is missing or outside the window.
func (w *Window) At(ts time.Time) float64 {
	s := w.Series()
	if i, ok := s.Index(ts); ok && i >= 0 && i < s.Len() {
		return s.Values[i]
	}
	return math.NaN()
}
