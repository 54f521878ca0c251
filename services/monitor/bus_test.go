package monitor

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openBus(t *testing.T) *natsio.Bus {
	t.Helper()
	s, err := natsserver.Open(t.Context(), natsserver.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b, err := natsio.Connect(t.Context(), natsio.Config{URL: s.URL(), Name: "test", Timeout: 5 * time.Second}, zap.NewNop(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	return b
}

// listen returns the alerts told on the bus, in order.
func listen(t *testing.T, b *natsio.Bus) <-chan event.Alert {
	t.Helper()
	out := make(chan event.Alert)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		h := stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
			a, err := wire.DecodeAlert(in.Data)
			if err != nil {
				return stage.Result{}, err
			}
			if a.Name == event.Watchdog {
				return stage.Result{}, nil
			}
			select {
			case out <- a:
			case <-ctx.Done():
			}
			return stage.Result{}, nil
		})
		if err := b.Consume(ctx, stage.Subscription{Stream: wire.StreamAlert, Consumer: "listener", Filters: []string{wire.AllAlerts}, Handler: h}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return out
}

// live runs a monitor on a real bus and its bucket until the function it returns is called.
func live(t *testing.T, b *natsio.Bus) (stop func()) {
	t.Helper()
	kv, err := b.KV(t.Context(), wire.BucketAlert)
	if err != nil {
		t.Fatal(err)
	}
	cfg := quietConfig()
	cfg.KeepFiringFor = 0
	h, err := New(cfg, node.Bucket{KV: kv}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		sub := stage.Subscription{Stream: wire.StreamEvent, Consumer: "monitor", Filters: []string{wire.AllEvents}, Handler: h, Sink: discard{}}
		if err := b.Consume(ctx, sub); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := h.Flush(ctx, discard{}, b); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// An alert that one monitor raised is resolved by the next, which knows of it from the bucket alone.
func TestAlertOutlivesTheMonitor(t *testing.T) {
	b := openBus(t)
	alerts := listen(t, b)
	report := func(id string, c event.Condition) {
		e := event.Event{ID: id, Service: "ingestor", Instance: "i-0", At: time.Now(), Error: &event.Error{
			Class: event.DataIntegrity, Code: "upstream_schema", Subject: "eia", Condition: c, Severity: event.Warning, Message: "no field value",
		}}
		if err := b.Publish(t.Context(), wire.EncodeEvent(e)); err != nil {
			t.Fatal(err)
		}
	}

	stop := live(t, b)
	report("1", event.Raised)
	fired := next(t, alerts)
	stop()
	report("2", event.Cleared)
	stop = live(t, b)
	defer stop()
	resolved := next(t, alerts)

	if fired.State != event.Firing || resolved.State != event.Resolved {
		t.Errorf("told %s, then %s; want firing, then resolved", fired.State, resolved.State)
	}
	if diff := cmp.Diff([]string{fired.ID, fired.Name}, []string{resolved.ID, resolved.Name}); diff != "" {
		t.Errorf("the end is not that of the beginning (-firing +resolved):\n%s", diff)
	}
}

func next(t *testing.T, alerts <-chan event.Alert) event.Alert {
	t.Helper()
	select {
	case a := <-alerts:
		return a
	case <-time.After(20 * time.Second):
		t.Fatal("no alert within 20 s")
		return event.Alert{}
	}
}
