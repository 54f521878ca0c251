package drift

import "math"

// Shift is a one-sided cumulative sum (Page, Biometrika 41, 1954) that stays raised as long as what it found lasts: the
// sum is held at twice the threshold, and the alarm clears when it has fallen to half of it. Fields in the first group
// are settings, those in the second state.
type Shift struct {
	K   float64 `json:"k"`   // allowance: half the shift to be found
	H   float64 `json:"h"`   // threshold
	Cap float64 `json:"cap"` // one value counts at most this, so that no single day raises; 0 means no limit
	// FalseAlarms is how often these settings raised without a known change, times per series and year, as measured. It
	// is told with an alarm and decides nothing.
	FalseAlarms float64 `json:"false_alarms"`

	Sum   float64 `json:"sum"`
	Steps int     `json:"steps"` // values since the sum was last 0: for so long the shift has lasted
	Alarm bool    `json:"alarm"`
}

// Step takes the next value. NaN changes nothing.
func (s *Shift) Step(v float64) Transition {
	if math.IsNaN(v) {
		return None
	}
	if s.Cap > 0 {
		v = max(-s.Cap, min(v, s.Cap))
	}
	s.Sum = min(max(0, s.Sum+v-s.K), 2*s.H)
	s.Steps++
	if s.Sum == 0 {
		s.Steps = 0
	}
	switch {
	case !s.Alarm && s.Sum >= s.H:
		s.Alarm = true
		return Raised
	case s.Alarm && s.Sum <= s.H/2:
		s.Alarm = false
		return Cleared
	}
	return None
}

// Renew is told that a new model serves: the alarm stands until the new one has shown that it performs, and what the old
// one piled up above the threshold is forgotten.
func (s *Shift) Renew() { s.Sum = min(s.Sum, s.H) }
