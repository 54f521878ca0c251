package model

import (
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// dayKinds is the number of kinds of day that have a profile of their own.
const dayKinds = 5

// impossible is the residual, in robust standard deviations, from which a value is taken for an error of the data.
const impossible = 12

// layout says which unknown belongs to which feature: dense ones first, then the one-hot groups.
type layout struct {
	lags   []int
	perDay int
	yearly int
}

func (l layout) dense() int    { return 1 + len(l.lags) + 2*l.yearly }
func (l layout) unknowns() int { return l.dense() + dayKinds*l.perDay + 7 }

// hot returns the two unknowns that are one at s.
func (l layout) hot(s slot) [2]int {
	kind := dayKind(s)
	return [2]int{l.dense() + kind*l.perDay + s.ofDay, l.dense() + dayKinds*l.perDay + s.weekday}
}

// dayKind sorts days by how people live on them.
func dayKind(s slot) int {
	switch {
	case s.holiday || s.weekday == 0:
		return 0
	case s.weekday == 1:
		return 1
	case s.weekday == 5:
		return 3
	case s.weekday == 6:
		return 4
	}
	return 2
}

// fill writes the dense features of the point with calendar slot s into row; at returns the value i steps before it.
func (l layout) fill(row []float64, s slot, past []float64) {
	row[0] = 1
	for k, lag := range l.lags {
		row[1+k] = past[len(past)-lag]
	}
	a := s.yearAngle()
	for k := range l.yearly {
		sin, cos := math.Sincos(float64(k+1) * a)
		row[1+len(l.lags)+2*k], row[2+len(l.lags)+2*k] = sin, cos
	}
}

// design is the regression of a training series.
type design struct {
	layout
	x     []float64 // on the scale of the model, NaN where missing
	slots []slot
	maxLag int
}

func newDesign(y series.Series, x []float64, lags []int, perDay, yearly int) *design {
	return &design{
		layout: layout{lags: lags, perDay: perDay, yearly: yearly},
		x:      x,
		slots:  slots(y.Start, y.Step, y.Len(), y.Location()),
		maxLag: slices.Max(lags),
	}
}

// complete reports whether row i has its target and all its lags.
func (d *design) complete(i int) bool {
	if i < d.maxLag || math.IsNaN(d.x[i]) {
		return false
	}
	for _, lag := range d.lags {
		if math.IsNaN(d.x[i-lag]) {
			return false
		}
	}
	return true
}

// usable returns the number of complete rows.
func (d *design) usable() int {
	n := 0
	for i := range d.x {
		if d.complete(i) {
			n++
		}
	}
	return n
}

// fit returns the coefficients. It fits twice when the first fit finds impossible values: the rows they take part in
// are taken out of the sums, which costs less than summing anew.
func (d *design) fit(lambda float64) ([]float64, error) {
	sums := newNormal(d.unknowns())
	row := make([]float64, d.dense())
	for i := range d.x {
		d.add(sums, row, i, 1)
	}
	penalty := make([]float64, d.unknowns())
	for i := range penalty {
		penalty[i] = lambda
	}
	penalty[0] = 1e-9
	beta, err := sums.solve(penalty)
	if err != nil {
		return nil, err
	}
	bad := d.impossible(beta)
	if len(bad) == 0 {
		return beta, nil
	}
	d.drop(sums, row, bad)
	return sums.solve(penalty)
}

// add adds row i to the sums with weight w when it is complete.
func (d *design) add(sums *normal, row []float64, i int, w float64) {
	if !d.complete(i) {
		return
	}
	d.fill(row, d.slots[i], d.x[:i])
	hot := d.hot(d.slots[i])
	sums.add(row, hot[:], d.x[i], w)
}

// impossible returns the points whose residual is beyond any that noise explains.
func (d *design) impossible(beta []float64) []int {
	row := make([]float64, d.dense())
	residuals := make([]float64, len(d.x))
	var sizes []float64
	for i := range d.x {
		residuals[i] = 0
		if !d.complete(i) {
			continue
		}
		d.fill(row, d.slots[i], d.x[:i])
		residuals[i] = math.Abs(d.x[i] - d.predict(beta, row, d.slots[i]))
		sizes = append(sizes, residuals[i])
	}
	slices.Sort(sizes)
	limit := impossible * 1.4826 * sizes[len(sizes)/2]
	var bad []int
	for i, r := range residuals {
		if r > limit {
			bad = append(bad, i)
		}
	}
	return bad
}

// drop takes every row in which one of the points takes part out of the sums, and marks the points missing.
func (d *design) drop(sums *normal, row []float64, bad []int) {
	seen := map[int]bool{}
	for _, i := range bad {
		for _, j := range append([]int{0}, d.lags...) {
			if i+j < len(d.x) && !seen[i+j] {
				seen[i+j] = true
				d.add(sums, row, i+j, -1)
			}
		}
	}
	for _, i := range bad {
		d.x[i] = math.NaN()
	}
}

// predict returns the value the coefficients give for a dense row in slot s.
func (l layout) predict(beta, row []float64, s slot) float64 {
	sum := 0.0
	for i, v := range row {
		sum += beta[i] * v
	}
	for _, a := range l.hot(s) {
		sum += beta[a]
	}
	return sum
}
