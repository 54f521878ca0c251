package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ms makes short waits readable.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// openServer starts a server on a free port.
func openServer(tb testing.TB) *natsserver.Server {
	tb.Helper()
	return openServerAt(tb, tb.TempDir(), "127.0.0.1:0")
}

func openServerAt(tb testing.TB, dir, addr string) *natsserver.Server {
	tb.Helper()
	s, err := natsserver.Open(tb.Context(), natsserver.Config{Dir: dir, Addr: addr})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// connect connects with waits short enough for tests.
func connect(tb testing.TB, url string) *natsio.Bus {
	tb.Helper()
	return connectWith(tb, natsio.Config{URL: url, Name: "test", Timeout: 10 * time.Second, Backoff: []time.Duration{ms(20), ms(40), ms(80)}})
}

func connectWith(tb testing.TB, cfg natsio.Config) *natsio.Bus {
	tb.Helper()
	log := zap.NewNop()
	if testing.Verbose() {
		log = zaptest.NewLogger(tb)
	}
	b, err := natsio.Connect(tb.Context(), cfg, log, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Close)
	return b
}

// openBus returns a provisioned bus.
func openBus(tb testing.TB) *natsio.Bus {
	tb.Helper()
	b := connect(tb, openServer(tb).URL())
	if _, err := natsio.Provision(tb.Context(), b, natsio.ProvisionOptions{}); err != nil {
		tb.Fatal(err)
	}
	return b
}

// consume runs a subscription until the returned function is called, or the test ends.
func consume(tb testing.TB, b stage.Bus, s stage.Subscription) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Consume(ctx, s) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				tb.Errorf("Consume: %v", err)
			}
		case <-time.After(5 * time.Second):
			tb.Errorf("Consume of %s did not return", s.Consumer)
		}
	}
	tb.Cleanup(stop)
	return stop
}

// eventually waits until ok returns true.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(ms(5))
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("not within 30 s: %s", what)
		}
	}
}

func rawMessage(n int) stage.Message {
	return stage.Message{Subject: "bw.obs.raw.test.A", ID: fmt.Sprintf("m%d", n), Data: fmt.Append(nil, n)}
}

func TestPublishAndConsume(t *testing.T) {
	b := openBus(t)
	if err := b.Ready(); err != nil {
		t.Fatal(err)
	}
	got := make(chan stage.Message, 10)
	consume(t, b, stage.Subscription{
		Stream: wire.StreamObs, Consumer: "smoke", Filters: []string{wire.AllRaw},
		Handler: stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
			got <- in
			return stage.Result{}, nil
		}),
	})
	want := rawMessage(1)
	want.Header = map[string]string{"ce-id": "x"}
	if err := b.Publish(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	in := <-got
	if in.Subject != want.Subject || in.ID != want.ID || string(in.Data) != "1" || in.Header["ce-id"] != "x" || in.Attempt != 1 || in.Time.IsZero() {
		t.Errorf("got %+v, want %+v", in, want)
	}
	eventually(t, "processed", func() bool { return b.Processed() == 1 })
}

// A service that starts before the bus does tries again with the registry it has.
func TestConnectMayBeTriedAgain(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := natsio.Connect(t.Context(), natsio.Config{URL: "nats://127.0.0.1:1", ConnectWait: time.Millisecond}, nil, reg); !errors.Is(err, natsio.ErrUnavailable) {
		t.Fatalf("Connect to nothing = %v, want ErrUnavailable", err)
	}
	b, err := natsio.Connect(t.Context(), natsio.Config{URL: openServer(t).URL()}, nil, reg)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
}
