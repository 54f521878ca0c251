package model

import (
	"math"
	"slices"
)

// boosting grows regression trees one after the other on what the ones before leave (Friedman, Annals of Statistics
// 29(5), 2001), leaf by leaf on histograms of binned features as LightGBM does (Ke et al., NeurIPS 2017). Its loss is
// squared, or that of a quantile.
type boosting struct {
	trees    int
	leaves   int
	least    int     // rows of a leaf
	rate     float64 // share of each tree that is taken
	l2       float64 // penalty of leaf values, in rows
	quantile float64 // 0 means squared loss
}

// tree is a regression tree. Node i goes on to Left[i] where Feature[i] is at most Cut[i] or missing, to Right[i]
// elsewhere; a node with Left 0 is a leaf, and Cut its value.
type tree struct {
	Feature []int     `json:"feature"`
	Cut     []float64 `json:"cut"`
	Left    []int     `json:"left"`
	Right   []int     `json:"right"`
}

// at returns the value for a row.
func (t tree) at(row []float64) float64 {
	i := 0
	for t.Left[i] != 0 {
		if v := row[t.Feature[i]]; v > t.Cut[i] {
			i = t.Right[i]
		} else {
			i = t.Left[i]
		}
	}
	return t.Cut[i]
}

// bins is the number of bins of a feature.
const bins = 256

// binned holds features by column as the index of the first cut they do not exceed.
type binned struct {
	columns [][]uint8
	cuts    [][]float64 // ascending; the last bin has none
}

// newBinned puts the rows of p features into bins of about equally many.
func newBinned(rows []float64, p int) binned {
	n := len(rows) / p
	b := binned{columns: make([][]uint8, p), cuts: make([][]float64, p)}
	for j := range p {
		values := make([]float64, n)
		for i := range n {
			values[i] = rows[i*p+j]
		}
		sorted := slices.Clone(values)
		slices.SortFunc(sorted, func(a, b float64) int {
			if a < b || a != a && b == b {
				return -1
			}
			if a > b || b != b && a == a {
				return 1
			}
			return 0
		})
		for k := 1; k < bins; k++ {
			v := sorted[k*(n-1)/bins]
			if v == v && (len(b.cuts[j]) == 0 || v > b.cuts[j][len(b.cuts[j])-1]) {
				b.cuts[j] = append(b.cuts[j], v)
			}
		}
		b.columns[j] = make([]uint8, n)
		for i, v := range values {
			at, _ := slices.BinarySearch(b.cuts[j], v) // a missing value comes before all cuts
			b.columns[j][i] = uint8(at)
		}
	}
	return b
}

// sumCount is the sum of gradients and the number of rows in a bin.
type sumCount struct{ sum, n float64 }

// leaf is a leaf that may be split.
type leaf struct {
	node  int
	rows  []int32
	hist  []sumCount // by feature and bin
	total sumCount
	split split
}

// split is the best way to divide a leaf.
type split struct {
	gain    float64
	feature int
	bin     int
	left    sumCount
}

// fit returns the trees for targets y, and the constant they start from.
func (g boosting) fit(b binned, y []float64) (base float64, out []tree) {
	f, gradient := make([]float64, len(y)), make([]float64, len(y))
	base = g.constant(y)
	for i := range f {
		f[i] = base
	}
	for range g.trees {
		for i, v := range y {
			gradient[i] = g.gradient(v - f[i])
		}
		t := g.grow(b, y, f, gradient)
		if len(t.Left) == 1 {
			break // no split gains anything any more
		}
		out = append(out, t)
	}
	return base, out
}

// constant returns the best constant forecast.
func (g boosting) constant(y []float64) float64 {
	if g.quantile > 0 {
		sorted := slices.Sorted(slices.Values(y))
		return sorted[int(g.quantile*float64(len(sorted)-1))]
	}
	var m mean
	for _, v := range y {
		m.add(v)
	}
	return m.mean
}

// gradient returns the direction in which a residual pulls the forecast.
func (g boosting) gradient(residual float64) float64 {
	switch {
	case g.quantile <= 0:
		return residual
	case residual > 0:
		return g.quantile
	}
	return g.quantile - 1
}

// grow returns one tree and adds it to f.
func (g boosting) grow(b binned, y, f, gradient []float64) tree {
	rows := make([]int32, len(y))
	for i := range rows {
		rows[i] = int32(i)
	}
	t := tree{Feature: []int{0}, Cut: []float64{0}, Left: []int{0}, Right: []int{0}}
	open := []*leaf{g.newLeaf(b, gradient, 0, rows, nil, nil)}
	for len(open) < g.leaves {
		best := slices.IndexFunc(open, func(l *leaf) bool { return l.split.gain > 0 })
		for i, l := range open {
			if best >= 0 && l.split.gain > open[best].split.gain {
				best = i
			}
		}
		if best < 0 {
			break
		}
		left, right := g.divide(b, gradient, open[best], &t)
		open[best] = left
		open = append(open, right)
	}
	for _, l := range open {
		value := g.rate * g.value(l, y, f)
		t.Cut[l.node] = value
		for _, i := range l.rows {
			f[i] += value
		}
	}
	return t
}

// value returns the forecast of a leaf before it is shrunk by the rate.
func (g boosting) value(l *leaf, y, f []float64) float64 {
	if g.quantile <= 0 {
		return l.total.sum / (l.total.n + g.l2)
	}
	residuals := make([]float64, len(l.rows))
	for k, i := range l.rows {
		residuals[k] = y[i] - f[i]
	}
	return g.constant(residuals)
}

// newLeaf sums the histogram of rows, or takes it as the difference of those of parent and sibling, and finds the best
// split.
func (g boosting) newLeaf(b binned, gradient []float64, node int, rows []int32, parent, sibling []sumCount) *leaf {
	l := &leaf{node: node, rows: rows, hist: parent}
	if sibling == nil {
		l.hist = make([]sumCount, len(b.columns)*bins)
		for j, column := range b.columns {
			hist := l.hist[j*bins : (j+1)*bins]
			for _, i := range rows {
				h := &hist[column[i]]
				h.sum += gradient[i]
				h.n++
			}
		}
	} else {
		for k, s := range sibling {
			l.hist[k].sum -= s.sum
			l.hist[k].n -= s.n
		}
	}
	for _, h := range l.hist[:bins] {
		l.total.sum += h.sum
		l.total.n += h.n
	}
	l.split = g.best(l, b)
	return l
}

// best returns the split of a leaf that lowers the loss most; its gain is 0 when there is none.
func (g boosting) best(l *leaf, b binned) split {
	var out split
	score := func(s sumCount) float64 { return s.sum * s.sum / (s.n + g.l2) }
	whole := score(l.total)
	for j, cuts := range b.cuts {
		var left sumCount
		for k := range cuts {
			h := l.hist[j*bins+k]
			left.sum += h.sum
			left.n += h.n
			right := sumCount{l.total.sum - left.sum, l.total.n - left.n}
			if left.n < float64(g.least) || right.n < float64(g.least) {
				continue
			}
			// What is no more than rounding is no gain.
			if gain := score(left) + score(right) - whole; gain > out.gain && gain > 1e-12*math.Abs(whole) {
				out = split{gain: gain, feature: j, bin: k, left: left}
			}
		}
	}
	return out
}

// divide splits a leaf in two and adds their nodes to t. Only the smaller part is summed.
func (g boosting) divide(b binned, gradient []float64, l *leaf, t *tree) (left, right *leaf) {
	column, bin := b.columns[l.split.feature], uint8(l.split.bin)
	n := 0
	for k, i := range l.rows {
		if column[i] <= bin {
			l.rows[k], l.rows[n] = l.rows[n], i
			n++
		}
	}
	at := len(t.Left)
	for range 2 {
		t.Feature, t.Cut = append(t.Feature, 0), append(t.Cut, 0)
		t.Left, t.Right = append(t.Left, 0), append(t.Right, 0)
	}
	t.Feature[l.node], t.Cut[l.node] = l.split.feature, b.cuts[l.split.feature][bin]
	t.Left[l.node], t.Right[l.node] = at, at+1
	if n <= len(l.rows)-n {
		left = g.newLeaf(b, gradient, at, l.rows[:n], nil, nil)
		right = g.newLeaf(b, gradient, at+1, l.rows[n:], l.hist, left.hist)
	} else {
		right = g.newLeaf(b, gradient, at+1, l.rows[n:], nil, nil)
		left = g.newLeaf(b, gradient, at, l.rows[:n], l.hist, right.hist)
	}
	return left, right
}
