package eval

import (
	"math"
	"slices"
)

// Adaptive keeps central intervals calibrated as scores arrive: adaptive conformal inference (Gibbs & Candès, NeurIPS
// 2021). For each bucket of horizons it holds the newest residuals and the miss rate it asks of them, which moves by
// Gamma times the difference between the rate wanted and what happened: misses widen the intervals, hits narrow them,
// whatever the data do. Scores of a bucket may come as late as they come.
//
// Residuals are relative, as in Conformal, where mean and actual value are positive, and differences elsewhere, or
// everywhere if Additive; a series should be of one sort. The miss rate asked for is kept within [0.005, 0.5], so that no interval is endless or a point.
//
// The zero value but for Level is ready. It is not safe for concurrent use; its fields are its snapshot.
type Adaptive struct {
	Level  float64 `json:"level"`  // share of values wanted inside, such as 0.9
	Gamma  float64 `json:"gamma"`  // step of the miss rate; 0 means 0.002
	Bucket int     `json:"bucket"` // horizons that share residuals; 0 means 6
	Keep   int     `json:"keep"`   // newest residuals held for each bucket; 0 means 240

	Additive bool `json:"additive,omitempty"` // residuals are differences whatever the sign of the mean

	Misses    []float64   `json:"misses"`    // miss rate asked for, by bucket
	Residuals [][]float64 `json:"residuals"` // by bucket, oldest first
}

// Bounds of the miss rate that Adaptive asks for.
const (
	leastMisses = 0.005
	mostMisses  = 0.5
)

func (a *Adaptive) bucket(h int) int {
	if a.Bucket <= 0 {
		a.Bucket = 6
	}
	if a.Gamma == 0 {
		a.Gamma = 0.002
	}
	if a.Keep <= 0 {
		a.Keep = 240
	}
	b := (h - 1) / a.Bucket
	for len(a.Misses) <= b {
		a.Misses = append(a.Misses, 1-a.Level)
	}
	for len(a.Residuals) <= b {
		a.Residuals = append(a.Residuals, nil)
	}
	return b
}

// Interval returns the interval around a mean at horizon h, 1-based. Before the first residual of its bucket it is the
// mean itself.
func (a *Adaptive) Interval(h int, mean float64) (lo, hi float64) {
	low, high, known := a.Offsets(h)
	if !known {
		return mean, mean
	}
	return a.shift(mean, low), a.shift(mean, high)
}

// Offsets returns the ends of the interval at horizon h as residuals, which are the same for all horizons of a bucket,
// and whether there are any.
func (a *Adaptive) Offsets(h int) (low, high float64, known bool) {
	b := a.bucket(h)
	if len(a.Residuals[b]) == 0 {
		return 0, 0, false
	}
	sorted := slices.Sorted(slices.Values(a.Residuals[b]))
	n := len(sorted)
	off := func(level float64) float64 { return quantile(sorted, corrected(level, n)) }
	return off(a.Misses[b] / 2), off(1 - a.Misses[b]/2), true
}

// shift returns the value that lies a residual away from a mean.
func (a *Adaptive) shift(mean, residual float64) float64 {
	if mean > 0 && !a.Additive {
		return mean * math.Exp(residual)
	}
	return mean + residual
}

// Residual returns what Score makes of a value: NaN when it is missing.
func (a *Adaptive) Residual(mean, actual float64) float64 {
	if mean > 0 && !a.Additive {
		return math.Log(max(actual, mean*1e-3) / mean)
	}
	return actual - mean
}

// Score takes in what happened at horizon h to a mean that was forecast with the interval from lo to hi. Missing values
// teach nothing.
func (a *Adaptive) Score(h int, mean, lo, hi, actual float64) {
	a.Take(h, a.Residual(mean, actual), actual < lo || actual > hi)
}

// Take is Score for a residual and whether the value lay outside the interval that was forecast.
func (a *Adaptive) Take(h int, residual float64, missed bool) {
	b := a.bucket(h)
	if math.IsNaN(residual) {
		return
	}
	if len(a.Residuals[b]) > 0 {
		miss := 0.0
		if missed {
			miss = 1
		}
		a.Misses[b] = min(max(a.Misses[b]+a.Gamma*(1-a.Level-miss), leastMisses), mostMisses)
	}
	a.Residuals[b] = append(a.Residuals[b], residual)
	if extra := len(a.Residuals[b]) - a.Keep; extra > 0 {
		a.Residuals[b] = append(a.Residuals[b][:0], a.Residuals[b][extra:]...)
	}
}
