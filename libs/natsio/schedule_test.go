package natsio_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestSchedules(t *testing.T) {
	b := connect(t, openServer(t).URL())
	provision := func(dry bool, s natsio.Schedule) []string {
		t.Helper()
		changes, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{DryRun: dry, Schedules: []natsio.Schedule{s}})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, c := range changes {
			if c.Kind == "schedule" {
				lines = append(lines, c.String())
			}
		}
		return lines
	}
	nightly := natsio.Schedule{Name: wire.DueTrain, Cron: "0 30 2 * * *", Zone: "America/New_York"}
	for i, step := range []struct {
		dry      bool
		schedule natsio.Schedule
		want     []string
	}{
		{true, nightly, []string{"create schedule train 0 30 2 * * * America/New_York"}}, // on an empty bus
		{false, nightly, []string{"create schedule train 0 30 2 * * * America/New_York"}},
		{false, nightly, nil},
		{true, natsio.Schedule{Name: wire.DueTrain}, []string{"update schedule train 0 30 2 * * * America/New_York -> never"}},
		{false, natsio.Schedule{Name: wire.DueTrain}, []string{"update schedule train 0 30 2 * * * America/New_York -> never"}},
		{false, natsio.Schedule{Name: wire.DueTrain}, nil},
		{false, natsio.Schedule{Name: wire.DueTrain, Cron: "@hourly"}, []string{"create schedule train @hourly"}},
	} {
		if diff := cmp.Diff(step.want, provision(step.dry, step.schedule)); diff != "" {
			t.Errorf("step %d: changes mismatch (-want +got):\n%s", i, diff)
		}
	}
	got, err := b.Schedules(t.Context(), wire.DueTrain, "other")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]natsio.Schedule{{Name: wire.DueTrain, Cron: "@hourly"}}, got); diff != "" {
		t.Errorf("Schedules mismatch (-want +got):\n%s", diff)
	}
	_, err = natsio.Provision(t.Context(), b, natsio.ProvisionOptions{Schedules: []natsio.Schedule{{Name: wire.DueTrain, Cron: "half past two"}}})
	if err == nil || !strings.Contains(err.Error(), `"0 30 2 * * *"`) {
		t.Errorf("Provision of nonsense = %v, want an error that shows how to write it", err)
	}
}

// The bus says by itself that it is time.
func TestScheduleIsDue(t *testing.T) {
	b := openBus(t)
	due := make(chan stage.Message, 10)
	consume(t, b, stage.Subscription{
		Stream: wire.StreamSchedule, Consumer: "due", Filters: []string{wire.Due("second")},
		Handler: stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
			due <- in
			return stage.Result{}, nil
		}),
	})
	_, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{Schedules: []natsio.Schedule{{Name: "second", Cron: "@every 1s"}}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := <-due, <-due
	if first.Subject != wire.Due("second") || first.ID == second.ID || !second.Time.After(first.Time) {
		t.Errorf("got %+v and %+v, want two messages on %s", first, second, wire.Due("second"))
	}
}
