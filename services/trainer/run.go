package trainer

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// Run runs the service until ctx is done.
func Run(ctx context.Context, common node.Config, cfg Config, log *zap.Logger) error {
	n, err := node.Start(ctx, event.Trainer, common, log)
	if err != nil {
		return err
	}
	artifacts, err := n.Objects(ctx, wire.BucketArtifact)
	if err != nil {
		return n.Abort(ctx, err)
	}
	n.Answer("promote", (&Promoter{Registry: n.Store, Sink: n.Store, Publisher: n.Bus, Artifacts: artifacts}).Answer)
	n.Consume(stage.Subscription{
		Stream: wire.StreamJob, Consumer: "trainer", Filters: []string{wire.AllTrainJobs},
		Handler: New(cfg, n.Instance, app.Version, n.Store, artifacts), Sink: n.Store,
		// A job takes seconds: each is written, announced and acknowledged by itself.
		Batch: 1, AckWait: 20 * time.Second, MaxDeliver: 5,
	})
	n.Consume(stage.Subscription{
		Stream: wire.StreamSchedule, Consumer: "trainer_due", Filters: []string{wire.Due(wire.DueTrain)}, Handler: Due(n.Store),
	})
	return n.Run(ctx)
}
