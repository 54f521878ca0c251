package trainer

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// observed is what LastObserved returns.
type observed map[series.ID]time.Time

func (o observed) LastObserved(context.Context) (map[series.ID]time.Time, error) {
	if o == nil {
		return nil, errDown
	}
	return o, nil
}

var errDown = errors.New("down")

func TestDueAsksForEverySeriesThatIsObserved(t *testing.T) {
	due := Due(observed{
		pjm:                          at(100),
		{Source: "eia", Key: "CISO"}: at(99),
		{Source: "eia", Key: "OLD"}:  at(100 - 31*24), // silent for more than a month
	})
	in := stage.Message{Subject: wire.Due(wire.DueTrain), Time: time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)}
	res, err := due.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var got []forecast.Job
	for _, m := range res.Out {
		job, err := wire.DecodeJob(m.Data)
		if err != nil || m.Subject != wire.TrainJob(job.Series) || m.ID != "job."+job.ID {
			t.Errorf("message %+v, %v", m, err)
		}
		got = append(got, job)
	}
	want := []forecast.Job{
		{Series: series.ID{Source: "eia", Key: "CISO"}, ID: "schedule.eia.CISO.1772332200", Reason: forecast.Schedule, AsOf: at(100), RequestedAt: in.Time, RequestedBy: "schedule"},
		{Series: pjm, ID: "schedule.eia.PJM.1772332200", Reason: forecast.Schedule, AsOf: at(101), RequestedAt: in.Time, RequestedBy: "schedule"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs mismatch (-want +got):\n%s", diff)
	}
}

func TestDueWaitsForTheRecord(t *testing.T) {
	if _, err := Due(observed(nil)).Handle(t.Context(), stage.Message{}); !errors.Is(err, errDown) || errors.Is(err, stage.ErrPermanent) {
		t.Errorf("Handle without a record = %v, want an error that passes", err)
	}
}
