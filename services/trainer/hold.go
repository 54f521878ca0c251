package trainer

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

const (
	heldWindow = 7 * 24 * time.Hour
	heldLeast  = 24 // points; less is no reason to wait
)

// broken says why nothing should be trained on the series now: what the validator kept back would be missing from the
// history, and what it should have kept back may be in it. A job that a person asked for is done in any case.
func (w *Workshop) broken(ctx context.Context, job forecast.Job) (string, error) {
	if w.cfg.HeldShare == 0 || job.Reason == forecast.Manual {
		return "", nil
	}
	accepted, held, err := w.record.Held(ctx, job.Series, job.AsOf.Add(-heldWindow), job.AsOf)
	if err != nil {
		return "", fmt.Errorf("train %s: %w", job.Series, err)
	}
	share := float64(held) / float64(max(accepted+held, 1))
	if held < heldLeast || share <= w.cfg.HeldShare {
		return "", nil
	}
	return fmt.Sprintf("%d of %d points of the week up to %s are in quarantine (%.0f %%, limit %.0f %%)",
		held, accepted+held, job.AsOf.Format(time.RFC3339), 100*share, 100*w.cfg.HeldShare), nil
}

// hold is the answer to a job that is not done.
func (w *Workshop) hold(job forecast.Job, in stage.Message, why string) stage.Result {
	if why == "" {
		return stage.Result{}
	}
	return stage.Result{Out: []stage.Message{w.held(job, in, event.Raised,
		fmt.Sprintf("%s is not trained (%s): %s; the champion goes on serving", job.Series, job.Reason, why))}}
}

// held says that a series is held back, or is so no more: the next job that is done clears what an earlier one raised.
func (w *Workshop) held(job forecast.Job, in stage.Message, c event.Condition, text string) stage.Message {
	return wire.EncodeEvent(event.Event{
		ID: "training_held." + job.ID + "." + string(c), Service: event.Trainer, Instance: w.instance, At: in.Time,
		Error: &event.Error{
			Class: event.DataIntegrity, Code: "training_held", Subject: job.Series.String(), Condition: c, Severity: event.Warning, Message: text,
		},
	})
}
