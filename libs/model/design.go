package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Limits of what counts as an error of the data.
const (
	impossible  = 6    // residual in robust standard deviations from which it does
	rareErrors  = 0.02 // share of the rows above which residuals are heavy-tailed instead, and all are kept
	bridgedGap  = 3    // longest gap that lags bridge by a straight line
	madToSigma  = 1.4826
	freePenalty = 1e-9 // of the intercept: none, but enough to keep the equations regular
)

// design is the regression of a training series.
type design struct {
	layout
	x        []float64 // targets on the scale of the model, NaN where missing
	past     []float64 // the same as lags: with short gaps bridged
	slots    []slot
	complete []bool    // rows with target and all lags
	row      []float64 // scratch
}

func newDesign(y series.Series, x []float64, l layout) *design {
	d := &design{
		layout: l,
		x:      x,
		past:   bridge(x),
		slots:  slots(y.Start, y.Step, y.Len(), y.Location()),
		row:    make([]float64, l.dense()),
	}
	d.complete = d.completeRows()
	return d
}

// bridge returns a copy of x with its short gaps filled by straight lines.
func bridge(x []float64) []float64 {
	out := slices.Clone(x)
	last := -1 // newest observed index
	for i, v := range x {
		if math.IsNaN(v) {
			continue
		}
		if gap := i - last - 1; last >= 0 && gap > 0 && gap <= bridgedGap {
			for k := 1; k <= gap; k++ {
				out[last+k] = x[last] + (v-x[last])*float64(k)/float64(gap+1)
			}
		}
		last = i
	}
	return out
}

// completeRows tells for each row whether it has its target and all its lags.
func (d *design) completeRows() []bool {
	out := make([]bool, len(d.x))
	for i := d.reach(); i < len(out); i++ {
		out[i] = !math.IsNaN(d.x[i])
	}
	for i, v := range d.past {
		if math.IsNaN(v) {
			d.users(i, func(row int) { out[row] = false })
		}
	}
	return out
}

// users calls each with every row that has point i among its lags.
func (d *design) users(i int, each func(row int)) {
	for _, lag := range d.lags {
		if i+lag < len(d.x) {
			each(i + lag)
		}
	}
}

// usable returns the number of complete rows.
func (d *design) usable() int {
	n := 0
	for _, ok := range d.complete {
		if ok {
			n++
		}
	}
	return n
}

// fit returns the coefficients. It fits twice when the first fit finds errors in the data: only the rows they take part
// in are exchanged in the sums, which costs less than summing anew.
func (d *design) fit(lambda, periodic float64) (coefficients, error) {
	sums := newNormal(d.perDay, d.dense(), d.profile())
	for i := range d.x {
		d.add(sums, i, 1)
	}
	c, err := sums.solve(lambda)
	if err != nil {
		return coefficients{}, err
	}
	residuals := d.residuals(c)
	if bad := errorsOf(residuals); len(bad) > 0 {
		d.repair(sums, residuals, bad)
		if c, err = sums.solve(lambda); err != nil {
			return coefficients{}, err
		}
		residuals = d.residuals(c)
	}
	if periodic < 0 {
		return c, nil
	}
	return d.periodic(sums, c, residuals, periodic)
}

// add adds row i to the sums with weight w when it is complete.
func (d *design) add(sums *normal, i int, w float64) {
	if d.complete[i] {
		s := d.slots[i]
		hot := d.hot(s)
		d.fill(d.row, s, d.past[:i])
		sums.add(s.ofDay, d.row, hot[:], d.x[i], w)
	}
}

// residuals returns target - prediction of every row, NaN for those that are not complete.
func (d *design) residuals(c coefficients) []float64 {
	out := make([]float64, len(d.x))
	for i := range out {
		out[i] = math.NaN()
		if d.complete[i] {
			d.fill(d.row, d.slots[i], d.past[:i])
			out[i] = d.x[i] - c.predict(d.layout, d.row, d.slots[i])
		}
	}
	return out
}

// errorsOf returns the rows whose residual no noise explains, none when there are too many of them.
func errorsOf(residuals []float64) []int {
	sizes := make([]float64, 0, len(residuals))
	for _, r := range residuals {
		if !math.IsNaN(r) {
			sizes = append(sizes, math.Abs(r))
		}
	}
	slices.Sort(sizes)
	limit := impossible * madToSigma * sizes[len(sizes)/2]
	var bad []int
	for i, r := range residuals {
		if math.Abs(r) > limit {
			bad = append(bad, i)
		}
	}
	if float64(len(bad)) > rareErrors*float64(len(sizes)) {
		return nil
	}
	return bad
}

// repair takes the bad points out as targets and puts their predictions in as lags.
func (d *design) repair(sums *normal, residuals []float64, bad []int) {
	touched := make([]bool, len(d.x))
	for _, i := range bad {
		touched[i] = true
		d.users(i, func(row int) { touched[row] = true })
	}
	exchange := func(w float64) {
		for i := range d.x {
			if touched[i] {
				d.add(sums, i, w)
			}
		}
	}
	exchange(-1)
	for _, i := range bad {
		d.past[i] = d.x[i] - residuals[i]
		d.complete[i] = false
	}
	exchange(1)
}

// periodic adds to the common coefficients of each slot what a ridge regression of its residuals finds.
func (d *design) periodic(sums *normal, c coefficients, residuals []float64, penalty float64) (coefficients, error) {
	xr := make([][]float64, d.perDay)
	for s := range xr {
		xr[s] = make([]float64, d.dense())
	}
	for i, r := range residuals {
		if !math.IsNaN(r) {
			d.fill(d.row, d.slots[i], d.past[:i])
			floats.AddScaled(xr[d.slots[i].ofDay], r, d.row)
		}
	}
	out := coefficients{Dense: make([][]float64, d.perDay), Profile: c.Profile}
	for s := range out.Dense {
		delta, err := ridge(sums.dense[s], d.dense(), xr[s], penalty)
		if err != nil {
			return coefficients{}, err
		}
		floats.Add(delta, c.Dense[0])
		out.Dense[s] = delta
	}
	return out, nil
}
