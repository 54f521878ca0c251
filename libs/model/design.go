package model

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// dayKinds is the number of kinds of day that have a profile of their own.
const dayKinds = 5

// Limits of what counts as an error of the data.
const (
	impossible  = 6    // residual in robust standard deviations from which it does
	rareErrors  = 0.02 // share of the rows above which residuals are heavy-tailed instead, and all are kept
	bridgedGap  = 3    // longest gap that lags bridge by a straight line
	madToSigma  = 1.4826
	freePenalty = 1e-9 // of the intercept: none, but enough to keep the equations regular
)

// layout says which unknown belongs to which feature: the intercept, lags and Fourier terms, then the one-hot groups.
type layout struct {
	lags   []int
	perDay int
	yearly int
}

func (l layout) dense() int   { return 1 + len(l.lags) + 2*l.yearly }
func (l layout) profile() int { return dayKinds*l.perDay + 7 }

// hot returns the indices of the two one-hot features that are one in slot s, ascending.
func (l layout) hot(s slot) [2]int {
	return [2]int{dayKind(s)*l.perDay + s.ofDay, dayKinds*l.perDay + s.weekday}
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

// reach returns how many points before a point its features lie.
func (l layout) reach() int { return slices.Max(l.lags) }

// fill writes the dense features of a point in slot s into row; past ends just before the point.
func (l layout) fill(row []float64, s slot, past []float64) {
	row[0] = 1
	lags := row[1 : 1+len(l.lags)]
	for k, lag := range l.lags {
		lags[k] = past[len(past)-lag]
	}
	// The sines and cosines of multiples of an angle, by addition.
	fourier, sin, cos := row[1+len(l.lags):], s.sin, s.cos
	for k := range l.yearly {
		fourier[2*k], fourier[2*k+1] = sin, cos
		sin, cos = sin*s.cos+cos*s.sin, cos*s.cos-sin*s.sin
	}
}

// coefficients of the features.
type coefficients struct {
	Dense   [][]float64 `json:"dense"`   // by slot of the day; one row for all slots when they are not periodic
	Profile []float64   `json:"profile"` // of the one-hot features
}

// predict returns the value for a dense row in slot s.
func (c coefficients) predict(l layout, row []float64, s slot) float64 {
	hot := l.hot(s)
	return floats.Dot(c.Dense[min(s.ofDay, len(c.Dense)-1)], row) + c.Profile[hot[0]] + c.Profile[hot[1]]
}

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
