package app_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/app"
)

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRunStopsAllWhenOneFails(t *testing.T) {
	var order []string
	note := func(name string) func(context.Context) error {
		return func(context.Context) error { order = append(order, name); return nil }
	}
	broken := errors.New("broken")
	a := app.New(time.Second)
	a.OnStop("first", note("first"))
	a.OnStop("second", note("second"))
	a.Go("steady", untilDone)
	a.Go("failing", func(context.Context) error { return broken })
	err := a.Run(t.Context())
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "failing: ") {
		t.Errorf("Run = %v, want the failure with the task's name", err)
	}
	if diff := cmp.Diff([]string{"second", "first"}, order); diff != "" {
		t.Errorf("teardown order (-want +got):\n%s", diff)
	}
}

func TestRunEndsCleanlyOnCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := app.New(time.Second)
	a.Go("steady", untilDone)
	cancel()
	if err := a.Run(ctx); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestRunNamesAStuckTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		ctx, cancel := context.WithCancel(t.Context())
		a := app.New(3 * time.Second)
		a.Go("stuck", func(context.Context) error { <-release; return nil })
		cancel()
		err := a.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), "stuck: still running 3s") {
			t.Errorf("Run = %v, want the stuck task named", err)
		}
	})
}

func TestCloseIsIdempotent(t *testing.T) {
	calls := 0
	a := app.New(0)
	a.OnStop("x", func(context.Context) error { calls++; return errors.New("no") })
	first, second := a.Close(t.Context()), a.Close(t.Context())
	if calls != 1 || first == nil || !errors.Is(second, first) {
		t.Errorf("calls = %d, errors %v and %v; want one call and the same error", calls, first, second)
	}
}
