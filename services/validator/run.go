package validator

import (
	"context"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// Run runs the service until ctx is done.
func Run(ctx context.Context, common node.Config, cfg Config, log *zap.Logger) error {
	n, err := node.Start(ctx, event.Validator, common, log)
	if err != nil {
		return err
	}
	cfg.Instance = n.Instance
	n.ConsumeParts(func(part int) []stage.Subscription {
		return []stage.Subscription{Subscription(cfg, n.Store, part)}
	})
	return n.Run(ctx)
}
