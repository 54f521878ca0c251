package check

import (
	"fmt"
	"math"
)

// Scale finds values in another unit: a thousand times what the series has, or a million, or the inverse (MWh for kWh,
// kW for MW). The value of that hour of the week is known to some ten percent, so that the ratio tells.
type Scale struct {
	Slack float64 // distance of the ratio from a power of a thousand, in decades; 0 means never
}

// Check judges v against expected, the median of the series, which is positive.
func (c Scale) Check(v, expected float64) (Finding, bool) {
	if c.Slack <= 0 || expected <= 0 || v <= 0 {
		return Finding{}, false
	}
	decades := math.Log10(v / expected)
	power := math.Round(decades / 3)
	if power == 0 || math.Abs(power) > 2 || math.Abs(decades-3*power) > c.Slack {
		return Finding{}, false
	}
	return Finding{
		Check: UnitChange, Outcome: Quarantine, Observed: v, Expected: expected, Threshold: math.Pow10(int(3 * power)),
		Detail: fmt.Sprintf("%g is %.3g x the median %g: another unit?", v, v/expected, expected),
	}, true
}
