package bench

import (
	"context"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// DayAhead replays day-ahead forecasting of an area: candidates are fitted every few weeks on all history up to then,
// weighted day by day by how they did lately, half of the recent bias is taken off, and intervals follow the errors as they
// come in. Nothing at an origin
// knows anything later than it.
type DayAhead struct {
	Candidates []model.Fitter
	Retrain    int // days between fits
	Recent     int // days whose forecasts weigh the candidates
	WarmUp     int // days replayed before the first that is scored
	Weighting  eval.Weighting
	Intervals  eval.Adaptive
}

// HourlyDemand returns the replay of hourly demand. Candidates and settings were chosen on the year before the test; see
// docs/forecasting.md.
func HourlyDemand() DayAhead {
	return DayAhead{
		Candidates: []model.Fitter{
			model.SeasonalNaive{Period: 168}, // serves after an outage of days
			model.ARRidge{Week: true},
			model.LEAR{Window: 600},
			model.LEAR{Window: 1500, Seasonal: true},
			model.LEAR{Window: 1500, Seasonal: true, Season: 1e4, Lambda: 3}, // all days weigh the same
		},
		Retrain:   28,
		Recent:    42,
		WarmUp:    56,
		Weighting: eval.Weighting{Power: 4, Block: 24},
		Intervals: eval.Adaptive{Level: 0.9},
	}
}

// Error of a kind of forecast: percentages of the actual values.
type Error struct {
	n   int
	sum float64
}

func (e *Error) add(mean, actual float64) {
	if p := math.Abs(mean-actual) / actual; !math.IsNaN(p) {
		e.n++
		e.sum += 100 * p
	}
}

// MAPE returns the mean, in percent; NaN when nothing was scored.
func (e *Error) MAPE() float64 { return e.sum / float64(e.n) }

// Outcome is what a replay of one area found.
type Outcome struct {
	Area               string
	First, Second      Error // origin at local midnight: horizons 1 to 24 and 25 to 48
	DayAhead, Operator Error // origin at 10:00 the day before, the same hours of both
	Naive              Error // seasonal naive of a day at local midnight, horizons 1 to 24
	Single             []Error
	Scaled             float64        // MASE of First and Second together
	Covered, Scored    map[string]int // by month, of the 90 % interval from midnight
	Unserved           int            // targets that came true and that no candidate had forecast, after an outage
	Fits               int
	FitTime, ServeTime time.Duration // on the processor
	until              time.Time
	scaledSum, scaledN float64
}

// Day-ahead markets close in the morning: at 10:00, horizons 15 to 38 are the next local day.
const (
	midnightHorizon = 48
	morningHour     = 10
	morningHorizon  = 38
	morningFirst    = 15
)

// desk forecasts from one hour of the day.
type desk struct {
	horizon   int
	weighting eval.Weighting
	recent    int
	results   []eval.Result // by candidate, the recent origins
	open      []*issued
	intervals eval.Adaptive
	bias      eval.Bias
}

// issued is a forecast whose targets are not all known yet.
type issued struct {
	at       int // index of the origin
	scored   int // horizons scored so far
	paths    [][]float64
	blend    []float64 // before its recent bias is taken off
	mean     []float64
	lo, hi   []float64
	counting bool // within the test
}

// Run replays an area from the local day from until the one before to.
func (d DayAhead) Run(ctx context.Context, a Area, from, to time.Time) (*Outcome, error) {
	out := &Outcome{Area: a.Demand.ID.Key, Covered: map[string]int{}, Scored: map[string]int{}, Single: make([]Error, len(d.Candidates))}
	midnight := &desk{horizon: midnightHorizon, weighting: d.Weighting, recent: d.Recent, intervals: d.Intervals}
	morning := &desk{horizon: morningHorizon, weighting: d.Weighting, recent: d.Recent, intervals: d.Intervals}
	zone := a.Demand.Location()
	out.until = to
	test := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, zone)
	var fitted []model.Forecaster
	first, _ := a.Demand.Index(test)
	scale := eval.SeasonalMAE(a.Demand.Values[:first+1], 24)
	for day := -d.WarmUp; ; day++ {
		at := time.Date(from.Year(), from.Month(), from.Day()+day, 0, 0, 0, 0, zone)
		if !at.Before(time.Date(to.Year(), to.Month(), to.Day(), 0, 0, 0, 0, zone)) {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		origin, _ := a.Demand.Index(at)
		known := a.Demand.Slice(0, origin+1)
		if (day+d.WarmUp)%d.Retrain == 0 {
			fitted = d.fit(known, fitted, out)
		}
		served := CPUTime()
		midnight.settle(a, origin, out.midnight)
		f := midnight.issue(fitted, known, origin)
		f.counting = day >= 0
		ten, _ := a.Demand.Index(time.Date(at.Year(), at.Month(), at.Day(), morningHour, 0, 0, 0, zone))
		morning.settle(a, ten, out.morning)
		morning.issue(fitted, a.Demand.Slice(0, ten+1), ten).counting = day >= 0
		out.ServeTime += CPUTime() - served
		if f.counting {
			// After an outage of days there is nothing to repeat.
			if naive, err := (model.SeasonalNaive{Period: 24}).Forecast(known, 24); err == nil {
				for k, v := range naive {
					out.Naive.add(v, value(a.Demand, origin+1+k))
				}
			}
		}
	}
	midnight.settle(a, a.Demand.Len()-1, out.midnight)
	morning.settle(a, a.Demand.Len()-1, out.morning)
	out.Scaled = out.scaledSum / out.scaledN / scale
	return out, nil
}

// fit fits the candidates on what is known. One that cannot be fitted keeps serving as it was.
func (d DayAhead) fit(known series.Series, before []model.Forecaster, out *Outcome) []model.Forecaster {
	at := CPUTime()
	fitted := make([]model.Forecaster, len(d.Candidates))
	copy(fitted, before)
	for i, c := range d.Candidates {
		if m, err := c.Fit(known); err == nil {
			fitted[i] = m
		}
	}
	out.Fits++
	out.FitTime += CPUTime() - at
	return fitted
}

// value returns the value at an index, NaN beyond the end.
func value(y series.Series, i int) float64 {
	if i < 0 || i >= y.Len() {
		return math.NaN()
	}
	return y.Values[i]
}

// issue forecasts from the end of known, which has the index at.
func (k *desk) issue(fitted []model.Forecaster, known series.Series, at int) *issued {
	f := &issued{at: at, paths: make([][]float64, len(fitted))}
	for i, m := range fitted {
		if m != nil {
			if p, err := m.Forecast(known.Tail(m.History()), k.horizon); err == nil {
				f.paths[i] = p
			}
		}
	}
	var weights model.Weights
	if len(k.results) > 0 {
		weights = k.weighting.Weights(k.results)
	}
	f.blend = weights.Combine(f.paths, k.horizon)
	f.mean = k.bias.Correct(f.blend)
	f.lo, f.hi = make([]float64, k.horizon), make([]float64, k.horizon)
	for i, m := range f.mean {
		f.lo[i], f.hi[i] = k.intervals.Interval(i+1, m)
	}
	k.open = append(k.open, f)
	return f
}

// settle scores what is known by the index now, and hands each scored horizon of a forecast within the test to each.
func (k *desk) settle(a Area, now int, each func(a Area, f *issued, h int, actual float64)) {
	left := k.open[:0]
	for _, f := range k.open {
		for f.scored < k.horizon && f.at+1+f.scored <= now {
			f.scored++
			actual := value(a.Demand, f.at+f.scored)
			k.bias.Score(f.scored, f.blend[f.scored-1], actual)
			k.intervals.Score(f.scored, f.mean[f.scored-1], f.lo[f.scored-1], f.hi[f.scored-1], actual)
			if f.counting {
				each(a, f, f.scored, actual)
			}
		}
		if f.scored < k.horizon {
			left = append(left, f)
			continue
		}
		k.remember(a, f)
	}
	k.open = left
}

// remember adds a settled forecast to the recent origins of every candidate.
func (k *desk) remember(a Area, f *issued) {
	if k.results == nil {
		k.results = make([]eval.Result, len(f.paths))
	}
	actual := make([]float64, k.horizon)
	for i := range actual {
		actual[i] = value(a.Demand, f.at+1+i)
	}
	for i, p := range f.paths {
		r := &k.results[i]
		r.Horizon, r.Step = k.horizon, a.Demand.Step
		o := eval.Origin{At: a.Demand.Time(f.at), Mean: p, Actual: actual}
		if p == nil {
			o.Err = model.ErrTooShort
		}
		r.Origins = append(r.Origins, o)
		if extra := len(r.Origins) - k.recent; extra > 0 {
			r.Origins = r.Origins[extra:]
		}
	}
}

// midnight scores a horizon of a forecast from local midnight.
func (o *Outcome) midnight(a Area, f *issued, h int, actual float64) {
	mean := f.mean[h-1]
	if h <= 24 {
		o.First.add(mean, actual)
		for i, p := range f.paths {
			if p != nil {
				o.Single[i].add(p[h-1], actual)
			}
		}
	} else {
		o.Second.add(mean, actual)
	}
	if math.IsNaN(actual) {
		return
	}
	if math.IsNaN(mean) {
		o.Unserved++
		return
	}
	o.scaledSum += math.Abs(actual - mean)
	o.scaledN++
	target := a.Demand.Time(f.at + h)
	if !target.Before(o.until) {
		return // the last forecast reaches into a month that has hardly any others
	}
	month := target.Format("2006-01")
	o.Scored[month]++
	if f.lo[h-1] <= actual && actual <= f.hi[h-1] {
		o.Covered[month]++
	}
}

// morning scores a horizon of a forecast from 10:00, where the operator has one too.
func (o *Outcome) morning(a Area, f *issued, h int, actual float64) {
	if h < morningFirst || f.at+h >= len(a.Operator) || math.IsNaN(a.Operator[f.at+h]) {
		return
	}
	o.DayAhead.add(f.mean[h-1], actual)
	o.Operator.add(a.Operator[f.at+h], actual)
}
