package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// settle waits until every consumer has handled and acknowledged everything. Events never cease, as services report
// about themselves all the time; of each of their consumers it is enough that it was seen idle once.
func (s *stack) settle(ctx context.Context, patience time.Duration) error {
	idle := map[string]bool{}
	behind := map[string]uint64{}
	err := until(ctx, patience, "the pipeline to settle", func(ctx context.Context) (bool, error) {
		all, err := s.direct.Consumers(ctx)
		if err != nil || len(all) == 0 {
			return false, nil //nolint:nilerr // the bus may just have been killed
		}
		settled := true
		clear(behind)
		for _, c := range all {
			n, err := s.backlog(ctx, c)
			if err != nil || n > 0 && !(c.Stream == wire.StreamEvent && idle[c.Name]) {
				behind[c.Stream+" "+c.Name], settled = n, false
				continue
			}
			idle[c.Name] = true
		}
		return settled, nil
	})
	if err != nil {
		return fmt.Errorf("%w; behind: %s", err, list(behind))
	}
	return nil
}

func (s *stack) backlog(ctx context.Context, c natsio.Consumer) (uint64, error) {
	lag, err := s.direct.Lag(ctx, c.Stream, c.Name)
	return lag.Pending + lag.AckPending, err
}

func list(m map[string]uint64) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%s by %d", k, m[k]))
	}
	return strings.Join(out, ", ")
}
