package model

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"
)

// errSingular says that the normal equations have no solution: two features are the same and nothing is penalised.
var errSingular = errors.New("model: normal equations are singular")

// normal accumulates the normal equations of a regression whose rows are some dense features followed by one-hot
// groups, in one pass over the rows. The one-hot part costs one addition for each dense feature, not a full row.
//
// gonum's mat needs the design matrix in memory and multiplies its zeros; at these sizes that costs several times the
// work below. gonum's vector kernels do the inner loops.
type normal struct {
	p    int       // unknowns
	gram []float64 // lower triangle of X'X, row i at i*p
	xy   []float64 // X'y
	rows int
}

func newNormal(p int) *normal {
	return &normal{p: p, gram: make([]float64, p*p), xy: make([]float64, p)}
}

// add adds the row with the dense features x (unknowns 0..len(x)-1) and ones at the unknowns hot, which must ascend,
// with weight w; w = -1 takes a row out again.
func (n *normal) add(x []float64, hot []int, y, w float64) {
	for i, v := range x {
		floats.AddScaled(n.gram[i*n.p:i*n.p+i+1], w*v, x[:i+1])
	}
	floats.AddScaled(n.xy[:len(x)], w*y, x)
	for k, a := range hot {
		row := n.gram[a*n.p : a*n.p+a+1]
		floats.AddScaled(row[:len(x)], w, x)
		for _, b := range hot[:k+1] {
			row[b] += w
		}
		n.xy[a] += w * y
	}
	if w > 0 {
		n.rows++
	} else {
		n.rows--
	}
}

// solve returns the ridge solution for the penalties, one for each unknown. It leaves the sums as they are.
func (n *normal) solve(penalty []float64) ([]float64, error) {
	l := append([]float64(nil), n.gram...)
	for i, v := range penalty {
		l[i*n.p+i] += v
	}
	if !cholesky(l, n.p) {
		return nil, errSingular
	}
	b := append([]float64(nil), n.xy...)
	for i := range b {
		row := l[i*n.p:]
		b[i] = (b[i] - floats.Dot(row[:i], b[:i])) / row[i]
	}
	for i := n.p - 1; i >= 0; i-- {
		row := l[i*n.p:]
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
