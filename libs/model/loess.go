package model

import "math"

// loess smooths y by local linear regression over the window nearest points with tricube weights (Cleveland, Journal of
// the American Statistical Association 74, 1979), as the procedure est of STL does it. It computes every jump-th value
// and interpolates between them. The result is out, which has the length of y.
func loess(out, y []float64, window, jump int, weights []float64) {
	n := len(y)
	jump = max(min(jump, n-1), 1)
	for i := 0; i < n; i += jump {
		out[i] = loessAt(y, float64(i), window, weights)
	}
	last := (n - 1) / jump * jump
	if last != n-1 {
		out[n-1] = loessAt(y, float64(n-1), window, weights)
	}
	for i := 0; i < n-1; i += jump {
		to := min(i+jump, n-1)
		for k := i + 1; k < to; k++ {
			out[k] = out[i] + (out[to]-out[i])*float64(k-i)/float64(to-i)
		}
	}
}

// loessAt returns the local regression at x, which may lie one step beyond y.
func loessAt(y []float64, x float64, window int, weights []float64) float64 {
	n := len(y)
	width := min(window, n)
	left := min(max(int(x)-width/2, 0), n-width)
	h := max(x-float64(left), float64(left+width-1)-x)
	if window > n {
		h += float64((window - n) / 2)
	}
	w, sum, centre := weights[:width], 0.0, 0.0
	for i := range w {
		r := math.Abs(x-float64(left+i)) / h
		w[i] = 0
		if r <= 0.999 {
			t := 1 - r*r*r
			w[i] = t * t * t
		}
		if r <= 0.001 {
			w[i] = 1
		}
		sum += w[i]
		centre += w[i] * float64(left+i)
	}
	if !(sum > 0) {
		return y[min(max(int(math.Round(x)), 0), n-1)]
	}
	centre /= sum
	spread := 0.0
	for i, v := range w {
		d := float64(left+i) - centre
		spread += v / sum * d * d
	}
	slope := 0.0
	if math.Sqrt(spread) > 0.001*float64(n-1) {
		slope = (x - centre) / spread
	}
	at := 0.0
	for i, v := range w {
		at += v / sum * (1 + slope*(float64(left+i)-centre)) * y[left+i]
	}
	return at
}
