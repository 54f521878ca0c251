package driftbench

import (
	"math"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

const buckets = 2 // horizons 1 to 24 and 25 to 48

// year is how many days the reference has, and the test.
const year = 365

// rolled is a series with its forecasts and what its backtest says of them.
type rolled struct {
	y       series.Series
	origins []origin
	first   int             // origin at which the test begins
	mae     []float64       // of the backtest, by horizon
	wide    eval.Conformal  // intervals of 90 %
	narrow  eval.Conformal  // of 80 %
	base    [][buckets]cell // of each origin, as it was
}

// cell is what one forecast says in one bucket, before a change is put in.
type cell struct {
	mean, actual, scale []float64
	lo, hi              []float64 // 90 %
	narrowLo, narrowHi  []float64 // 80 %
	day, week           float64   // change from the day and the week before
}

// newRolled takes the year before the origin first as the model's backtest: it is one, by rolling origin. False when it
// holds too little.
func newRolled(y series.Series, r roll, first int) (*rolled, bool) {
	out := &rolled{y: y, origins: r.Origins, first: first}
	var back eval.Result
	back.Horizon, back.Step = horizon, y.Step
	for _, o := range r.Origins[first-year : first-2] { // the last two days are not known yet
		if len(o.Mean) > 0 {
			back.Origins = append(back.Origins, eval.Origin{Mean: wide(o.Mean), Actual: actual(y, o.At)})
		}
	}
	if len(back.Origins) < year/2 {
		return nil, false
	}
	var err error
	if out.wide, err = eval.NewConformal(back, []float64{0.05, 0.95}); err != nil {
		return nil, false
	}
	if out.narrow, err = eval.NewConformal(back, []float64{0.1, 0.9}); err != nil {
		return nil, false
	}
	out.mae = back.HorizonMAE()
	for _, o := range r.Origins {
		out.base = append(out.base, out.cells(o, y))
	}
	return out, true
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

func actual(y series.Series, i int) []float64 {
	out := make([]float64, horizon)
	for h := range out {
		out[h] = at(y, i+1+h)
	}
	return out
}

// cells sets a forecast beside the truth.
func (r *rolled) cells(o origin, truth series.Series) [buckets]cell {
	var out [buckets]cell
	if len(o.Mean) == 0 {
		return out
	}
	mean, act := wide(o.Mean), actual(truth, o.At)
	q, n := r.wide.Apply(mean), r.narrow.Apply(mean)
	for b := range out {
		lo, hi := b*24, b*24+24
		out[b] = cell{
			mean: mean[lo:hi], actual: act[lo:hi], scale: r.mae[lo:hi],
			lo: q[0][lo:hi], hi: q[1][lo:hi], narrowLo: n[0][lo:hi], narrowHi: n[1][lo:hi],
			day: change(truth, o.At+1+lo, 24), week: change(truth, o.At+1+lo, 168),
		}
	}
	return out
}

// change is the mean absolute difference of a day of values to those so many hours earlier.
func change(y series.Series, from, hours int) float64 {
	sum, n := 0.0, 0.0
	for i := from; i < from+24; i++ {
		if d := math.Abs(at(y, i) - at(y, i-hours)); !math.IsNaN(d) {
			sum += d
			n++
		}
	}
	if n < 12 {
		return math.NaN()
	}
	return sum / n
}

// injection is what is put into forecasts from a day on. The zero value of a field changes nothing.
type injection struct {
	scale  float64 // errors are multiplied
	bias   float64 // actual values move up by so many errors of the backtest
	narrow bool    // intervals of 90 % become those of 80 %
}

// sum sums up a cell with a change put in.
func (c cell) sum(x injection) drift.Day {
	d := drift.Day{Error: math.NaN(), Bias: math.NaN(), Covered: math.NaN(), Day: c.day, Week: c.week}
	lo, hi := c.lo, c.hi
	if x.narrow {
		lo, hi = c.narrowLo, c.narrowHi
	}
	sum, signed, scale, in, n := 0.0, 0.0, 0.0, 0.0, 0.0
	for h, m := range c.mean {
		e := c.actual[h] - m
		if math.IsNaN(e) {
			continue
		}
		if x.scale > 0 {
			e *= x.scale
		}
		e += x.bias * c.scale[h]
		sum += math.Abs(e)
		signed += e
		scale += c.scale[h]
		if v := m + e; lo[h] <= v && v <= hi[h] {
			in++
		}
		n++
	}
	if n >= 12 {
		d.Error, d.Bias, d.Covered = sum/scale, signed/scale, in/n
	}
	return d
}
