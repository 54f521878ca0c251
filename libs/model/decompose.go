package model

import (
	"math"
	"slices"
)

// seasonalIndices returns the multiplicative seasonal factors of v by place in the season, starting with that of v[0],
// by classical decomposition: ratios to a centred moving average of m values, averaged by place and scaled to a mean of
// 1, as R's decompose does it. It returns nil when v has fewer than three seasons, a value that is missing or not
// positive, or no seasonality by the test of the M4 competition: |acf(m)| beyond 1.645 standard errors (Bartlett).
func seasonalIndices(v []float64, m int) []float64 {
	if m < 2 || len(v) < 3*m || !allPositive(v) || !seasonal(v, m) {
		return nil
	}
	ratio := make([]mean, m)
	for i, trend := range centredAverage(v, m) {
		if !math.IsNaN(trend) {
			ratio[i%m].add(v[i] / trend)
		}
	}
	out, total := make([]float64, m), 0.0
	for i, r := range ratio {
		out[i] = r.mean
		total += r.mean
	}
	for i := range out {
		out[i] *= float64(m) / total
		if !(out[i] > 0) {
			return nil
		}
	}
	return out
}

func allPositive(v []float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return !(x > 0 && finite(x)) })
}

// centredAverage returns the moving average over one season of m values around each, NaN at the ends. Even seasons
// count the two outermost values half.
func centredAverage(v []float64, m int) []float64 {
	out := slices.Repeat([]float64{math.NaN()}, len(v))
	half := m / 2
	for i := half; i+half < len(v); i++ {
		sum := 0.0
		for _, x := range v[i-half : i+half+1] {
			sum += x
		}
		if m%2 == 0 {
			sum -= (v[i-half] + v[i+half]) / 2
		}
		out[i] = sum / float64(m)
	}
	return out
}

// seasonal is the seasonality test of the benchmarks of the M4 competition (Makridakis, Spiliotis & Assimakopoulos,
// International Journal of Forecasting 36(1), 2020, appendix).
func seasonal(v []float64, m int) bool {
	const critical = 1.645 // 90 %
	r := autocorrelations(v, m)
	sum := 1.0
	for _, x := range r[1:m] {
		sum += 2 * x * x
	}
	return math.Abs(r[m]) > critical*math.Sqrt(sum/float64(len(v)))
}

// autocorrelations returns those of lags 0 to the given one. Missing values are left out of the sums; a constant series
// has none but that of lag 0.
func autocorrelations(v []float64, lags int) []float64 {
	c := autocovariances(v, lags)
	out := make([]float64, lags+1)
	out[0] = 1
	for k := 1; k <= lags && c[0] > 0; k++ {
		out[k] = c[k] / c[0]
	}
	return out
}

// autocovariances returns those of lags 0 to the given one around the mean of v, divided by the number of values at
// every lag, so that they are those of a possible process. Missing values count as the mean.
func autocovariances(v []float64, lags int) []float64 {
	var centre mean
	for _, x := range v {
		if finite(x) {
			centre.add(x)
		}
	}
	d := make([]float64, len(v))
	for i, x := range v {
		if finite(x) {
			d[i] = x - centre.mean
		}
	}
	out := make([]float64, lags+1)
	for k := range out {
		for i := k; i < len(d); i++ {
			out[k] += d[i] * d[i-k]
		}
		out[k] /= float64(max(centre.n, 1))
	}
	return out
}
