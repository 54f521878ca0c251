package window

import "slices"

// reference keeps the newest n values of a Window in order of size, for their median.
type reference struct {
	n      int
	oldest int64 // grid index of the oldest member
	sorted []float64
}

func newReference(n int) *reference { return &reference{n: n, sorted: make([]float64, 0, n+1)} }

// median returns the median, or 0 of no values.
func (r *reference) median() float64 {
	n := len(r.sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return r.sorted[n/2]
	default:
		return (r.sorted[n/2-1] + r.sorted[n/2]) / 2
	}
}

// added tells r that w has a value v at g where it had none.
func (r *reference) added(w *Window, g int64, v float64) {
	full := len(r.sorted) == r.n
	if full && g < r.oldest {
		return
	}
	if len(r.sorted) == 0 || g < r.oldest {
		r.oldest = g
	}
	if full && g > r.oldest {
		r.moveOn(w, v)
		return
	}
	r.insert(v)
	if full {
		r.dropOldest(w)
	}
}

// moveOn puts v in the place of the oldest member, moving only what lies between the two.
func (r *reference) moveOn(w *Window, v float64) {
	old, _ := w.At(r.oldest)
	from, to := search(r.sorted, old), search(r.sorted, v)
	if from < to {
		copy(r.sorted[from:to-1], r.sorted[from+1:to])
		to--
	} else {
		copy(r.sorted[to+1:from+1], r.sorted[to:from])
	}
	r.sorted[to] = v
	for r.oldest++; !w.Has(r.oldest); r.oldest++ {
	}
}

// search returns the index of the first element of x that is not below v. x is sorted and neither has NaN.
func search(x []float64, v float64) int {
	from, to := 0, len(x)
	for from < to {
		middle := int(uint(from+to) >> 1)
		if x[middle] < v {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from
}

// replaced tells r that the value old at g became v.
func (r *reference) replaced(g int64, old, v float64) {
	if g < r.oldest {
		return
	}
	r.remove(old)
	r.insert(v)
}

// leaving tells r that w is about to lose its value old at g.
func (r *reference) leaving(w *Window, g int64) {
	if len(r.sorted) > 0 && g == r.oldest {
		r.dropOldest(w)
	}
}

// dropOldest removes the oldest member. The next one is found in w, which still has both.
func (r *reference) dropOldest(w *Window) {
	v, _ := w.At(r.oldest)
	r.remove(v)
	if len(r.sorted) == 0 {
		return
	}
	for r.oldest++; !w.Has(r.oldest); r.oldest++ {
	}
}

func (r *reference) insert(v float64) {
	r.sorted = slices.Insert(r.sorted, search(r.sorted, v), v)
}

func (r *reference) remove(v float64) {
	if i := search(r.sorted, v); i < len(r.sorted) && r.sorted[i] == v {
		r.sorted = slices.Delete(r.sorted, i, i+1)
	}
}
