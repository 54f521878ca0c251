package eiasim

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// climate is what the generator knows of an area: its mean demand and how weather moves it.
type climate struct {
	level float64 // MW
	mean  float64 // yearly mean temperature, °C
	swing float64 // half the difference between July and January, °C
	cool  float64 // share of level for each °C above 18
	heat  float64 // share of level for each °C below 14
}

// climates are rounded from public figures; they need to be plausible, not exact.
func climates() map[string]climate {
	return map[string]climate{
		"BPAT": {6300, 11, 8, .010, .018},
		"CISO": {25500, 17, 7, .030, .006},
		"DUK":  {11500, 16, 10, .025, .016},
		"ERCO": {48000, 20, 10, .028, .014},
		"FPL":  {15400, 24, 5, .032, .012},
		"ISNE": {13300, 10, 12, .028, .009},
		"MISO": {74000, 11, 13, .022, .009},
		"NYIS": {17400, 11, 12, .025, .007},
		"PJM":  {89000, 12, 12, .026, .011},
		"PSCO": {5300, 10, 12, .022, .008},
		"SWPP": {31000, 14, 13, .024, .012},
		"TVA":  {18200, 15, 11, .025, .017},
	}
}

func generatedFirst() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }

const (
	generatedHours   = 4*8760 + 24
	generatedMissing = 0.001 // share of hours without a report
)

// generate makes four years of hourly demand with daily, weekly and yearly seasons, holidays, weather and noise. The
// values depend on seed and area alone.
func generate(ids []string, seed uint64) ([]area, error) {
	known := climates()
	if len(ids) == 0 {
		for id := range known {
			ids = append(ids, id)
		}
	}
	areas, err := newAreas(ids)
	if err != nil {
		return nil, err
	}
	for i := range areas {
		a := &areas[i]
		c, ok := known[a.ID]
		if !ok {
			return nil, fmt.Errorf("areas: no generated data for %q: %w", a.ID, ErrConfig)
		}
		zone, err := time.LoadLocation(a.Zone)
		if err != nil {
			return nil, fmt.Errorf("areas: %s: %w", a.ID, err)
		}
		a.first = generatedFirst()
		a.values = c.demand(a.first, generatedHours, zone, rand.New(rand.NewPCG(seed, hash(a.ID))))
	}
	return areas, nil
}

// demand returns n hourly values. Weather is a yearly and a daily cycle plus two AR(1) anomalies, fronts (days) and
// cells (hours); buildings answer to a day-long mean of it. What is left is AR(1) noise of about one percent.
func (c climate) demand(first time.Time, n int, zone *time.Location, rng *rand.Rand) []float64 {
	out := make([]float64, n)
	var front, cell, noise, felt float64
	felt = c.mean
	for i := range out {
		// The label is the end of the hour; the middle is where people are.
		t := first.Add(time.Duration(i)*time.Hour - 30*time.Minute).In(zone)
		hour := float64(t.Hour()) + float64(t.Minute())/60
		season := math.Cos(2 * math.Pi * (float64(t.YearDay()) - 200) / 365.25)
		front = .993*front + .48*rng.NormFloat64()
		cell = .9*cell + .4*rng.NormFloat64()
		temp := c.mean + c.swing*season + 4.5*math.Cos(2*math.Pi*(hour-15)/24) + front + cell
		felt += (temp - felt) / 10
		noise = .85*noise + .0045*rng.NormFloat64()
		v := dayShape(t, hour) + c.cool*math.Max(0, felt-18) + c.heat*math.Max(0, 14-felt) + noise
		v *= c.level * .92 * (1 + .01*t.Sub(generatedFirst()).Hours()/8766)
		if out[i] = math.Round(v); rng.Float64() < generatedMissing {
			out[i] = math.NaN()
		}
	}
	return out
}

// dayShape is the share of the level at a local hour: a night valley, a morning and an evening peak, lower and later on
// days off.
func dayShape(t time.Time, hour float64) float64 {
	bump := func(at, width float64) float64 {
		d := math.Mod(hour-at+36, 24) - 12
		return math.Exp(-d * d / (2 * width * width))
	}
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || holiday(t) {
		return .79 + .12*bump(10.5, 3) + .17*bump(18.5, 3) - .05*bump(3.5, 2.5)
	}
	return .82 + .19*bump(8.5, 2.5) + .10*bump(13, 3) + .19*bump(18.5, 3) - .06*bump(3, 2.5)
}

// holiday reports whether t is one of the six days on which most of the United States rests.
func holiday(t time.Time) bool {
	day, week, wd := t.Day(), (t.Day()-1)/7+1, t.Weekday()
	switch t.Month() {
	case time.January:
		return day == 1
	case time.May:
		return wd == time.Monday && day > 24
	case time.July:
		return day == 4
	case time.September:
		return wd == time.Monday && week == 1
	case time.November:
		return wd == time.Thursday && week == 4
	case time.December:
		return day == 25
	}
	return false
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// draw returns a number in [0, 1) that depends on its arguments alone (splitmix64).
func draw(seed uint64, parts ...uint64) float64 {
	x := seed
	for _, p := range parts {
		x += p + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return float64(x>>11) / (1 << 53)
}
