package validator

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
)

const (
	// windowPoints is how much of a series is kept: beyond any re-pull window of an hourly source.
	windowPoints = 400
	// referencePoints is how many accepted values the level of a series is taken from: a week of an hourly series.
	referencePoints = 168
	// spikeDays is how many earlier days tell what is usual at an hour.
	spikeDays = 14
)

// Config holds the thresholds of the checks. The zero value is not usable; start from DefaultConfig.
type Config struct {
	Min float64 `help:"Values at or below this are quarantined." default:"0"`
	Max float64 `help:"Values above this are quarantined; 0 means no limit." default:"0"`

	HighFactor   float64 `help:"Values above this many times the median of the last 168 accepted values are quarantined." default:"3.5"`
	LowFactor    float64 `help:"Values below this share of that median are quarantined; 0 means no limit." default:"0.15"`
	MinReference int     `help:"Accepted values a series needs before the two factors apply." default:"72"`

	LevelPoints int     `help:"Quarantined points in a row, in agreement with each other, that become the new level." default:"24"`
	LevelFactor float64 `help:"Largest change of level accepted in that way, as a factor; beyond it is a change of unit. 0 means no limit." default:"30"`

	FutureTolerance time.Duration `help:"How far a point may lie after the time it became known." default:"1h"`
	LateAfter       time.Duration `help:"Refreshed points that became known later than this after their time are flagged; 0 means never." default:"24h"`
	RevisionLimit   float64       `help:"Revisions by more than this share of the old value are flagged." default:"0.2"`
	SpikeDeviations float64       `help:"Changes from one point to the next that are this many robust deviations from that hour's usual are flagged; 0 means never." default:"8"`
	FlatPoints      int           `help:"Points in a row with the same value that are flagged; 0 means never." default:"6"`

	// Instance names this process in events. It is set by code.
	Instance string `kong:"-"`
}

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{
		HighFactor:      3.5,
		LowFactor:       0.15,
		MinReference:    72,
		LevelPoints:     24,
		LevelFactor:     30,
		FutureTolerance: time.Hour,
		LateAfter:       24 * time.Hour,
		RevisionLimit:   0.2,
		SpikeDeviations: 8,
		FlatPoints:      6,
	}
}

// Validate names every field that is out of its range.
func (c Config) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("validator: "+format, args...))
		}
	}
	need(c.Max == 0 || c.Max > c.Min, "max %g is not above min %g", c.Max, c.Min)
	need(c.HighFactor > 1, "high-factor %g is not above 1", c.HighFactor)
	need(c.LowFactor >= 0 && c.LowFactor < 1, "low-factor %g is not in [0, 1)", c.LowFactor)
	need(c.MinReference >= 1 && c.MinReference <= referencePoints, "min-reference %d is not in [1, %d]", c.MinReference, referencePoints)
	need(c.LevelPoints >= 2 && c.LevelPoints <= referencePoints, "level-points %d is not in [2, %d]", c.LevelPoints, referencePoints)
	need(c.LevelFactor == 0 || c.LevelFactor > 1, "level-factor %g is neither 0 nor above 1", c.LevelFactor)
	need(c.FutureTolerance >= 0, "future-tolerance %s is negative", c.FutureTolerance)
	need(c.LateAfter >= 0, "late-after %s is negative", c.LateAfter)
	need(c.RevisionLimit >= 0, "revision-limit %g is negative", c.RevisionLimit)
	need(c.SpikeDeviations >= 0, "spike-deviations %g is negative", c.SpikeDeviations)
	need(c.FlatPoints == 0 || c.FlatPoints >= 2 && c.FlatPoints < windowPoints, "flat-points %d is neither 0 nor in [2, %d)", c.FlatPoints, windowPoints)
	return errors.Join(errs...)
}

// checks are the checks of one point with their options.
type checks struct {
	ahead    check.Ahead
	bounds   check.Bounds
	relative check.Relative
	shift    check.Shift
	change   check.Change
	delay    check.Delay
	jump     check.Jump
	flat     check.Flatline
}

func (c Config) checks() checks {
	return checks{
		ahead:    check.Ahead{Tolerance: c.FutureTolerance},
		bounds:   check.Bounds{Min: c.Min, Max: c.Max},
		relative: check.Relative{Low: c.LowFactor, High: c.HighFactor, Need: c.MinReference},
		shift:    check.Shift{Need: c.LevelPoints, Spread: c.HighFactor, Limit: c.LevelFactor},
		change:   check.Change{Limit: c.RevisionLimit},
		delay:    check.Delay{Limit: c.LateAfter},
		jump:     check.Jump{Delta: c.SpikeDeviations, Level: c.SpikeDeviations / 2, Floor: 0.01, Need: 5},
		flat:     check.Flatline{Need: c.FlatPoints},
	}
}
