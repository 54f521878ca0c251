package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/model"
)

// ErrConformal is returned for a table that Apply could not use.
var ErrConformal = errors.New("eval: bad conformal table")

// Bounds of the pooling of neighbouring horizons.
const (
	enoughResiduals = 100 // residuals wanted for the quantiles of one horizon
	maxAround       = 6   // horizons on either side that are pooled to get them
)

// Conformal turns point forecasts into quantiles by split conformal prediction (Vovk, Gammerman & Shafer 2005; per
// horizon as in Stankeviciute, Alaa & van der Schaar, NeurIPS 2021): the quantile at a level is the mean shifted by the
// quantile of the residuals that the model made in its backtest, out of sample, at that horizon. Levels are corrected
// for the finite number n of origins to (n+1)/n*level, on both sides away from the median, which makes the intervals of
// few origins wider: the residuals of one origin hang together, so that horizons pooled do not count as more. As the residuals of demand grow with its level, they are taken as log(actual/mean) where all
// of both are positive, so that no quantile of a positive mean is ever below 0, and as differences elsewhere.
//
// The guarantee of the method asks for exchangeable residuals. Those of a time series are not quite: coverage is
// close to nominal as long as the weeks of the backtest are like the ones to come, and is to be watched.
type Conformal struct {
	Relative bool        `json:"relative"` // offsets are logarithms of a factor, not differences
	Levels   []float64   `json:"levels"`   // ascending, within (0, 1)
	Offsets  [][]float64 `json:"offsets"`  // [level][h-1]; ascending in level
}

// Split says how Conformal is learned.
type Split struct {
	// Bucket is the number of horizons in a row that share offsets. 0 pools for each horizon as many neighbours as it
	// takes to have 100 residuals, up to six on either side.
	Bucket int
	// Widen makes offsets longer, by the factor 1 + Widen/n with n origins: a model chosen or weighted by the origins it
	// is calibrated on does better there than later, the more so the fewer they are.
	Widen float64
}

// NewConformal learns the offsets at the levels, ascending, from a backtest: Split{}.Conformal.
func NewConformal(r Result, levels []float64) (Conformal, error) { return Split{}.Conformal(r, levels) }

// Conformal learns the offsets at the levels, ascending, from a backtest. It returns model.ErrTooShort when some
// horizon has no residual.
func (s Split) Conformal(r Result, levels []float64) (Conformal, error) {
	if err := checkLevels(levels); err != nil {
		return Conformal{}, fmt.Errorf("conformal of %s: %w", r.Kind, err)
	}
	c := Conformal{Relative: r.positive(), Levels: slices.Clone(levels), Offsets: make([][]float64, len(levels))}
	for i := range c.Offsets {
		c.Offsets[i] = make([]float64, r.Horizon)
	}
	n := len(r.Origins) - r.Failed()
	widen := 1 + s.Widen/float64(max(n, 1))
	var res []float64
	for h := range r.Horizon {
		if lo, hi, fresh := s.pool(h, n, r.Horizon); fresh {
			res = r.residuals(lo, hi, c.Relative)
			slices.Sort(res)
		}
		if len(res) == 0 {
			return Conformal{}, fmt.Errorf("conformal of %s: no residual at horizon %d: %w", r.Kind, h+1, model.ErrTooShort)
		}
		centre := quantile(res, 0.5)
		for i, level := range levels {
			c.Offsets[i][h] = centre + widen*(quantile(res, corrected(level, n))-centre)
		}
	}
	return c, nil
}

// pool returns the horizon indices [lo, hi) whose residuals serve index h, and whether they are others than those that
// serve the index before.
func (s Split) pool(h, origins, horizon int) (lo, hi int, fresh bool) {
	if s.Bucket > 0 {
		lo = h / s.Bucket * s.Bucket
		return lo, min(lo+s.Bucket, horizon), h == lo
	}
	around := min(maxAround, (enoughResiduals/max(origins, 1)+1)/2)
	return max(0, h-around), min(horizon, h+around+1), true
}

// Check returns ErrConformal, with the reason, for a table that is not of the form documented on Conformal.
func (c Conformal) Check() error {
	if err := checkLevels(c.Levels); err != nil {
		return err
	}
	if len(c.Offsets) != len(c.Levels) || len(c.Offsets[0]) == 0 {
		return fmt.Errorf("%d levels, %d rows: %w", len(c.Levels), len(c.Offsets), ErrConformal)
	}
	for i, offsets := range c.Offsets {
		if len(offsets) != len(c.Offsets[0]) {
			return fmt.Errorf("level %v has %d horizons, not %d: %w", c.Levels[i], len(offsets), len(c.Offsets[0]), ErrConformal)
		}
		for h, v := range offsets {
			if math.IsNaN(v) || i > 0 && v < c.Offsets[i-1][h] {
				return fmt.Errorf("offset %v at level %v, horizon %d: %w", v, c.Levels[i], h+1, ErrConformal)
			}
		}
	}
	return nil
}

// checkLevels reports levels that do not ascend within (0, 1).
func checkLevels(levels []float64) error {
	ok := len(levels) > 0
	for i, level := range levels {
		ok = ok && level > 0 && level < 1 && (i == 0 || level > levels[i-1])
	}
	if !ok {
		return fmt.Errorf("levels %v: %w", levels, ErrConformal)
	}
	return nil
}

// Apply returns the quantiles of a forecast, [level][h-1]. Horizons beyond the table get the offsets of its last one.
// Where offsets are relative, a mean that is not positive is its own quantile at every level.
func (c Conformal) Apply(mean []float64) [][]float64 {
	out := make([][]float64, len(c.Levels))
	for i, offsets := range c.Offsets {
		out[i] = make([]float64, len(mean))
		for h, m := range mean {
			off := offsets[min(h, len(offsets)-1)]
			switch {
			case !c.Relative:
				out[i][h] = m + off
			case m > 0:
				out[i][h] = m * math.Exp(off)
			default:
				out[i][h] = m
			}
		}
	}
	return out
}

// positive reports whether all forecasts and actual values are.
func (r Result) positive() bool {
	for _, o := range r.Origins {
		for h, f := range o.Mean {
			// A missing actual value is neither.
			if f <= 0 || o.Actual[h] <= 0 {
				return false
			}
		}
	}
	return true
}

// residuals returns those of the horizon indices [lo, hi) at all origins.
func (r Result) residuals(lo, hi int, relative bool) []float64 {
	var out []float64
	for _, o := range r.Origins {
		if o.Err != nil {
			continue
		}
		for h := lo; h < hi; h++ {
			e := o.Actual[h] - o.Mean[h]
			if relative {
				e = math.Log(o.Actual[h] / o.Mean[h])
			}
			if !math.IsNaN(e) {
				out = append(out, e)
			}
		}
	}
	return out
}

// BucketResiduals returns the residuals of all origins by buckets of so many horizons, as Adaptive takes them: as
// logarithms of actual/mean if relative, as differences otherwise.
func (r Result) BucketResiduals(bucket int, relative bool) [][]float64 {
	var out [][]float64
	for lo := 0; lo < r.Horizon; lo += bucket {
		out = append(out, r.residuals(lo, min(lo+bucket, r.Horizon), relative))
	}
	return out
}

// corrected returns the share of the residuals of n origins that has to lie below the quantile at a level. Together with
// the interpolation of quantile it makes the next residual lie below with the probability of the level.
func corrected(level float64, n int) float64 {
	k := float64(n+1) / float64(max(n, 1))
	switch {
	case level > 0.5:
		return min(1, k*level)
	case level < 0.5:
		return max(0, 1-k*(1-level))
	}
	return level
}

// quantile returns the quantile of ascending values, interpolated (type 7 of Hyndman & Fan 1996).
func quantile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
