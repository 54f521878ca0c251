// Package drift finds forecasts that have become worse than their backtest. It is pure: detectors are small structs
// that can be stored and go on where they stopped.
package drift

import "math"

// Transition is what a step changed.
type Transition int

// Transitions.
const (
	None Transition = iota
	Raised
	Cleared
)

// Defaults of ErrorEWMA; see there for how they were chosen.
const (
	DefaultHalfLife = 12
	DefaultRaise    = 5
	DefaultClear    = 3
	DefaultCap      = 20
	DefaultMinimum  = 6
)

// ErrorEWMA watches the exponentially weighted mean of scaled errors: absolute errors divided by the mean absolute
// error that the backtest of the model had at the same horizon, so that 1 is as good as the backtest. Each error is
// capped first (winsorised), so that single impossible values cannot raise it. It raises when the mean reaches Raise,
// and clears when it is down to Clear.
//
// Defaults were chosen on the hourly demand of 19 US areas and subregions in 2021 and 2022, unscreened, with a model
// fitted on 400 days each month, forecasts of 48 hours each hour, and for each target the mean of its 48 scaled errors.
// Forecasts do get several times worse in a cold wave or a storm, so that an alarm without a lasting change is never
// out of the question; a short memory and a high threshold keep such alarms few. Measured for a half-life of 12:
//
//	Raise, Clear   raises per series and year   demand x 2: median, 90 %, missed   demand x 1.5: median, missed
//	4, 2.4         1.9                          4 h,  7 h, 1 %                     8 h, 10 %
//	5, 3           0.8                          5 h, 10 h, 1 %                     12 h, 23 %
//	6, 3.6         0.3                          6 h, 15 h, 2 %                     19 h, 37 %
//
// Missed means not raised within four days. A sixth of the raises fell within four days of values that are known to be
// wrong. Fields in the first group are settings and may be changed at any time; those in the second are its state. The
// zero value is ready, with the defaults.
type ErrorEWMA struct {
	HalfLife float64 `json:"half_life,omitempty"` // steps after which an error counts half; 0 means 12
	Raise    float64 `json:"raise,omitempty"`     // 0 means 5
	Clear    float64 `json:"clear,omitempty"`     // 0 means 3; never above Raise
	Cap      float64 `json:"cap,omitempty"`       // an error counts at most this; 0 means 20
	Minimum  int     `json:"minimum,omitempty"`   // steps before it may raise; 0 means 6

	Sum    float64 `json:"sum"`    // weighted sum of the errors
	Weight float64 `json:"weight"` // sum of the weights
	Steps  int     `json:"steps"`  // errors seen
	Alarm  bool    `json:"alarm"`  // raised and not cleared since
}

// Step takes the scaled error of the next target, or the mean of its scaled errors over several horizons. NaN is no
// error and changes nothing.
func (d *ErrorEWMA) Step(scaled float64) Transition {
	if math.IsNaN(scaled) {
		return None
	}
	keep := math.Exp2(-1 / or(d.HalfLife, DefaultHalfLife))
	d.Sum = keep*d.Sum + min(max(scaled, 0), or(d.Cap, DefaultCap))
	d.Weight = keep*d.Weight + 1
	d.Steps++
	raise := or(d.Raise, DefaultRaise)
	minimum := d.Minimum
	if minimum == 0 {
		minimum = DefaultMinimum
	}
	switch v := d.Value(); {
	case !d.Alarm && d.Steps >= minimum && v >= raise:
		d.Alarm = true
		return Raised
	case d.Alarm && v <= min(or(d.Clear, DefaultClear), raise):
		d.Alarm = false
		return Cleared
	}
	return None
}

// Value returns the weighted mean of the capped errors, 0 before the first.
func (d ErrorEWMA) Value() float64 {
	if d.Weight == 0 {
		return 0
	}
	return d.Sum / d.Weight
}

// Raised reports whether the alarm is on.
func (d ErrorEWMA) Raised() bool { return d.Alarm }

// Reset forgets the errors, keeps the settings and turns the alarm off: a new model has its own.
func (d *ErrorEWMA) Reset() { d.Sum, d.Weight, d.Steps, d.Alarm = 0, 0, 0, false }

// or returns v, or def when v is 0.
func or(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}
