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

// Defaults of ErrorEWMA, chosen on 2021 and 2022 of US hourly demand; see the type.
const (
	DefaultHalfLife = 24
	DefaultRaise    = 2.5
	DefaultClear    = 1.5
	DefaultCap      = 8
	DefaultMinimum  = 6
)

// ErrorEWMA watches the exponentially weighted mean of scaled errors: absolute errors divided by the mean absolute
// error that the backtest of the model had at the same horizon, so that 1 is as good as the backtest. Each error is
// capped first, so that a single impossible value cannot raise it. It raises when the mean reaches Raise, and clears
// when it is down to Clear.
//
// Fields in the first group are settings and may be changed at any time; those in the second are its state. The zero
// value is ready, with the defaults.
type ErrorEWMA struct {
	HalfLife float64 `json:"half_life,omitempty"` // steps after which an error counts half; 0 means 24
	Raise    float64 `json:"raise,omitempty"`     // 0 means 2.5
	Clear    float64 `json:"clear,omitempty"`     // 0 means 1.5; never above Raise
	Cap      float64 `json:"cap,omitempty"`       // an error counts at most this; 0 means 8
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
