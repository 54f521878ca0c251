package trainer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// retired is how long a series may be silent, measured by the newest observation of all, and still be trained on
// schedule.
const retired = 30 * 24 * time.Hour

// Observed tells which series there are. chio.Store is one.
type Observed interface {
	// LastObserved returns the grid point of the newest observation of every series.
	LastObserved(ctx context.Context) (map[series.ID]time.Time, error)
}

// Due handles wire.Due(wire.DueTrain): it asks for a model of every series that is still observed. A series whose job
// is still open gets no second one.
//
// Jobs are as of the hour after the newest observation, not as of now: replayed data have a clock of their own.
func Due(record Observed) stage.Handler {
	return stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		last, err := record.LastObserved(ctx)
		if err != nil {
			return stage.Result{}, fmt.Errorf("training on schedule: %w", err)
		}
		var newest time.Time
		var ids []series.ID
		for id, at := range last {
			ids = append(ids, id)
			if at.After(newest) {
				newest = at
			}
		}
		slices.SortFunc(ids, func(x, y series.ID) int { return cmp.Compare(x.String(), y.String()) })
		var res stage.Result
		for _, id := range ids {
			if newest.Sub(last[id]) > retired {
				continue
			}
			job := forecast.Job{
				Series: id, Reason: forecast.Schedule, AsOf: last[id].Add(time.Hour), RequestedAt: in.Time, RequestedBy: "schedule",
				ID: fmt.Sprintf("%s.%s.%d", forecast.Schedule, id, in.Time.Unix()),
			}
			res.Out = append(res.Out, stage.Message{Subject: wire.TrainJob(id), ID: "job." + job.ID, Data: wire.EncodeJob(job)})
		}
		return res, nil
	})
}
