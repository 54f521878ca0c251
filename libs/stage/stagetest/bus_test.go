package stagetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/stage/stagetest"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	stagetest.TestBus(t, func(testing.TB) stage.Bus { return &stagetest.Bus{} })
}

func observation(n int) stage.Message {
	return stage.Message{Subject: "bw.obs.raw.test.A", ID: fmt.Sprint(n), Data: fmt.Append(nil, n)}
}

// Drain carries a message through a chain of services without a goroutine.
func TestDrain(t *testing.T) {
	t0 := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	b := &stagetest.Bus{Now: func() time.Time { return t0 }}
	sink := &stagetest.Sink{}
	b.Subscribe(stage.Subscription{
		Stream: wire.StreamObs, Consumer: "second", Filters: []string{wire.AllValid}, Sink: sink,
		Handler: stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
			return stage.Result{Rows: []stage.Row{record.Event{ID: in.ID, At: in.Time}}}, nil
		}),
	})
	b.Subscribe(stage.Subscription{
		Stream: wire.StreamObs, Consumer: "first", Filters: []string{wire.AllRaw},
		Handler: stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
			if in.ID == "2" && in.Attempt < 4 {
				return stage.Result{}, errors.New("not now")
			}
			return stage.Result{Out: []stage.Message{{Subject: "bw.obs.valid.test.A", ID: in.ID + "v", Data: in.Data}}}, nil
		}),
	})
	if err := b.Publish(t.Context(), observation(1), observation(2), observation(3)); err != nil {
		t.Fatal(err)
	}
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []record.Event{{ID: "1v", At: t0}, {ID: "2v", At: t0}, {ID: "3v", At: t0}}
	if diff := cmp.Diff(want, stagetest.Rows[record.Event](sink)); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
	if got := len(b.Messages(wire.AllValid)); got != 3 {
		t.Errorf("%d messages published, want 3", got)
	}
	if got := b.DeadLetters(); len(got) != 0 {
		t.Errorf("dead letters %v, want none", got)
	}
	if diff := cmp.Diff([]string{"events"}, sink.Tables()); diff != "" {
		t.Errorf("tables mismatch (-want +got):\n%s", diff)
	}
}

// Drain does not wait for a dependency that is down, and goes on when it is back.
func TestDrainOutage(t *testing.T) {
	b := &stagetest.Bus{}
	sink := &stagetest.Sink{}
	sink.Fail(1, breaker.ErrOpen)
	b.Subscribe(stage.Subscription{
		Stream: wire.StreamObs, Consumer: "c", Sink: sink,
		Handler: stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
			return stage.Result{Rows: []stage.Row{record.Event{ID: in.ID}}}, nil
		}),
	})
	if err := b.Publish(t.Context(), observation(1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Drain(t.Context()); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("Drain during an outage = %v, want the outage", err)
	}
	if err := b.Drain(t.Context()); err != nil || sink.Writes() != 2 {
		t.Errorf("Drain after it = %v with %d writes, want 2", err, sink.Writes())
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		filter, subject string
		want            bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a", false},
		{"a", "a.b", false},
		{"a.*", "a.b", true},
		{"a.*", "a.b.c", false},
		{"*.b", "a.b", true},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
		{">", "a", true},
	} {
		if got := stagetest.Match(tc.filter, tc.subject); got != tc.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tc.filter, tc.subject, got, tc.want)
		}
	}
}
