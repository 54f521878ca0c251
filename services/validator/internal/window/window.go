// Package window keeps the newest grid points of one series and the medians of its newest values.
//
// A Window is a function of the values put into it, not of the order they came in, so that one rebuilt from the record
// decides as the one before it did. Memory is fixed by its size; Put costs a search among the reference values.
package window

import (
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Window holds values on the grid points (newest-size, newest]. It is not safe for concurrent use.
type Window struct {
	step    int64 // seconds
	newest  int64 // grid index of the newest value
	n       int   // values held
	values  []float64
	knownAt []int64 // Unix milliseconds; 0 means not known
	long    *reference
	short   *reference
}

// New returns an empty window of size grid points. long and short are the numbers of values whose medians it keeps;
// neither exceeds size.
func New(step time.Duration, size, long, short int) *Window {
	w := &Window{
		step:    int64(step / time.Second),
		values:  make([]float64, size),
		knownAt: make([]int64, size),
		long:    newReference(long),
		short:   newReference(short),
	}
	for i := range w.values {
		w.values[i] = math.NaN()
	}
	return w
}

// Load puts the values of y that are not missing. When they became known is for Date to say.
func (w *Window) Load(y series.Series) {
	for i, v := range y.Values {
		if !math.IsNaN(v) {
			w.Put(w.Grid(y.Time(i)), v, time.Time{})
		}
	}
}

// Grid returns the grid index of t, which must lie on the grid.
func (w *Window) Grid(t time.Time) int64 { return t.Unix() / w.step }

// Time returns the grid point of index g.
func (w *Window) Time(g int64) time.Time { return time.Unix(g*w.step, 0).UTC() }

// Step returns the grid step.
func (w *Window) Step() time.Duration { return time.Duration(w.step) * time.Second }

// Len returns the number of values held.
func (w *Window) Len() int { return w.n }

// Has reports whether the point g has a value.
func (w *Window) Has(g int64) bool {
	v, ok := w.At(g)
	return ok && !math.IsNaN(v)
}

// At returns the value at g and whether g is within the window; the value is NaN when the point has none.
func (w *Window) At(g int64) (float64, bool) {
	if w.n == 0 || g > w.newest || g <= w.newest-int64(len(w.values)) {
		return math.NaN(), false
	}
	return w.values[w.slot(g)], true
}

// KnownAt returns when the value at g became known; zero when that is not known.
func (w *Window) KnownAt(g int64) time.Time {
	if !w.Has(g) || w.knownAt[w.slot(g)] == 0 {
		return time.Time{}
	}
	return time.UnixMilli(w.knownAt[w.slot(g)]).UTC()
}

// Date notes when the value at g became known, if the point has one.
func (w *Window) Date(g int64, knownAt time.Time) {
	if w.Has(g) {
		w.knownAt[w.slot(g)] = knownAt.UnixMilli()
	}
}

// Medians returns the medians of the newest long and short values, and how many values the long one is of.
func (w *Window) Medians() (long, short float64, n int) {
	return w.long.median(), w.short.median(), len(w.long.sorted)
}

// Missing returns the number of points without a value between g and the value before it; 0 when there is none before
// it within the window.
func (w *Window) Missing(g int64) int64 {
	if w.n == 0 {
		return 0
	}
	from := min(g-1, w.newest) // points after the newest have no value
	for p := from; p > w.newest-int64(len(w.values)); p-- {
		if w.Has(p) {
			return g - p - 1
		}
	}
	return 0
}

// Run returns the number of points up to g, g included, that have the value of g without a hole.
func (w *Window) Run(g int64) int {
	v, _ := w.At(g)
	n := 0
	for {
		if x, ok := w.At(g - int64(n)); !ok || x != v {
			return n
		}
		n++
	}
}

// Put sets the value at g, moving the window forward when g is newer than all it holds. A point older than the window
// is left out. v is not NaN.
func (w *Window) Put(g int64, v float64, knownAt time.Time) {
	switch {
	case w.n == 0:
		w.newest = g
	case g > w.newest:
		w.slide(g)
	case g <= w.newest-int64(len(w.values)):
		return
	}
	i := w.slot(g)
	old := w.values[i]
	w.values[i], w.knownAt[i] = v, 0
	if !knownAt.IsZero() {
		w.knownAt[i] = knownAt.UnixMilli()
	}
	if math.IsNaN(old) {
		w.n++
		w.long.added(w, g, v)
		w.short.added(w, g, v)
		return
	}
	w.long.replaced(g, old, v)
	w.short.replaced(g, old, v)
}

// slide makes g the newest point, dropping the values that fall out.
func (w *Window) slide(g int64) {
	size := int64(len(w.values))
	for p := w.newest - size + 1; p <= min(w.newest, g-size); p++ {
		if !w.Has(p) {
			continue
		}
		w.long.leaving(w, p)
		w.short.leaving(w, p)
		w.values[w.slot(p)] = math.NaN()
		w.n--
	}
	w.newest = g
}

// slot returns the place of g in the ring.
func (w *Window) slot(g int64) int {
	i := int(g % int64(len(w.values)))
	if i < 0 {
		i += len(w.values)
	}
	return i
}
