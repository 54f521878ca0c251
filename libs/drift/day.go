package drift

import (
	"math"
	"slices"
)

// Day is what one day of targets says about the forecasts of a series at some horizons, say the first 24 hours. Errors are
// scaled: divided by the mean absolute error that the backtest of the model had at the same horizon. NaN is not known.
type Day struct {
	Error   float64 // mean absolute scaled error: 1 is as good as the backtest
	Bias    float64 // mean of actual less forecast, scaled
	Covered float64 // share of targets within the interval, 0..1
	// How hard the day was to forecast, whoever forecasts it: mean absolute change of the series from the day before
	// and from the week before, in any unit that stays the same.
	Day, Week float64
}

// slopes are the defaults of Baseline, fitted to the daily errors of 27 balancing authorities of the US, 2016 to 2018.
const (
	slopeDay  = 0.42
	slopeWeek = 0.17
	ridge     = 20 // days by which the slopes of a series are drawn to the defaults
)

// Baseline says what error to expect of a day, given how hard it is: a regression of the logarithm of the scaled error
// on those of the changes from the day and from the week before. Those are the errors of the two seasonal naive
// forecasts, so that the error left over is one relative to a naive forecast of the same day: a scaled error of Hyndman
// & Koehler (International Journal of Forecasting 22, 2006) whose scale moves with the weather. A cold wave makes both
// worse, a model that has drifted is worse alone. On demand this is what lets a threshold be low and rarely crossed:
// without it an error twice as large takes five weeks to find at the same rate of false alarms instead of two.
type Baseline struct {
	Level     float64    `json:"level"` // mean of log error
	Slopes    [2]float64 `json:"slopes"`
	Hard      [2]float64 `json:"hard"`       // means of log change
	Excess    Moments    `json:"excess"`     // of what is left over
	Bias      Moments    `json:"bias"`       // of the bias in expected errors
	Uncovered Moments    `json:"uncovered"`  // of the share of targets outside the interval
	N         int        `json:"days_known"` // days it was learned from
}

// Moments describe a daily series under its own conditions.
type Moments struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
	// Tau is the integrated autocorrelation time in days: the mean of n days has the variance of n/Tau independent
	// ones (Geyer, Statistical Science 7, 1992).
	Tau float64 `json:"tau"`
}

// FitBaseline learns from days; those with an unknown error count for nothing.
func FitBaseline(days []Day) Baseline {
	b := Baseline{Slopes: [2]float64{slopeDay, slopeWeek}}
	var y []float64
	var x [2][]float64
	for _, d := range days {
		if v := d.logs(); !math.IsNaN(v[0] + v[1] + v[2]) {
			y, x[0], x[1] = append(y, v[0]), append(x[0], v[1]), append(x[1], v[2])
		}
	}
	if b.N = len(y); b.N == 0 {
		return b
	}
	b.Level, b.Hard = mean(y), [2]float64{mean(x[0]), mean(x[1])}
	b.Slopes = slopesOf(y, x, b)
	var excess, bias, out []float64
	for _, d := range days {
		excess = append(excess, b.Of(d))
		bias = append(bias, b.BiasOf(d))
		out = append(out, 1-d.Covered)
	}
	b.Excess, b.Bias, b.Uncovered = momentsOf(excess), momentsOf(bias), momentsOf(out)
	return b
}

// slopesOf solves the two normal equations of a ridge regression that shrinks to the default slopes.
func slopesOf(y []float64, x [2][]float64, b Baseline) [2]float64 {
	var g [2][2]float64
	var c [2]float64
	for i := range y {
		u, v := x[0][i]-b.Hard[0], x[1][i]-b.Hard[1]
		r := y[i] - b.Level - slopeDay*u - slopeWeek*v
		g[0][0] += u * u
		g[0][1] += u * v
		g[1][1] += v * v
		c[0] += u * r
		c[1] += v * r
	}
	// The penalty counts like so many days that are as hard as these are different from each other.
	spread := (g[0][0] + g[1][1]) / float64(2*len(y))
	g[0][0] += ridge * spread
	g[1][1] += ridge * spread
	det := g[0][0]*g[1][1] - g[0][1]*g[0][1]
	if !(det > 0) {
		return [2]float64{slopeDay, slopeWeek}
	}
	return [2]float64{
		slopeDay + (c[0]*g[1][1]-c[1]*g[0][1])/det,
		slopeWeek + (c[1]*g[0][0]-c[0]*g[0][1])/det,
	}
}

// logs returns the logarithms of the error and of the two changes.
func (d Day) logs() [3]float64 {
	return [3]float64{math.Log(max(d.Error, 0.05)), math.Log(d.Day), math.Log(d.Week)}
}

// expected returns the logarithm of the error to expect.
func (b Baseline) expected(v [3]float64) float64 {
	return b.Level + b.Slopes[0]*(v[1]-b.Hard[0]) + b.Slopes[1]*(v[2]-b.Hard[1])
}

// Of returns how much larger the error of a day is than expected, as a logarithm: 0.69 is twice as large. NaN when that
// is not known, as on a day that is exactly like the one before.
func (b Baseline) Of(d Day) float64 {
	v := d.logs()
	e := v[0] - b.expected(v)
	if math.IsInf(e, 0) {
		return math.NaN()
	}
	return e
}

// BiasOf returns the bias of a day in errors to expect of it, not more than 3 either way.
func (b Baseline) BiasOf(d Day) float64 {
	e := d.Bias / math.Exp(b.expected(d.logs()))
	if math.IsNaN(e) || math.IsInf(e, 0) {
		return math.NaN()
	}
	return max(-3, min(3, e))
}

// P returns the probability that the mean of n days in a row is as large as v or larger when nothing has changed.
func (m Moments) P(v float64, n int) float64 {
	sd := m.SD * math.Sqrt(min(1, m.Tau/float64(max(n, 1))))
	if !(sd > 0) {
		return math.NaN()
	}
	return math.Erfc((v-m.Mean)/sd/math.Sqrt2) / 2
}

// maxLag bounds the days over which autocorrelation is summed.
const maxLag = 14

// momentsOf describes the values that are known. The autocorrelation is summed up to the first lag at which a pair of
// neighbours is not positive together (Geyer's initial positive sequence).
func momentsOf(values []float64) Moments {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	m := Moments{Tau: 1}
	if len(v) < 2 {
		return m
	}
	m.Mean = mean(v)
	m.SD = math.Sqrt(covariance(v, m.Mean, 0) * float64(len(v)) / float64(len(v)-1))
	if m.SD == 0 {
		return m
	}
	c0 := covariance(v, m.Mean, 0)
	for k := 1; k+1 < min(maxLag, len(v)/3); k += 2 {
		pair := (covariance(v, m.Mean, k) + covariance(v, m.Mean, k+1)) / c0
		if pair <= 0 {
			break
		}
		m.Tau += 2 * pair
	}
	return m
}

// covariance at a lag, divided by the number of values.
func covariance(v []float64, mean float64, lag int) float64 {
	sum := 0.0
	for i := lag; i < len(v); i++ {
		sum += (v[i] - mean) * (v[i-lag] - mean)
	}
	return sum / float64(len(v))
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
