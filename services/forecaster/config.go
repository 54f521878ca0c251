package forecaster

import (
	"errors"
	"fmt"
	"time"
)

// Config is what can be set of the forecaster. The zero value of a field is not a default: use the defaults of the tags.
type Config struct {
	Horizon  int           `help:"Steps to forecast." default:"48"`
	Window   int           `help:"Grid points of history kept in memory for a series; at least two weeks of hours." default:"1008"`
	Rescore  time.Duration `help:"How far back a revised observation rescores forecasts." default:"48h"`
	MinTrain int           `help:"Observations a series needs before a model is asked for." default:"720"`

	DriftRaise    float64       `help:"Raise a drift event when recent errors exceed the backtest's by this factor." default:"5"`
	DriftClear    float64       `help:"Clear it when they fall below this factor." default:"3"`
	DriftHalfLife float64       `help:"Observations after which an error counts half." default:"12"`
	DriftHistory  time.Duration `help:"How far back daily errors are read when a series is met, to tell a slow drift; at least eight weeks to tell any at once, 0 to learn anew." default:"2160h"`
}

// Validate reports every bad field.
func (c Config) Validate() error {
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.Horizon < 1 || c.Horizon > 1000, "horizon: %d is not within 1..1000", c.Horizon)
	bad(c.Window < 336, "window: %d grid points are fewer than 336, two weeks of hours", c.Window)
	bad(c.Rescore < 0, "rescore: %s is negative", c.Rescore)
	bad(c.MinTrain < 1, "min-train: %d is not positive", c.MinTrain)
	bad(c.DriftClear <= 0, "drift-clear: %g is not positive", c.DriftClear)
	bad(c.DriftRaise <= c.DriftClear, "drift-raise: %g is not above drift-clear %g", c.DriftRaise, c.DriftClear)
	bad(c.DriftHalfLife <= 0, "drift-half-life: %g is not positive", c.DriftHalfLife)
	bad(c.DriftHistory < 0, "drift-history: %s is negative", c.DriftHistory)
	return errors.Join(errs...)
}
