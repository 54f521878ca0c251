package rule

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Config is what a user may set about the rules. The tags are those of kong.
type Config struct {
	Expect         []string      `help:"Services that must be heard of." default:"ingestor,validator,trainer,forecaster"`
	ExpectGrace    time.Duration `help:"How long after the monitor's start an expected service may stay unheard." default:"1m"`
	HeartbeatFloor time.Duration `help:"Least silence that counts; more when three announced intervals are longer." default:"15s"`

	StallFor        time.Duration            `help:"How long a consumer with work may make no progress." default:"30s"`
	StallForService map[string]time.Duration `help:"The same for services whose messages take long, as service=duration." default:"trainer=15m"`
	LagGrowing      bool                     `help:"Also report consumers that work but fall behind."`
	LagGrowingFor   time.Duration            `help:"How long a backlog must grow to be reported." default:"5m"`

	StaleFactor float64       `help:"Data are stale when their age exceeds what is normal for the source this many times." default:"2"`
	StaleFor    time.Duration `help:"How long data must be stale to be reported." default:"1m"`

	KeepFiringFor time.Duration `help:"How long a condition must be over before its alert resolves." default:"30s"`
	QuietPeriod   time.Duration `help:"Alerts whose condition is neither repeated nor cleared resolve after this." default:"10m"`
	MaxOpen       int           `help:"Most open alerts of one name; further ones are held back and summarised." default:"100"`

	DriftQuiet    time.Duration `help:"Drift alerts that are neither repeated nor cleared resolve after this." default:"168h"`
	DriftCooldown time.Duration `help:"Least time between two retrainings of a series because of drift, in the time of the data." default:"24h"`
	DriftStep     time.Duration `help:"Added to the data cut of a drift to say as of when to train; the grid step." default:"1h"`
}

// DefaultConfig returns the defaults that the tags name.
func DefaultConfig() Config {
	return Config{
		Expect:          []string{event.Ingestor, event.Validator, event.Trainer, event.Forecaster},
		ExpectGrace:     time.Minute,
		HeartbeatFloor:  15 * time.Second,
		StallFor:        30 * time.Second,
		StallForService: map[string]time.Duration{event.Trainer: 15 * time.Minute},
		LagGrowingFor:   5 * time.Minute,
		StaleFactor:     2,
		StaleFor:        time.Minute,
		KeepFiringFor:   30 * time.Second,
		QuietPeriod:     10 * time.Minute,
		MaxOpen:         100,
		DriftQuiet:      7 * 24 * time.Hour,
		DriftCooldown:   24 * time.Hour,
		DriftStep:       time.Hour,
	}
}

// Validate reports every field that is wrong, by the name of its flag.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, s := range c.Expect {
		if s == "" {
			bad("expect: name %d is empty", i+1)
		}
		if slices.Contains(c.Expect[:i], s) {
			bad("expect: %q is named twice", s)
		}
	}
	for _, d := range []struct {
		name string
		d    time.Duration
		zero bool // 0 is allowed
	}{
		{"expect-grace", c.ExpectGrace, false},
		{"heartbeat-floor", c.HeartbeatFloor, false},
		{"stall-for", c.StallFor, false},
		{"lag-growing-for", c.LagGrowingFor, false},
		{"stale-for", c.StaleFor, true},
		{"keep-firing-for", c.KeepFiringFor, true},
		{"quiet-period", c.QuietPeriod, false},
		{"drift-quiet", c.DriftQuiet, false},
		{"drift-cooldown", c.DriftCooldown, true},
		{"drift-step", c.DriftStep, false},
	} {
		if d.d < 0 || d.d == 0 && !d.zero {
			bad("%s: %s is not positive", d.name, d.d)
		}
	}
	for service, d := range c.StallForService {
		if d <= 0 {
			bad("stall-for-service: %s for %q is not positive", d, service)
		}
	}
	if !(c.StaleFactor >= 1) { // also catches NaN
		bad("stale-factor: %g is less than 1", c.StaleFactor)
	}
	if c.MaxOpen < 1 {
		bad("max-open: %d is less than 1", c.MaxOpen)
	}
	return errors.Join(errs...)
}
