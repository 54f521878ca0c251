package monitor

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rule"
)

// Config is what a user may set about the monitor. The tags are those of kong.
type Config struct {
	rule.Config

	Rules          string        `help:"File of rules: how alerts behave, rules of your own, routes, receivers, inhibitions, mute windows. It is read again when it changes." placeholder:"FILE" type:"path"`
	SettleFor      time.Duration `help:"After a start or a pause nothing is concluded from the passing of time for this long." default:"10s"`
	HeartbeatEvery time.Duration `help:"Heartbeats of an instance that change nothing are recorded once in this time." default:"1m"`
}

// DefaultConfig returns the defaults that the tags name.
func DefaultConfig() Config {
	return Config{Config: rule.DefaultConfig(), SettleFor: 10 * time.Second, HeartbeatEvery: time.Minute}
}

// Validate reports every field that is wrong, by the name of its flag.
func (c Config) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.SettleFor < 0 {
		errs = append(errs, fmt.Errorf("settle-for: %s is negative", c.SettleFor))
	}
	if c.HeartbeatEvery < 0 {
		errs = append(errs, fmt.Errorf("heartbeat-every: %s is negative", c.HeartbeatEvery))
	}
	return errors.Join(errs...)
}
