package forecaster

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// remembered is how many steps back outcomes count for the intervals: two weeks of hours.
const remembered = 14 * 24

// outcomes are what became of the forecasts of a series in the last two weeks: of each target, and of each bucket of
// horizons, the newest forecast. They are ordered by target, then horizon.
//
// The intervals are a function of them and of the champion's backtest alone, so that a restart, which reads them from
// the record, changes nothing.
type outcomes []outcome

type outcome struct {
	target             int64 // Unix seconds
	mean, actual       float64
	horizon            uint16
	missed80, missed90 bool
}

func (o outcome) bucket() int { return (int(o.horizon) - 1) / artifact.Bucket }

// put takes in an outcome, or a revision of one, unless that of a newer forecast is there.
func (all *outcomes) put(x forecast.Outcome) {
	o := outcome{x.Target.Unix(), x.Mean, x.Actual, uint16(x.Horizon), x.Missed80, x.Missed90} //nolint:gosec // horizons are small
	i, found := slices.BinarySearchFunc(*all, o, func(a, b outcome) int {
		return cmp.Or(cmp.Compare(a.target, b.target), cmp.Compare(a.bucket(), b.bucket()))
	})
	switch {
	case !found:
		*all = slices.Insert(*all, i, o)
	case o.horizon <= (*all)[i].horizon:
		(*all)[i] = o
	}
}

// since drops the outcomes of targets before t.
func (all *outcomes) since(t time.Time) {
	n := 0
	for n < len(*all) && (*all)[n].target < t.Unix() {
		n++
	}
	*all = slices.Delete(*all, 0, n)
}

// calibrate moves the ends of the intervals of a forecast to where adaptive conformal inference puts them: quantiles of
// the residuals of the champion's backtest and of the last two weeks, at a miss rate that made up for what the intervals
// of these weeks missed too much or too little. Quantiles stay in order.
func (s *state) calibrate(c *champion, f *forecast.Forecast) {
	if len(c.Residuals) == 0 {
		return
	}
	all80, all90 := s.adaptive(c, 0.8), s.adaptive(c, 0.9)
	var low80, high80, low90, high90 float64
	var known80, known90 bool
	q := f.Quantiles
	for i, mean := range f.Mean {
		// Beyond the horizons that were ever scored, those of the last bucket go on.
		h := min(i+1, len(c.Residuals)*artifact.Bucket)
		if i%artifact.Bucket == 0 {
			low80, high80, known80 = all80.Offsets(h)
			low90, high90, known90 = all90.Offsets(h)
		}
		if !known80 || !known90 {
			continue
		}
		p50 := q[2][i]
		q[1][i], q[3][i] = min(offset(c, mean, low80), p50), max(offset(c, mean, high80), p50)
		q[0][i], q[4][i] = min(offset(c, mean, low90), q[1][i]), max(offset(c, mean, high90), q[3][i])
	}
}

// adaptive returns the intervals of a level in their present state.
func (s *state) adaptive(c *champion, level float64) *eval.Adaptive {
	a := &eval.Adaptive{Level: level, Bucket: artifact.Bucket, Keep: remembered + 150, Additive: !c.Conformal.Relative, Residuals: make([][]float64, len(c.Residuals))}
	for b, row := range c.Residuals {
		for _, r := range row {
			a.Residuals[b] = append(a.Residuals[b], float64(r))
		}
	}
	for _, o := range s.outcomes {
		missed := o.missed90
		if level < 0.85 {
			missed = o.missed80
		}
		a.Take(min(int(o.horizon), len(c.Residuals)*artifact.Bucket), a.Residual(o.mean, o.actual), missed)
	}
	return a
}

// offset returns the value that lies a residual away from a mean.
func offset(c *champion, mean, residual float64) float64 {
	switch {
	case !c.Conformal.Relative:
		return mean + residual
	case mean > 0:
		return mean * math.Exp(residual)
	}
	return mean
}
