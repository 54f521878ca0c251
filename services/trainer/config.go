package trainer

import (
	"errors"
	"fmt"
	"time"
)

// Config is what can be set of the trainer.
type Config struct {
	History time.Duration `help:"Longest history to train on." default:"9600h"`
	Origins int           `help:"Origins of each backtest." default:"24"`
	Stride  int           `help:"Grid points between origins." default:"25"`
	Horizon int           `help:"Steps forecast at each origin." default:"48"`
	Refit   int           `help:"Backtest origins served by one fit; 1 fits anew at each." default:"4"`

	Seed         uint64  `help:"Seed of what is drawn at random: the samples of the test of challengers." default:"1"`
	PromoteLevel float64 `help:"A challenger replaces the champion when chance explains its win with at most this probability." default:"0.05"`
	PromoteGain  float64 `help:"A challenger replaces the champion when it takes at least this share off its error." default:"0.01"`

	Keep int `help:"Retired models of a series, the newest ones, that are kept to go back to; of older ones the registry keeps the lineage alone; 0 keeps all." default:"4"`

	HeldShare float64 `help:"Nothing is trained on a series, unless by hand, while more than this share of its last week is in quarantine; 0 means never." default:"0.25"`
}

// Validate reports every bad field.
func (c Config) Validate() error {
	var errs []error
	if c.History < 14*24*time.Hour {
		errs = append(errs, fmt.Errorf("history: %s is shorter than two weeks (336h)", c.History))
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"origins", c.Origins}, {"stride", c.Stride}, {"horizon", c.Horizon}, {"refit", c.Refit}} {
		if f.value < 1 {
			errs = append(errs, fmt.Errorf("%s: %d is not positive", f.name, f.value))
		}
	}
	if c.Keep < 0 {
		errs = append(errs, fmt.Errorf("keep: %d is negative; 0 keeps all", c.Keep))
	}
	if !(c.PromoteLevel > 0 && c.PromoteLevel < 1) {
		errs = append(errs, fmt.Errorf("promote-level: %g is not within (0, 1); 0.05 is usual", c.PromoteLevel))
	}
	if !(c.PromoteGain >= 0 && c.PromoteGain < 1) {
		errs = append(errs, fmt.Errorf("promote-gain: %g is not within [0, 1); 0.01 is one percent", c.PromoteGain))
	}
	if c.HeldShare < 0 || c.HeldShare >= 1 {
		errs = append(errs, fmt.Errorf("held-share: %g is not in [0, 1)", c.HeldShare))
	}
	return errors.Join(errs...)
}
