package model

// stlInner is the number of passes of the inner loop.
const stlInner = 2

// stl splits y into a season of m values, a trend, and what is left (Cleveland, Cleveland, McRae & Terpenning, Journal
// of Official Statistics 6(1), 1990), without its robustness weights. y has no gaps and at least two seasons; window is
// the odd number of seasons over which a place in the season is smoothed.
func stl(y []float64, m, window int) (season, trend []float64) {
	n := len(y)
	trendWindow := odd(int(1.5*float64(m)/(1-1.5/float64(window)) + 1))
	lowWindow := odd(m)
	season, trend = make([]float64, n), make([]float64, n)
	detrended, cycle := make([]float64, n), make([]float64, n+2*m)
	low, scratch := make([]float64, n), make([]float64, n+2*m)
	weights := make([]float64, max(window, trendWindow, lowWindow, n))
	for range stlInner {
		for i, v := range y {
			detrended[i] = v - trend[i]
		}
		cycleSubseries(cycle, detrended, m, window, weights)
		a := movingAverage(scratch, cycle, m)
		a = movingAverage(a, a, m)
		a = movingAverage(a, a, 3)
		loess(low, a, lowWindow, ceilTenth(lowWindow), weights)
		for i, v := range y {
			season[i] = cycle[m+i] - low[i]
			detrended[i] = v - season[i]
		}
		loess(trend, detrended, trendWindow, ceilTenth(trendWindow), weights)
	}
	return season, trend
}

// cycleSubseries smooths the values at each place in the season and extends them by one season on both sides.
func cycleSubseries(out, y []float64, m, window int, weights []float64) {
	var sub, smooth []float64
	for place := range m {
		sub = sub[:0]
		for i := place; i < len(y); i += m {
			sub = append(sub, y[i])
		}
		smooth = append(smooth[:0], sub...)
		loess(smooth, sub, window, ceilTenth(window), weights)
		out[place] = loessAt(sub, -1, window, weights)
		for k, v := range smooth {
			out[place+(k+1)*m] = v
		}
		out[place+(len(sub)+1)*m] = loessAt(sub, float64(len(sub)), window, weights)
	}
}

// movingAverage returns the averages of m values in a row in out, which may be y.
func movingAverage(out, y []float64, m int) []float64 {
	sum := 0.0
	for _, v := range y[:m] {
		sum += v
	}
	n := len(y) - m + 1
	for i := range n {
		next := sum
		if i+m < len(y) {
			next += y[i+m] - y[i]
		}
		out[i] = sum / float64(m)
		sum = next
	}
	return out[:n]
}

// odd returns n, or n+1 when it is even.
func odd(n int) int { return n | 1 }

// ceilTenth is the step between computed values of a loess that R takes by default.
func ceilTenth(window int) int { return (window + 9) / 10 }

// mstl splits y into several seasons of ascending lengths and what is left of it (Bandara, Hyndman & Bergmeir, arXiv
// 2107.13462): STL takes out one season after the other, twice over.
func mstl(y []float64, periods []int) (seasons [][]float64, rest []float64) {
	rest = append([]float64(nil), y...)
	seasons = make([][]float64, len(periods))
	for range 2 {
		for i, m := range periods {
			for k, v := range seasons[i] {
				rest[k] += v
			}
			seasons[i], _ = stl(rest, m, 7+4*(i+1))
			for k, v := range seasons[i] {
				rest[k] -= v
			}
		}
	}
	return seasons, rest
}
