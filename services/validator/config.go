package validator

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

const (
	// windowPoints is how much of a series is kept: beyond any re-pull window of an hourly source.
	windowPoints = 400
	// referencePoints is how many accepted values the level of a series is taken from: a week of an hourly series.
	referencePoints = 168
	// habitPoints is how much of the record is read to learn the habits of a series anew: a quarter of hours.
	habitPoints = 13 * 168
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
	SpikeRate       float64       `help:"False alarm rate of spikes, a point; the threshold of each series is learned for it, between 6 and 10 deviations. 0 means no spikes are flagged." default:"0.00005"`
	LevelShare      float64       `help:"Jumps by at least this share of the level that stay are flagged as a level shift; 0 means never." default:"0.15"`
	ShiftEvidence   float64       `help:"Evidence, in nats, that the profile of the day comes at another hour, above which points are flagged; 0 means never." default:"30"`
	FlatPoints      int           `help:"Points in a row with the same value that are flagged in any series; fewer, at least 3, in one whose values rarely repeat. 0 means never." default:"6"`
	RelabelPoints   int           `help:"Revised points equal to recorded ones of another hour, or another series, that keep back the batch; 0 means never." default:"6"`
	VolumeFactor    float64       `help:"Refreshes with more than this many times the usual points at that hour of the week, or less than its inverse, are flagged; 0 means never." default:"3"`
	FreshnessFactor float64       `help:"Refreshes whose newest point is older than this many times the usual age are flagged; 0 means never." default:"3"`
	SilenceFactor   float64       `help:"A source silent for this many times its usual interval is reported; 0 means never." default:"6"`
	BrokenShare     float64       `help:"Share of the latest points kept back above which a series is reported as broken; 0 means never." default:"0.5"`
	PartsShare      float64       `help:"Difference between a whole and the sum of its parts that is flagged, as a share of the whole; 0 means never." default:"0.1"`

	Expect []string `help:"Names of the series that are expected; others are refused. Empty means that all are welcome." placeholder:"SOURCE.KEY"`
	Sums   []string `help:"Wholes and their parts, each as whole=part+part, by series name." placeholder:"WHOLE=PART+PART" sep:"none"`

	// Instance names this process in events. It is set by code.
	Instance string `kong:"-"`
	// Frozen keeps learned thresholds as the record made them. It is set by programs that measure the checks.
	Frozen bool `kong:"-"`
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
		SpikeRate:       0.00005,
		LevelShare:      0.15,
		ShiftEvidence:   30,
		FlatPoints:      6,
		RelabelPoints:   6,
		VolumeFactor:    3,
		FreshnessFactor: 3,
		SilenceFactor:   6,
		BrokenShare:     0.5,
		PartsShare:      0.1,
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
	need(c.SpikeRate >= 0 && c.SpikeRate < 1, "spike-rate %g is not in [0, 1)", c.SpikeRate)
	need(c.LevelShare >= 0, "level-share %g is negative", c.LevelShare)
	need(c.ShiftEvidence >= 0, "shift-evidence %g is negative", c.ShiftEvidence)
	need(c.RelabelPoints >= 0, "relabel-points %d is negative", c.RelabelPoints)
	need(c.VolumeFactor == 0 || c.VolumeFactor > 1, "volume-factor %g is neither 0 nor above 1", c.VolumeFactor)
	need(c.FreshnessFactor == 0 || c.FreshnessFactor > 1, "freshness-factor %g is neither 0 nor above 1", c.FreshnessFactor)
	need(c.SilenceFactor == 0 || c.SilenceFactor > 1, "silence-factor %g is neither 0 nor above 1", c.SilenceFactor)
	need(c.BrokenShare >= 0 && c.BrokenShare < 1, "broken-share %g is not in [0, 1)", c.BrokenShare)
	need(c.PartsShare >= 0, "parts-share %g is negative", c.PartsShare)
	for _, name := range c.Expect {
		if _, err := series.ParseID(name); err != nil {
			errs = append(errs, fmt.Errorf("validator: expect: %w", err))
		}
	}
	_, err := parseSums(c.Sums)
	errs = append(errs, err)
	need(c.FlatPoints == 0 || c.FlatPoints >= 2 && c.FlatPoints < windowPoints, "flat-points %d is neither 0 nor in [2, %d)", c.FlatPoints, windowPoints)
	return errors.Join(errs...)
}

// checks are the checks of one point and of one batch with their options.
type checks struct {
	known    check.Known
	ahead    check.Ahead
	negative check.Negative
	bounds   check.Bounds
	relative check.Relative
	scale    check.Scale
	shift    check.Shift
	change   check.Change
	delay    check.Delay
	habits   check.Habits
	daylight check.Daylight
	relabel  check.Relabel
	swap     check.Swap
	spacing  check.Spacing
	amount   check.Amount
	age      check.Age
	breaker  check.Breaker
}

func (c Config) checks() checks {
	habits := check.DefaultHabits()
	habits.Step.Rate, habits.Step.Share = c.SpikeRate, c.LevelShare
	habits.Shift.Limit, habits.Flat.Need, habits.Frozen = c.ShiftEvidence, c.FlatPoints, c.Frozen
	expected := make(map[string]bool, len(c.Expect))
	for _, name := range c.Expect {
		expected[name] = true
	}
	return checks{
		known:    check.Known{Series: expected},
		ahead:    check.Ahead{Tolerance: c.FutureTolerance},
		negative: check.Negative{Min: c.Min},
		bounds:   check.Bounds{Min: c.Min, Max: c.Max},
		relative: check.Relative{Low: c.LowFactor, High: c.HighFactor, Need: c.MinReference},
		scale:    check.Scale{Slack: 0.35},
		shift:    check.Shift{Need: c.LevelPoints, Spread: c.HighFactor, Limit: c.LevelFactor},
		change:   check.Change{Limit: c.RevisionLimit},
		delay:    check.Delay{Limit: c.LateAfter},
		habits:   habits,
		daylight: check.Daylight{Within: time.Hour, Slack: 0.35},
		relabel:  check.Relabel{Need: c.RelabelPoints, Share: 0.8, Most: 14},
		swap:     check.Swap{Far: 6, Near: 3, Need: 12},
		spacing:  check.Spacing{Need: 4},
		amount:   check.Amount{Factor: c.VolumeFactor, Slack: 3, Need: 3},
		age:      check.Age{Factor: c.FreshnessFactor, Slack: 3 * time.Hour, Need: 24},
		breaker:  check.Breaker{Share: c.BrokenShare, Clear: c.BrokenShare / 5},
	}
}
