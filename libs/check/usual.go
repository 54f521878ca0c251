package check

import "math"

// Usual is what a series usually does, by local hour of the week. It is learned from accepted values one at a time,
// in fixed memory; what it learns from one value is bounded, so that no single value spoils it.
//
// There are three scales of time. Slow is the change into each hour of the week over some weeks. Fast is the change
// into each hour of working days and of weekends over some days: it follows the season, which moves the evening peak
// by a quarter of an hour a week. Noise is the mean absolute change that neither explains.
type Usual struct {
	Level [hoursOfWeek]float32 // value
	Dev   [hoursOfWeek]float32 // mean absolute distance of values from Level
	Slow  [hoursOfWeek]float32
	Weeks [hoursOfWeek]uint8 // values seen of each hour of the week, up to 255
	Fast  [2][hoursOfDay]float32
	Days  [2][hoursOfDay]uint8
	Noise [hoursOfDay]float32
	Seen  [hoursOfDay]uint8 // changes behind Noise
}

// Rates of learning: the share of the new value.
const (
	rateLevel = 0.2
	rateSlow  = 0.15
	rateFast  = 0.25
	rateNoise = 0.04

	toDeviation = 1.2533 // standard deviation over mean absolute deviation of a normal distribution
	leastNoise  = 0.01   // of the level; a series that repeats itself exactly may still move that much
	clipNoise   = 5      // deviations; what is learned from a change is cut off there
)

// class is 1 on weekends.
func class(hour int) int {
	if hour >= 5*hoursOfDay {
		return 1
	}
	return 0
}

// Change returns the usual change into an hour of the week.
func (u *Usual) Change(hour int) float64 {
	fast := float64(u.Fast[class(hour)][hour%hoursOfDay])
	if u.Weeks[hour] < 3 {
		return fast
	}
	return (fast + float64(u.Slow[hour])) / 2
}

// Deviation returns the standard deviation of unexplained changes into an hour.
func (u *Usual) Deviation(hour int) float64 {
	return max(toDeviation*float64(u.Noise[hour%hoursOfDay]), leastNoise*math.Abs(float64(u.Level[hour])))
}

// Ready reports whether enough is known about changes into an hour to judge one.
func (u *Usual) Ready(hour int) bool {
	return u.Seen[hour%hoursOfDay] >= 5 && u.Days[class(hour)][hour%hoursOfDay] >= 2
}

// Known reports whether the value of an hour of the week is known.
func (u *Usual) Known(hour int) bool { return u.Weeks[hour] >= 3 }

// Distance returns how far v lies from what is usual at an hour of the week, in standard deviations.
func (u *Usual) Distance(hour int, v float64) float64 {
	level := float64(u.Level[hour])
	return math.Abs(v-level) / max(toDeviation*float64(u.Dev[hour]), 0.01*math.Abs(level))
}

// learnValue learns that the value of an hour was v.
func (u *Usual) learnValue(hour int, v float64) {
	n := u.Weeks[hour]
	level, dev := float64(u.Level[hour]), float64(u.Dev[hour])
	off := v - level
	if n >= 5 {
		limit := clipNoise * max(dev, 0.01*math.Abs(level))
		off = min(max(off, -limit), limit)
	}
	if n > 0 {
		u.Dev[hour] = float32(dev + gain(n-1, rateLevel)*(math.Abs(off)-dev))
	}
	u.Level[hour] = float32(level + gain(n, rateLevel)*off)
	u.Weeks[hour] = more(n)
}

// learnChange learns from a change into the hour before. rest is the part that was not expected.
func (u *Usual) learnChange(hour int, change, rest float64) {
	c, h := class(hour), hour%hoursOfDay
	if u.Seen[h] >= 5 {
		limit := clipNoise * u.Deviation(hour)
		cut := min(max(rest, -limit), limit)
		change += cut - rest
		rest = cut
	}
	u.Fast[c][h] += float32(gain(u.Days[c][h], rateFast) * (change - float64(u.Fast[c][h])))
	u.Slow[hour] += float32(gain(u.Weeks[hour], rateSlow) * (change - float64(u.Slow[hour])))
	if u.Days[c][h] > 0 { // the first change of a class has nothing to differ from
		u.Noise[h] += float32(gain(u.Seen[h], rateNoise) * (math.Abs(rest) - float64(u.Noise[h])))
		u.Seen[h] = more(u.Seen[h])
	}
	u.Days[c][h] = more(u.Days[c][h])
}

// gain is the weight of a new value after n others: that of a mean at first, then rate.
func gain(n uint8, rate float64) float64 { return max(rate, 1/(float64(n)+1)) }

func more(n uint8) uint8 {
	if n == math.MaxUint8 {
		return n
	}
	return n + 1
}
