package forecaster

import (
	"context"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// Run runs the service until ctx is done.
func Run(ctx context.Context, common node.Config, cfg Config, log *zap.Logger) error {
	n, err := node.Start(ctx, event.Forecaster, common, log)
	if err != nil {
		return err
	}
	artifacts, err := n.Objects(ctx, wire.BucketArtifact)
	if err != nil {
		return n.Abort(ctx, err)
	}
	n.Answer("get", getter{n.Bus}.answer)
	n.ConsumeParts(func(part int) []stage.Subscription {
		desk := New(cfg, n.Instance, n.Store, artifacts)
		return []stage.Subscription{
			{Stream: wire.StreamObs, Consumer: "forecaster_obs", Filters: []string{wire.ValidPart(part)}, Handler: desk.Observations()},
			{Stream: wire.StreamModel, Consumer: "forecaster_model", Filters: []string{wire.ModelPart(part)}, Handler: desk.Models()},
		}
	})
	n.Consume(stage.Subscription{
		Stream: wire.StreamSchedule, Consumer: "forecaster_due", Filters: []string{wire.Due(wire.DueForecast)}, Handler: Due(n.Store),
	})
	return n.Run(ctx)
}
