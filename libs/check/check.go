// Package check holds the checks the validator runs on observations, one a file.
//
// A check is a small struct whose fields are its options and a pure method that returns evidence against a value.
// Checks keep no history; what they compare with is handed to them.
package check

// Name names a check in verdicts, quarantine reasons and events.
type Name string

// Checks.
const (
	Schema     Name = "schema"      // the batch or row is not what this version understands
	Future     Name = "future"      // the point lies after the time it became known
	OffGrid    Name = "off_grid"    // the point is not a grid point
	Null       Name = "null"        // the point was reported without a value
	Range      Name = "range"       // the value is out of its bounds
	LevelShift Name = "level_shift" // the level changed for good, and the bounds with it
	Duplicate  Name = "duplicate"   // the point occurs twice in one batch
	Outdated   Name = "outdated"    // a newer value of the point is already known
	Revision   Name = "revision"    // the point was known with another value
	Gap        Name = "gap"         // grid points before this one have no value
	Late       Name = "late"        // the point arrived long after its time
	Spike      Name = "spike"       // the value jumped as this hour does not
	Shifted    Name = "time_shift"  // the profile of the day comes some hours off its time
	Type       Name = "type"        // the value is no number
	Sign       Name = "sign"        // the value has the wrong sign
	UnitChange Name = "unit"        // the value is a thousand times what it should be, or a thousandth
	Order      Name = "order"       // the points of a batch are in no order
	Frequency  Name = "frequency"   // the points come at another spacing than the step
	Unknown    Name = "unknown"     // nobody asked for this series
	DST        Name = "dst"         // an hour is lost, doubled or summed where the clock is moved
	Swapped    Name = "swapped"     // the values are those of another series
	Volume     Name = "volume"      // the batch has far fewer or more points than usual at this hour
	Freshness  Name = "freshness"   // the newest point is older than usual when it becomes known
	Silence    Name = "silence"     // a source has stopped to report
	Parts      Name = "parts"       // the parts of a whole do not add up to it
	Released   Name = "released"    // kept back, and released by a person
	Flat       Name = "flatline"    // the value has not changed for many points
)

// Outcome says what becomes of an observation. Outcomes are ordered by weight.
type Outcome int

// Outcomes.
const (
	Pass       Outcome = iota
	Flag               // passed on, with a remark
	Quarantine         // kept back
)

// String returns the outcome as the record spells it: "pass", "flag" or "quarantine".
func (o Outcome) String() string {
	switch o {
	case Flag:
		return "flag"
	case Quarantine:
		return "quarantine"
	default:
		return "pass"
	}
}

// Finding is one check's evidence. Numbers that do not apply are zero.
type Finding struct {
	Check     Name
	Outcome   Outcome // what this finding alone asks for
	Observed  float64
	Expected  float64
	Threshold float64
	Detail    string // one line for people
}
