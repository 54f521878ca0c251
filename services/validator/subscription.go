package validator

import (
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// batchMessages is how many messages of a partition are written together, as many as make one batch on the bus. Those of
// a backfill have 2 000 observations each, and the partitions are written together: an insert then has some 200 000 rows,
// from where on the store's cost of a row hardly falls, and memory stays small. Refreshes make batches of what is there.
const batchMessages = 16

// Subscription returns what the service reads of a partition and how it handles it, with the thresholds of cfg, which is
// valid. The sink is left to the caller: partitions share it.
func Subscription(cfg Config, h History, part int) stage.Subscription {
	return stage.Subscription{
		Stream: wire.StreamObs, Consumer: event.Validator, Filters: []string{wire.RawPart(part)}, Handler: New(cfg, h),
		Batch: batchMessages,
	}
}
