package drift

import "math"

// Names of the detectors of Watch.
const (
	ErrorLevel = "error_level" // errors are larger than the days were hard
	BiasHigh   = "bias_high"   // actual values lie above the forecasts
	BiasLow    = "bias_low"    // below
	Coverage   = "coverage"    // intervals hold too few actual values
	// DailyError is no detector: it is Pooled of one day, for whoever pools series.
	DailyError = "daily_error"
)

// Days that Watch works with.
const (
	KeepDays  = 365 // a baseline is learned from at most so many
	GuardDays = 28  // the newest days are kept out of it, so that a drift does not become what is expected
	FewDays   = 28  // a baseline needs so many
	PoolDays  = 14  // what is pooled with other series is the mean of so many
	refitDays = 28
)

// Settings are the thresholds of a Watch: K, H and Cap of each detector. One whose H is 0 is off.
type Settings struct{ Error, Bias, Coverage Shift }

// DayAhead returns the settings for horizons 1 to 24, chosen on 27 series of 2016 to 2020; docs/drift.md has what they
// did on 57 others.
func DayAhead() Settings {
	return Settings{
		Error:    Shift{K: 0.45, H: 3.2, Cap: 1.2, FalseAlarms: 0.12},
		Bias:     Shift{K: 0.8, H: 8, Cap: 1.5, FalseAlarms: 0.06},
		Coverage: Shift{K: 0.05, H: 2, Cap: 0.2, FalseAlarms: 0.09},
	}
}

// DayAfter returns the settings for horizons 25 to 48: their errors hang together longer and need a higher threshold, and
// no threshold was found at which their bias and coverage tell more than noise.
func DayAfter() Settings {
	s := Settings{Error: DayAhead().Error}
	s.Error.H *= 2
	s.Error.FalseAlarms = 0.09
	return s
}

// Watch looks at the forecasts of one series, a day at a time: whether errors grow beyond what the days explain, whether
// they lean to one side (the tracking signal of Trigg, Operational Research Quarterly 15, 1964, as a cumulative sum),
// and whether intervals still hold. What is normal it learns from the series' own past year, the newest four weeks kept
// out. It is not safe for concurrent use.
type Watch struct {
	settings Settings
	days     []Day // oldest first
	base     Baseline
	steps    int
	shifts   []named
}

type named struct {
	name  string
	shift Shift
}

// Reading is what a day has shown of one detector.
type Reading struct {
	Detector    string
	Transition  Transition
	Raised      bool
	Ticket      bool    // somebody is to be told; otherwise it is evidence beside others
	Statistic   float64 // cumulative sum
	Threshold   float64
	Days        int     // for so long the sum has been above 0
	FalseAlarms float64 // Shift.FalseAlarms
}

// Pooled is what the newest days of a series say, to be set beside those of others.
type Pooled struct {
	Excess float64 // mean log ratio of errors to those expected, over PoolDays
	Today  float64 // the same of the newest day alone
	P      float64 // probability of Excess or more when nothing has changed
}

// NewWatch returns a Watch that has seen nothing.
func NewWatch(s Settings) *Watch {
	return &Watch{settings: s, shifts: []named{
		{ErrorLevel, s.Error}, {BiasHigh, s.Bias}, {BiasLow, s.Bias}, {Coverage, s.Coverage},
	}}
}

// Step takes in the next day. It says nothing before there is a baseline.
func (w *Watch) Step(d Day) (readings []Reading, pooled Pooled) {
	if len(w.days) == KeepDays+GuardDays {
		copy(w.days, w.days[1:])
		w.days = w.days[:len(w.days)-1]
	}
	w.days = append(w.days, d)
	if w.steps%refitDays == 0 || w.base.N < FewDays {
		w.base = FitBaseline(w.days[:max(0, len(w.days)-GuardDays)])
	}
	w.steps++
	if w.base.N < FewDays {
		return nil, Pooled{Excess: math.NaN(), Today: math.NaN(), P: math.NaN()}
	}
	bias := w.base.BiasOf(d) - w.base.Bias.Mean
	values := []float64{w.base.Of(d), bias, -bias, 1 - d.Covered - w.base.Uncovered.Mean}
	for i := range w.shifts {
		s := &w.shifts[i].shift
		if s.H <= 0 {
			continue
		}
		t := s.Step(values[i])
		readings = append(readings, Reading{
			Detector: w.shifts[i].name, Transition: t, Raised: s.Alarm, Ticket: w.shifts[i].name != Coverage, Statistic: s.Sum, Threshold: s.H, Days: s.Steps, FalseAlarms: s.FalseAlarms,
		})
	}
	return readings, w.pooled(values[0])
}

func (w *Watch) pooled(today float64) Pooled {
	var recent []float64
	for _, d := range w.days[max(0, len(w.days)-PoolDays):] {
		if v := w.base.Of(d); !math.IsNaN(v) {
			recent = append(recent, v)
		}
	}
	p := Pooled{Excess: math.NaN(), Today: today, P: math.NaN()}
	if len(recent) > PoolDays/2 {
		p.Excess = mean(recent)
		p.P = w.base.Excess.P(p.Excess, len(recent))
	}
	return p
}

// Renew is told that a new model serves the series.
func (w *Watch) Renew() {
	for i := range w.shifts {
		w.shifts[i].shift.Renew()
	}
}

// Reset forgets alarms and sums and keeps what is normal.
func (w *Watch) Reset() {
	for i := range w.shifts {
		s := &w.shifts[i].shift
		s.Sum, s.Steps, s.Alarm = 0, 0, false
	}
}
