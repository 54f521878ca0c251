package validatebench

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Groups of faults.
const (
	hard    = "hard"
	soft    = "soft"
	further = "further"
)

// repull is how far back a source is asked again with every refresh.
const repull = 48

// fault is one way in which a day of a series goes wrong.
type fault struct {
	name, group string
	want        []check.Name // one of these checks must speak up
	days        int          // how long it lasts
	dst         bool         // happens only on days on which clocks are moved
	damage      func(e *episode, day int, b *series.Batch)
}

// episode is one occurrence of a fault.
type episode struct {
	d, other *demand
	rng      *rand.Rand
	first    int // index of the first hour of its first day
	at       int // hour of the first day where it begins
	variant  int // counts the occurrences
	size     float64
	dst      []int // hours of the day where the clock is moved
}

// once is damage to the first day alone.
func once(f func(e *episode, obs []series.Observation) []series.Observation) func(*episode, int, *series.Batch) {
	return func(e *episode, day int, b *series.Batch) {
		if day == 0 {
			b.Obs = f(e, b.Obs)
		}
	}
}

// from scales or replaces every value from the beginning of the fault on.
func from(f func(e *episode, v float64) float64) func(*episode, int, *series.Batch) {
	return func(e *episode, day int, b *series.Batch) {
		for i := range b.Obs {
			if day > 0 || i >= e.at {
				b.Obs[i].Value = f(e, b.Obs[i].Value)
			}
		}
	}
}

func scale(by float64) func(*episode, float64) float64 {
	return func(_ *episode, v float64) float64 { return by * v }
}

func faults() []fault {
	return []fault{
		{name: "schema", group: hard, want: []check.Name{check.Schema}, days: 1, damage: schema},
		{name: "duplicate, other value", group: hard, want: []check.Name{check.Duplicate}, days: 1, damage: once(func(e *episode, obs []series.Observation) []series.Observation {
			return append(obs, series.Observation{TS: obs[e.at].TS, Value: math.Round(obs[e.at].Value*(1+e.spread(0.01, 0.1))) + 1})
		})},
		{name: "future", group: hard, want: []check.Name{check.Future}, days: 1, damage: once(future)},
		{name: "unit x1000", group: hard, want: []check.Name{check.UnitChange}, days: 1, damage: from(scale(1000))},
		{name: "unit /1000", group: hard, want: []check.Name{check.UnitChange}, days: 1, damage: from(scale(0.001))},
		{name: "sign", group: hard, want: []check.Name{check.Sign}, days: 1, damage: from(scale(-1))},
		{name: "dst hour", group: hard, want: []check.Name{check.DST}, days: 1, dst: true, damage: once(moved)},
		{name: "time shift", group: hard, want: []check.Name{check.Shifted}, days: 1, damage: func(e *episode, _ int, b *series.Batch) { e.relabel(b, e.d, e.hours()) }},
		{name: "flatline >= 6 h", group: soft, want: []check.Name{check.Flat}, days: 2, damage: flatline},
		{name: "spike >= 6 sigma", group: soft, want: []check.Name{check.Spike, check.Range, check.Sign}, days: 1, damage: once(spike)},
		{name: "level shift >= 20 %", group: soft, want: []check.Name{check.LevelShift}, days: 3, damage: from(func(e *episode, v float64) float64 { return v * (1 + e.signed(0.2, 0.5)) })},
		{name: "not a number", group: further, want: []check.Name{check.Type}, days: 1, damage: from(func(e *episode, _ float64) float64 { return math.Inf(1 - 2*(e.variant%2)) })},
		{name: "null", group: further, want: []check.Name{check.Null}, days: 1, damage: from(func(*episode, float64) float64 { return math.NaN() })},
		{name: "off the grid", group: further, want: []check.Name{check.OffGrid}, days: 1, damage: once(func(e *episode, obs []series.Observation) []series.Observation {
			obs[e.at].TS = obs[e.at].TS.Add(time.Duration(1+e.rng.IntN(59)) * time.Minute)
			return obs
		})},
		{name: "out of order", group: further, want: []check.Name{check.Order}, days: 1, damage: once(func(e *episode, obs []series.Observation) []series.Observation {
			obs[e.at-1], obs[e.at] = obs[e.at], obs[e.at-1]
			return obs
		})},
		{name: "every second hour", group: further, want: []check.Name{check.Frequency}, days: 1, damage: once(func(_ *episode, obs []series.Observation) []series.Observation {
			out := obs[:0]
			for i := 1; i < len(obs); i += 2 {
				out = append(out, obs[i])
			}
			return out
		})},
		{name: "hours lost", group: further, want: []check.Name{check.Gap}, days: 1, damage: once(func(e *episode, obs []series.Observation) []series.Observation {
			return slices.Delete(obs, e.at, min(e.at+1+e.variant%4, len(obs)-1))
		})},
		{name: "few points", group: further, want: []check.Name{check.Volume}, days: 1, damage: once(func(e *episode, obs []series.Observation) []series.Observation {
			return obs[len(obs)-1-e.variant%5:]
		})},
		{name: "late by days", group: further, want: []check.Name{check.Late}, days: 1, damage: func(e *episode, _ int, b *series.Batch) {
			b.KnownAt = b.KnownAt.Add(time.Duration(25+e.variant%100) * time.Hour)
		}},
		{name: "large revision", group: further, want: []check.Name{check.Revision}, days: 1, damage: once(func(e *episode, obs []series.Observation) []series.Observation {
			i := e.first - 1 - e.variant%20
			return append(obs, series.Observation{TS: e.d.time(i), Value: e.d.hours[i].cleaned * (1 + e.signed(0.25, 0.6))})
		})},
		{name: "swapped", group: further, want: []check.Name{check.Swapped}, days: 1, damage: func(e *episode, _ int, b *series.Batch) { e.relabel(b, e.other, 0) }},
		{name: "swapped, no overlap", group: further, want: []check.Name{check.Swapped, check.Range, check.UnitChange}, days: 3, damage: func(e *episode, _ int, b *series.Batch) {
			for i := range b.Obs {
				b.Obs[i].Value = e.other.value(e.other.index(b.Obs[i].TS))
			}
		}},
		{name: "time shift, no overlap", group: further, want: []check.Name{check.Shifted}, days: 4, damage: func(e *episode, _ int, b *series.Batch) {
			for i := range b.Obs {
				b.Obs[i].Value = e.d.value(e.d.index(b.Obs[i].TS) - e.hours())
			}
		}},
	}
}

// value returns a value by index, clamped to the series.
func (d *demand) value(i int) float64 { return d.hours[min(max(i, 0), len(d.hours)-1)].cleaned }

// spread returns the same number between a and b for the whole episode.
func (e *episode) spread(a, b float64) float64 { return a + (b-a)*e.size }

// signed is spread with a sign that alternates.
func (e *episode) signed(a, b float64) float64 {
	if e.variant%2 == 1 {
		return -e.spread(a, b)
	}
	return e.spread(a, b)
}

// hours is a shift of 1 to 12 hours either way; each second one is by a single hour.
func (e *episode) hours() int {
	k := 1
	if e.variant%4 >= 2 {
		k = 1 + int(e.size*11.99)
	}
	if e.variant%2 == 1 {
		k = -k
	}
	return k
}

// relabel makes b what a source reports whose labels are k hours late, or whose series are mixed up: the whole window
// that it is asked for, since all of it has changed.
func (e *episode) relabel(b *series.Batch, d *demand, k int) {
	end := e.d.index(b.Obs[len(b.Obs)-1].TS)
	b.Obs = b.Obs[:0]
	for i := end - repull - 23; i <= end; i++ {
		b.Obs = append(b.Obs, series.Observation{TS: e.d.time(i), Value: d.value(d.index(e.d.time(i)) - k)})
	}
}

func schema(e *episode, _ int, b *series.Batch) {
	switch e.variant % 3 {
	case 0:
		b.SchemaVersion++
	case 1:
		b.Step = 15 * time.Minute
	default:
		b.KnownAt = time.Time{}
	}
}

func future(e *episode, obs []series.Observation) []series.Observation {
	o := obs[e.at]
	switch e.variant % 3 {
	case 0:
		o.TS = o.TS.AddDate(0, 0, 1+e.rng.IntN(30))
	case 1:
		o.TS = time.Unix(o.TS.UnixMilli(), 0).UTC() // milliseconds taken for seconds
	default:
		o.TS = o.TS.AddDate(10, 0, 0)
	}
	obs[e.at] = o
	return obs
}

// moved does what sources in local time do when clocks are moved: in spring the hour is lost; in autumn one of two is
// lost, or both are reported under one label, or their sum is.
func moved(e *episode, obs []series.Observation) []series.Observation {
	i := e.dst[e.variant%len(e.dst)]
	autumn := obs[0].TS.Month() > 6
	switch {
	case !autumn || e.variant%4 == 0:
		return slices.Delete(obs, i, i+1)
	case e.variant%4 == 1:
		obs[i].Value += obs[i+1].Value
		return slices.Delete(obs, i+1, i+2)
	default:
		obs[i].TS = obs[i+1].TS
		if obs[i].Value == obs[i+1].Value {
			obs[i].Value++
		}
		return obs
	}
}

func flatline(e *episode, day int, b *series.Batch) {
	n := 6 + e.variant%18 // points with the same value
	v := e.d.value(e.first + e.at)
	for i := range b.Obs {
		if k := 24*day + i - e.at; k >= 0 && k < n {
			b.Obs[i].Value = v
		}
	}
}

// spike moves one value by 6 to 12 robust standard deviations of the same hours of the week of the eight weeks before.
func spike(e *episode, obs []series.Observation) []series.Observation {
	obs[e.at].Value += e.signed(6, 12) * e.d.deviation(e.first+e.at)
	return obs
}

// deviation returns the median over the hours of the week of 1.4826 x the median absolute deviation of the value of that
// hour in the eight weeks before hour i.
func (d *demand) deviation(i int) float64 {
	const weeks, week = 8, 168
	var all []float64
	for h := range week {
		var x []float64
		for w := range weeks {
			x = append(x, d.value(i-1-h-w*week))
		}
		m := median(x)
		for k := range x {
			x[k] = math.Abs(x[k] - m)
		}
		all = append(all, 1.4826*median(x))
	}
	return median(all)
}

// median sorts x.
func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
