package eval

import "math"

// Bias takes off a forecast what forecasts of its horizon were lately off by: a share of the exponentially weighted mean
// of their relative errors, log(actual/mean). Errors that are all chance average out, and little is taken.
//
// The zero value is ready. It is not safe for concurrent use; its fields are its snapshot.
type Bias struct {
	Rate  float64   `json:"rate"`  // weight of the newest error; 0 means 0.1
	Share float64   `json:"share"` // of the mean that is taken off; 0 means 0.5
	Mean  []float64 `json:"mean"`  // of the errors, by horizon
}

// Correct returns the means with their biases taken off. Means that are not positive stay as they are.
func (b *Bias) Correct(mean []float64) []float64 {
	share := b.Share
	if share == 0 {
		share = 0.5
	}
	out := make([]float64, len(mean))
	for i, v := range mean {
		out[i] = v
		if i < len(b.Mean) && v > 0 {
			out[i] = v * math.Exp(share*b.Mean[i])
		}
	}
	return out
}

// Score takes in what happened at horizon h, 1-based, to a mean before its correction. Values that are missing or not
// positive teach nothing.
func (b *Bias) Score(h int, mean, actual float64) {
	r := math.Log(actual / mean)
	if !(mean > 0) || math.IsNaN(r) || math.IsInf(r, 0) {
		return
	}
	for len(b.Mean) < h {
		b.Mean = append(b.Mean, 0)
	}
	rate := b.Rate
	if rate == 0 {
		rate = 0.1
	}
	b.Mean[h-1] += rate * (r - b.Mean[h-1])
}
