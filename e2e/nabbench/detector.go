package nabbench

import (
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
)

// detector is the validator's spike and level tests for series of any step and season. Four predictors compete: the
// value before, the mean of the last hour, and the usual value at this hour of the day and of the week. The one that has
// erred least so far is believed. Its error in units of its usual error is the spike statistic; the same averaged over
// an hour, around what is usual, is the level statistic. A check.Tail learns of each how large it gets and gives the
// threshold for one false alarm in 1/rate points.
//
// The constants were set before the files were scored: a rate of about one alarm in a fortnight of five-minute values,
// an hour of averaging, and a day of silence after an alarm, which is one incident to a person.
type detector struct {
	step  int64 // seconds
	clock check.Clock
	seen  int

	guesses [predictors]guess
	last    float64
	hour    mean
	day     [24]mean
	week    [168]mean
	all     mean

	rest         mean // signed error of the seasonal guess in its own units, averaged over an hour
	restSize     mean
	spike, level check.Tail
	quiet        int // points of silence left
}

const (
	predictors = 4
	rate       = 2.5e-4
	slowly     = 0.001 // of learning errors: some days of five-minute values
	clip       = 5     // mean errors an error counts at most
)

// guess is the record of one predictor.
type guess struct{ size mean }

// mean is an exponentially weighted mean that begins as a plain one.
type mean struct {
	v float64
	n float64
}

func (m *mean) add(x, least float64) {
	m.n++
	m.v += math.Max(least, 1/m.n) * (x - m.v)
}

func newDetector(step time.Duration) *detector {
	return &detector{step: max(int64(step/time.Second), 1), clock: check.NewClock(nil)}
}

// add takes the next value and reports whether it is anomalous.
func (d *detector) add(ts time.Time, v float64) bool {
	h := d.clock.Hour(ts.Unix())
	d.seen++
	anomalous := false
	if d.seen > 1 {
		anomalous = d.judge(h, v)
	}
	perHour := math.Max(1, 3600/float64(d.step))
	d.last = v
	d.hour.add(v, 1/perHour)
	d.all.add(v, slowly)
	d.day[h%24].add(v, 0.1/perHour)
	d.week[h].add(v, 0.3/perHour)
	if d.quiet > 0 {
		d.quiet--
		return false
	}
	if anomalous {
		d.quiet = int(24 * perHour)
	}
	return anomalous
}

func (d *detector) judge(h int, v float64) bool {
	perHour := math.Max(1, 3600/float64(d.step))
	values := [predictors]float64{d.last, d.hour.v, d.all.v, d.all.v}
	if d.day[h%24].n >= perHour {
		values[2] = d.day[h%24].v
	}
	if d.week[h].n >= perHour {
		values[3] = d.week[h].v
	}
	best, season := 0, 2
	for i := range values {
		if d.guesses[i].size.v < d.guesses[best].size.v {
			best = i
		}
	}
	if d.guesses[3].size.v < d.guesses[2].size.v {
		season = 3
	}
	z := d.units(best, v-values[best])
	d.rest.add(math.Max(-clip, math.Min(clip, d.signed(season, v-values[season]))), 1/perHour)
	level := math.Abs(d.rest.v) / math.Max(1.2533*d.restSize.v, 1e-9)
	ready := d.seen > int(24*perHour)/2
	odd := ready && (z > d.spike.Threshold(rate) || level > d.level.Threshold(rate))
	if ready {
		d.spike.Add(z)
		d.level.Add(level)
	}
	d.restSize.add(math.Min(math.Abs(d.rest.v), clip*math.Max(d.restSize.v, 0.1)), slowly)
	for i := range values {
		g := &d.guesses[i].size
		e := math.Abs(v - values[i])
		if g.n > perHour {
			e = math.Min(e, clip*1.2533*math.Max(g.v, 1e-12))
		}
		g.add(e, slowly)
	}
	return odd
}

// units returns an error in standard deviations of the usual errors of a predictor.
func (d *detector) units(i int, e float64) float64 { return math.Abs(d.signed(i, e)) }

// signed is units with the sign of the error. As in check.Usual, a series that repeats itself exactly may still move by
// one percent of its level.
func (d *detector) signed(i int, e float64) float64 {
	return e / math.Max(1.2533*d.guesses[i].size.v, math.Max(0.01*math.Abs(d.all.v), 1e-9))
}
