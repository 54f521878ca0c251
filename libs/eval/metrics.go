// Package eval judges forecasts: rolling-origin backtests, accuracy measures and split conformal intervals. It is pure:
// values in, values out. NaN is a missing value and is left out of every measure.
package eval

import "math"

// Metrics summarise the errors of forecasts. A measure without any target that it is defined for is NaN.
type Metrics struct {
	N    int     // targets observed
	MAE  float64 // unit of the series
	RMSE float64 // unit of the series
	MAPE float64 // percent; targets that are 0 are left out
	MASE float64 // in units of the in-sample error of the seasonal naive forecast
	Bias float64 // mean of forecast - actual, unit of the series
}

// Measure compares forecasts with actual values. Both have the same length; scale is the denominator of MASE, see
// SeasonalMAE.
func Measure(mean, actual []float64, scale float64) Metrics {
	var s sums
	s.add(mean, actual, scale)
	return s.metrics()
}

// sums accumulates what Metrics needs.
type sums struct {
	n, pct, scaled                  int
	abs, sq, pctSum, scaledSum, err float64
}

func (s *sums) add(mean, actual []float64, scale float64) {
	for i, f := range mean {
		e := f - actual[i]
		if math.IsNaN(e) {
			continue
		}
		s.n++
		s.abs += math.Abs(e)
		s.sq += e * e
		s.err += e
		if actual[i] != 0 {
			s.pct++
			s.pctSum += math.Abs(e / actual[i])
		}
		if scale > 0 {
			s.scaled++
			s.scaledSum += math.Abs(e) / scale
		}
	}
}

func (s *sums) metrics() Metrics {
	n := float64(s.n)
	// 0/0 is NaN: a measure of nothing.
	return Metrics{
		N:    s.n,
		MAE:  s.abs / n,
		RMSE: math.Sqrt(s.sq / n),
		MAPE: 100 * s.pctSum / float64(s.pct),
		MASE: s.scaledSum / float64(s.scaled),
		Bias: s.err / n,
	}
}

// SMAPE returns the symmetric MAPE of the M4 competition, mean 200*|y-f|/(|y|+|f|), in percent from 0 to 200. Targets
// where both are 0 count as no error.
func SMAPE(mean, actual []float64) float64 {
	sum, n := 0.0, 0
	for i, f := range mean {
		y := actual[i]
		if math.IsNaN(f - y) {
			continue
		}
		n++
		if d := math.Abs(y) + math.Abs(f); d > 0 {
			sum += 200 * math.Abs(y-f) / d
		}
	}
	return sum / float64(n)
}

// SeasonalMAE returns the mean of |y[t] - y[t-m]| over the training values, the scale of MASE as the M4 competition
// defines it (Hyndman & Koehler 2006). It is NaN when no pair is observed; a constant series has 0.
func SeasonalMAE(y []float64, m int) float64 {
	sum, n := 0.0, 0
	for i := m; i < len(y); i++ {
		if d := y[i] - y[i-m]; !math.IsNaN(d) {
			sum += math.Abs(d)
			n++
		}
	}
	return sum / float64(n)
}

// Pinball returns the quantile loss of forecast q at a level for the actual value y; it is NaN when either is.
func Pinball(level, q, y float64) float64 {
	return max(level*(y-q), (level-1)*(y-q))
}

// Coverage returns the share of actual values within [lo, hi], NaN when none is observed.
func Coverage(lo, hi, actual []float64) float64 {
	in, n := 0, 0
	for i, y := range actual {
		if math.IsNaN(y) {
			continue
		}
		n++
		if lo[i] <= y && y <= hi[i] {
			in++
		}
	}
	return float64(in) / float64(n)
}

// IntervalScore returns the mean interval score of a central interval at a level such as 0.95 (Gneiting & Raftery 2007):
// its width, and 2/(1-level) times the distance of an actual value outside. Divided by SeasonalMAE it is the MSIS of the
// M4 competition. It is NaN when no actual value is observed.
func IntervalScore(level float64, lo, hi, actual []float64) float64 {
	sum, n := 0.0, 0
	for i, y := range actual {
		if math.IsNaN(y) {
			continue
		}
		n++
		sum += hi[i] - lo[i] + 2/(1-level)*(max(lo[i]-y, 0)+max(y-hi[i], 0))
	}
	return sum / float64(n)
}
