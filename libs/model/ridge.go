package model

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// errSingular says that normal equations have no solution; the penalties keep that from happening with finite data.
var errSingular = errors.New("model: normal equations are singular")

// normal accumulates the normal equations of a regression whose rows are some dense features followed by one-hot
// features, in one pass over the rows. The one-hot part costs one addition for each dense feature, not a full row, and
// the dense part is kept apart by group, so that the groups can be solved on their own as well.
//
// gonum's mat needs the design matrix in memory and multiplies its zeros; at these sizes that costs several times the
// work below. gonum's vector kernels do the inner loops.
type normal struct {
	p, hot int         // dense and one-hot unknowns
	dense  [][]float64 // by group: lower triangle of X'X, row i at i*p
	denseY []float64   // X'y
	cross  []float64   // one-hot times dense, row of the one-hot feature at i*p
	counts []float64   // one-hot times one-hot, lower triangle, row i at i*hot
	hotY   []float64
}

func newNormal(groups, p, hot int) *normal {
	n := &normal{
		p: p, hot: hot, dense: make([][]float64, groups), denseY: make([]float64, p),
		cross: make([]float64, hot*p), counts: make([]float64, hot*hot), hotY: make([]float64, hot),
	}
	for g := range n.dense {
		n.dense[g] = make([]float64, p*p)
	}
	return n
}

// add adds the row with dense features x and ones at the one-hot features hot, ascending, to a group with weight w;
// w = -1 takes a row out again.
func (n *normal) add(group int, x []float64, hot []int, y, w float64) {
	gram := n.dense[group]
	for i, v := range x {
		floats.AddScaled(gram[i*n.p:i*n.p+i+1], w*v, x[:i+1])
	}
	floats.AddScaled(n.denseY, w*y, x)
	for k, a := range hot {
		floats.AddScaled(n.cross[a*n.p:(a+1)*n.p], w, x)
		for _, b := range hot[:k+1] {
			n.counts[a*n.hot+b] += w
		}
		n.hotY[a] += w * y
	}
}

// solve returns the ridge solution common to all groups. The first dense feature is the intercept and goes free.
func (n *normal) solve(penalty float64) (coefficients, error) {
	q := n.p + n.hot
	gram := make([]float64, q*q)
	for i := range n.p {
		for _, g := range n.dense {
			floats.Add(gram[i*q:i*q+i+1], g[i*n.p:i*n.p+i+1])
		}
	}
	for a := range n.hot {
		row := gram[(n.p+a)*q:]
		copy(row, n.cross[a*n.p:(a+1)*n.p])
		copy(row[n.p:], n.counts[a*n.hot:a*n.hot+a+1])
	}
	// The difference makes up for what ridge adds to every unknown.
	gram[0] += freePenalty - penalty
	b, err := ridge(gram, q, slices.Concat(n.denseY, n.hotY), penalty)
	if err != nil {
		return coefficients{}, err
	}
	return coefficients{Dense: [][]float64{b[:n.p:n.p]}, Profile: b[n.p:]}, nil
}

// ridge solves (G + penalty*I) b = xy for the lower triangle of the p by p matrix G, which it leaves as it is.
func ridge(gram []float64, p int, xy []float64, penalty float64) ([]float64, error) {
	l := slices.Clone(gram)
	for i := range p {
		l[i*p+i] += penalty
	}
	if !cholesky(l, p) {
		return nil, errSingular
	}
	b := slices.Clone(xy)
	for i := range b {
		row := l[i*p:]
		b[i] = (b[i] - floats.Dot(row[:i], b[:i])) / row[i]
	}
	for i := p - 1; i >= 0; i-- {
		row := l[i*p:]
		b[i] /= row[i]
		floats.AddScaled(b[:i], -b[i], row[:i])
	}
	return b, nil
}

// cholesky replaces the lower triangle of the p by p matrix a by its factor, row by row, so that every inner product
// runs over consecutive memory. It reports false when a is not positive definite.
func cholesky(a []float64, p int) bool {
	for i := range p {
		ri := a[i*p : i*p+i+1]
		for j := range i {
			rj := a[j*p : j*p+j+1]
			ri[j] = (ri[j] - floats.Dot(ri[:j], rj[:j])) / rj[j]
		}
		d := ri[i] - floats.Dot(ri[:i], ri[:i])
		if !(d > 0) || math.IsInf(d, 1) {
			return false
		}
		ri[i] = math.Sqrt(d)
	}
	return true
}
