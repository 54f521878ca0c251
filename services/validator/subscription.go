package validator

import (
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Subscription returns what the service reads of a partition and how it handles it, with the thresholds of cfg, which is
// valid. The sink is left to the caller: partitions share it.
func Subscription(cfg Config, h History, part int) stage.Subscription {
	return stage.Subscription{
		Stream: wire.StreamObs, Consumer: event.Validator, Filters: []string{wire.RawPart(part)}, Handler: New(cfg, h),
	}
}
