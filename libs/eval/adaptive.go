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
// Residuals are relative, as in Conformal, where mean and actual value are positive, and differences elsewhere; a series
// should be of one sort. The miss rate asked for is kept within [0.005, 0.5], so that no interval is endless or a point.
//
// The zero value but for Level is ready. It is not safe for concurrent use; its fields are its snapshot.
type Adaptive struct {
	Level  float64 `json:"level"`  // share of values wanted inside, such as 0.9
	Gamma  float64 `json:"gamma"`  // step of the miss rate; 0 means 0.002
	Bucket int     `json:"bucket"` // horizons that share residuals; 0 means 6
	Keep   int     `json:"keep"`   // newest residuals held for each bucket; 0 means 240

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
		a.Residuals = append(a.Residuals, nil)
	}
	return b
}

// Interval returns the interval around a mean at horizon h, 1-based. Before the first residual of its bucket it is the
// mean itself.
func (a *Adaptive) Interval(h int, mean float64) (lo, hi float64) {
	b := a.bucket(h)
	if len(a.Residuals[b]) == 0 {
		return mean, mean
	}
	sorted := slices.Sorted(slices.Values(a.Residuals[b]))
	n := len(sorted)
	off := func(level float64) float64 { return quantile(sorted, corrected(level, n)) }
	low, high := off(a.Misses[b]/2), off(1-a.Misses[b]/2)
	if mean > 0 {
		return mean * math.Exp(low), mean * math.Exp(high)
	}
	return mean + low, mean + high
}

// Score takes in what happened at horizon h to a mean that was forecast with the interval from lo to hi. Missing values
// teach nothing.
func (a *Adaptive) Score(h int, mean, lo, hi, actual float64) {
	b := a.bucket(h)
	r := actual - mean
	if mean > 0 {
		r = math.Log(max(actual, mean*1e-3) / mean)
	}
	if math.IsNaN(r) {
		return
	}
	if len(a.Residuals[b]) > 0 {
		missed := 0.0
		if actual < lo || actual > hi {
			missed = 1
		}
		a.Misses[b] = min(max(a.Misses[b]+a.Gamma*(1-a.Level-missed), leastMisses), mostMisses)
	}
	a.Residuals[b] = append(a.Residuals[b], r)
	if extra := len(a.Residuals[b]) - a.Keep; extra > 0 {
		a.Residuals[b] = append(a.Residuals[b][:0], a.Residuals[b][extra:]...)
	}
}
