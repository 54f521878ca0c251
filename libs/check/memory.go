package check

import (
	"math"
	"time"
)

// Habits are the checks of a value against the habits of its series.
type Habits struct {
	Step  Step
	Shift TimeShift
	Flat  Flatline

	// Frozen keeps thresholds as they are, while habits go on being learned: for measuring them.
	Frozen bool
}

// DefaultHabits returns the documented defaults.
func DefaultHabits() Habits {
	return Habits{
		Step:  Step{Rate: 5e-5, Least: 6, Most: 10, Onset: 3.5, Stay: 4, Share: 0.15},
		Shift: TimeShift{Limit: 30},
		Flat:  Flatline{Need: 6, Rate: 1e-5},
	}
}

// State is everything a Memory knows, in fixed size; see Memory.MarshalBinary.
type State struct {
	Usual    Usual
	Echo     [hoursOfDay]float32 // unexpected changes of the last day
	Jumped   Jumped
	Evidence Evidence
	Tail     Tail
	Last     float64 // newest accepted value
	At       int64   // its time in Unix seconds; 0 means none
	Run      int64   // points up to it with its value
	Equal    Equal
	Recent   [hoursOfDay]Sample
	Amounts  Amounts
	Ages     Ages
	Broken   Broken
}

// Sample is a value as it was reported, accepted or not.
type Sample struct {
	At    int64 // Unix seconds
	Value float64
}

// Memory is what the checks remember of one series. Its size does not depend on the length of the series.
type Memory struct {
	State
	clock Clock
	step  int64 // seconds
}

// NewMemory returns the empty memory of a series with its step and time zone; nil means UTC.
func NewMemory(step time.Duration, zone *time.Location) *Memory {
	return &Memory{clock: NewClock(zone), step: max(int64(step/time.Second), 1)}
}

// bridge is the longest gap, in points, over which a change is still judged.
const bridge = 6

// echoShare is how much of an unexpected change is expected again at the same hour of the next day: a heat wave
// stretches every afternoon.
const echoShare = 0.4

// Observe judges an accepted value that is newer than all before, learns from it, and appends what it found to out.
func (m *Memory) Observe(c Habits, ts time.Time, v float64, out []Finding) []Finding {
	at := ts.Unix()
	m.report(at, v)
	if at <= m.At && m.At != 0 {
		return out
	}
	hour := m.clock.Hour(at)
	gap := (at - m.At) / m.step
	if m.At == 0 || gap > bridge {
		m.forget()
	} else {
		out = m.change(c, hour, gap, v, out)
	}
	out = m.flat(c, gap, v, out)
	m.Usual.learnValue(hour, v)
	m.Last, m.At = v, at
	return out
}

// Reject notes a value that is kept back, of which nothing is learned but that it was reported.
func (m *Memory) Reject(ts time.Time, v float64) { m.report(ts.Unix(), v) }

// Clock returns the clock of the series.
func (m *Memory) Clock() *Clock { return &m.clock }

// Expected returns the usual value at a time, 0 when it is not known.
func (m *Memory) Expected(ts time.Time) float64 {
	h := m.clock.Hour(ts.Unix())
	if !m.Usual.Known(h) {
		return 0
	}
	return float64(m.Usual.Level[h])
}

// report notes a value for Swap.
func (m *Memory) report(at int64, v float64) {
	if s := &m.Recent[(at/m.step)%hoursOfDay]; at >= s.At {
		*s = Sample{At: at, Value: v}
	}
}

// forget drops what makes sense only from one point to the next.
func (m *Memory) forget() {
	m.Jumped, m.Run, m.Evidence = Jumped{}, 0, Evidence{}
}

// flat counts points of the same value.
func (m *Memory) flat(c Habits, gap int64, v float64, out []Finding) []Finding {
	same := gap == 1 && v == m.Last
	if gap == 1 && m.Run < 2 && !c.Frozen {
		m.Equal.learn(same)
	}
	if !same {
		m.Run = 0
	}
	m.Run++
	if f, flat := c.Flat.Check(v, int(m.Run), m.Equal); flat {
		out = append(out, f)
	}
	return out
}

// change judges the change from the value before, gap points ago, and learns from it.
func (m *Memory) change(c Habits, hour int, gap int64, v float64, out []Finding) []Finding {
	u := &m.Usual
	change := v - m.Last
	expected, echo := m.expected(hour, gap)
	rest := change - expected
	slot := (m.At/m.step + gap) % hoursOfDay
	if m.step < 3600 {
		slot = 0
	}
	if !u.Ready(hour) {
		if gap == 1 {
			m.Echo[slot] = 0
			u.learnChange(hour, change, rest)
		}
		return out
	}
	deviation := u.Deviation(hour) * math.Sqrt(float64(gap))
	z := math.Abs(rest-echo) / deviation
	n := len(out)
	out, back := c.Step.step(&m.Jumped, &m.Tail, v, rest-echo, deviation, out)
	odd := back || len(out) > n
	if gap > 1 {
		return out
	}
	if !c.Frozen && !odd {
		m.Tail.Add(z)
	}
	m.Echo[slot] = 0
	if !odd && m.step >= 3600 {
		m.Echo[slot] = float32(rest)
		m.Evidence.step(u, hour, change, rest)
		if f, shifted := c.Shift.Check(&m.Evidence); shifted {
			out = append(out, f)
		}
	}
	if !odd {
		u.learnChange(hour, change, rest-echo)
	}
	return out
}

// expected returns the usual change over the last gap points, and the echo of yesterday's surprise.
func (m *Memory) expected(hour int, gap int64) (change, echo float64) {
	change = m.Usual.Change(hour)
	for i := int64(1); i < gap; i++ {
		change += m.Usual.Change(m.clock.Hour(m.At + i*m.step))
	}
	if gap == 1 && m.step == 3600 {
		echo = echoShare * float64(m.Echo[(m.At/m.step+1)%hoursOfDay])
	}
	return change, echo
}
