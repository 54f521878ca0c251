package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/stage/stagetest"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// rows is a handler that makes one row of each message.
func rows(_ context.Context, in stage.Message) (stage.Result, error) {
	return stage.Result{Rows: []stage.Row{record.Event{ID: in.ID}}}, nil
}

// written returns the distinct ids of rows, sorted: what a view of the store would show.
func written(s *stagetest.Sink) []string {
	var ids []string
	for _, e := range stagetest.Rows[record.Event](s) {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func rawSubscription(sink stage.Sink) stage.Subscription {
	return stage.Subscription{
		Stream: wire.StreamObs, Consumer: "failure", Filters: []string{wire.AllRaw}, Sink: sink,
		Handler: stage.HandlerFunc(rows),
	}
}

// A server that is stopped and started again on its files and port loses nothing that was acknowledged, and consumer
// and publisher go on by themselves.
func TestServerRestart(t *testing.T) {
	dir := t.TempDir()
	s := openServerAt(t, dir, "127.0.0.1:0")
	addr := strings.TrimPrefix(s.URL(), "nats://")
	b := connect(t, s.URL())
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	sink := &stagetest.Sink{}
	sub := rawSubscription(sink)
	sub.Batch = 8
	sub.AckWait = 2 * time.Second // what was on its way when the server stopped comes again after this
	consume(t, b, sub)

	const n = 300
	var want []string
	for i := range n {
		if i == 100 || i == 200 {
			if err := s.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if b.Ready() == nil {
				eventually(t, "bus notices", func() bool { return b.Ready() != nil })
			}
			s = openServerAt(t, dir, addr)
		}
		m := rawMessage(i)
		want = append(want, m.ID)
		eventually(t, "published "+m.ID, func() bool {
			err := b.Publish(t.Context(), m)
			if err != nil && !errors.Is(err, natsio.ErrUnavailable) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	slices.Sort(want)
	defer func() {
		if t.Failed() {
			lag, err := b.Lag(context.Background(), wire.StreamObs, "failure")
			t.Logf("lag %+v, %v; %d rows", lag, err, len(written(sink)))
		}
	}()
	eventually(t, "all rows", func() bool { return len(written(sink)) == n })
	if diff := cmp.Diff(want, written(sink)); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
}

// Whatever way the sink fails, every row is there in the end and no message is given up.
func TestSinkFailures(t *testing.T) {
	for name, err := range map[string]error{
		"breaker open": breaker.ErrOpen,
		"exception":    errors.New("memory limit exceeded"),
		"deadline":     context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			b := openBus(t)
			sink := &stagetest.Sink{}
			sink.Fail(5, fmt.Errorf("insert: %w", err))
			consume(t, b, rawSubscription(sink))
			var want []string
			for i := range 10 {
				want = append(want, rawMessage(i).ID)
				if err := b.Publish(t.Context(), rawMessage(i)); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "all rows", func() bool { return cmp.Equal(written(sink), want) })
			if _, found, err := b.Last(t.Context(), wire.StreamDLQ, wire.AllDLQ); err != nil || found {
				t.Errorf("dead letter found: %v, %v", found, err)
			}
			eventually(t, "all acknowledged", func() bool {
				lag, err := b.Lag(t.Context(), wire.StreamObs, "failure")
				return err == nil && lag.Pending == 0 && lag.AckPending == 0
			})
		})
	}
}

// An outage longer than AckWait does not let the server redeliver, since the transport says that it still works on
// the messages.
func TestOutageLongerThanAckWait(t *testing.T) {
	b := openBus(t)
	sink := &stagetest.Sink{}
	var mu sync.Mutex
	attempts := map[string]int{}
	down := true
	sink.Check = func(string, []stage.Row) error {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return breaker.ErrOpen
		}
		return nil
	}
	sub := rawSubscription(sink)
	sub.AckWait = ms(300)
	sub.Handler = stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		mu.Lock()
		attempts[in.ID]++
		mu.Unlock()
		return rows(ctx, in)
	})
	consume(t, b, sub)
	for i := range 3 {
		if err := b.Publish(t.Context(), rawMessage(i)); err != nil {
			t.Fatal(err)
		}
	}
	outage := time.After(ms(1500))
	<-outage
	mu.Lock()
	down = false
	mu.Unlock()
	eventually(t, "all rows", func() bool { return len(written(sink)) == 3 })
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(map[string]int{"m0": 1, "m1": 1, "m2": 1}, attempts); diff != "" {
		t.Errorf("handler calls mismatch (-want +got):\n%s", diff)
	}
}

// Between write and acknowledgement the process ends: the message comes again as attempt 2, and the row is written
// twice with the same content.
func TestKilledBetweenWriteAndAck(t *testing.T) {
	b := openBus(t)
	ctx, kill := context.WithCancel(t.Context())
	sink := &stagetest.Sink{Check: func(string, []stage.Row) error {
		kill()
		return nil
	}}
	attempts := make(chan int, 10)
	sub := rawSubscription(sink)
	sub.Handler = stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		attempts <- in.Attempt
		res, err := rows(ctx, in)
		res.Out = []stage.Message{{Subject: "bw.obs.valid.test.A", ID: in.ID + ".v", Data: in.Data}}
		return res, err
	})
	if err := b.Publish(t.Context(), rawMessage(1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Consume(ctx, sub); err != nil {
		t.Fatal(err)
	}
	if b.Processed() != 0 {
		t.Error("message acknowledged although the process was killed before")
	}
	sink.Check = nil
	consume(t, b, sub)
	eventually(t, "processed", func() bool { return b.Processed() == 1 })
	if first, second := <-attempts, <-attempts; first != 1 || second != 2 {
		t.Errorf("attempts %d, %d, want 1, 2", first, second)
	}
	if got := written(sink); !slices.Equal(got, []string{"m1"}) {
		t.Errorf("rows %v, want m1 alone", got)
	}
}

// A process that dies without a word gives nothing back; its messages come again after AckWait.
func TestConnectionDies(t *testing.T) {
	s := openServer(t)
	b := connect(t, s.URL())
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), rawMessage(1)); err != nil {
		t.Fatal(err)
	}
	dying := connect(t, s.URL())
	sub := rawSubscription(nil)
	sub.AckWait = ms(500)
	ctx, cancel := context.WithCancel(t.Context())
	sub.Handler = stage.HandlerFunc(func(context.Context, stage.Message) (stage.Result, error) {
		dying.Close()
		cancel()
		return stage.Result{}, nil
	})
	if err := dying.Consume(ctx, sub); err != nil {
		t.Fatal(err)
	}
	attempts := make(chan int, 10)
	sub.Handler = stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		attempts <- in.Attempt
		return stage.Result{}, nil
	})
	consume(t, b, sub)
	if got := <-attempts; got != 2 {
		t.Errorf("attempt %d after the process died, want 2", got)
	}
}

func TestPauseAndResume(t *testing.T) {
	b := openBus(t)
	sink := &stagetest.Sink{}
	stop := consume(t, b, rawSubscription(sink))
	if err := b.Publish(t.Context(), rawMessage(1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "first row", func() bool { return len(written(sink)) == 1 })
	if err := b.PauseConsumer(t.Context(), wire.StreamObs, "failure", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), rawMessage(2)); err != nil {
		t.Fatal(err)
	}
	// A restart of the service must not end the pause.
	stop()
	consume(t, b, rawSubscription(sink))
	eventually(t, "consumer is paused and behind", func() bool {
		lag, err := b.Lag(t.Context(), wire.StreamObs, "failure")
		return err == nil && lag.Paused && lag.Pending == 1 && lag.Oldest > 0
	})
	if got := written(sink); len(got) != 1 {
		t.Errorf("rows %v while paused, want m1 alone", got)
	}
	if err := b.ResumeConsumer(t.Context(), wire.StreamObs, "failure"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "second row", func() bool { return len(written(sink)) == 2 })
}

// Consume waits for a stream that is provisioned later, and makes its consumer again when somebody deletes it.
func TestConsumerComesBack(t *testing.T) {
	s := openServer(t)
	b := connect(t, s.URL())
	sink := &stagetest.Sink{}
	consume(t, b, rawSubscription(sink))
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), rawMessage(1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "first row", func() bool { return len(written(sink)) == 1 })

	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteConsumer(t.Context(), wire.StreamObs, "failure"); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), rawMessage(2)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "second row", func() bool { return len(written(sink)) == 2 })
}

func TestConsumeMisconfigured(t *testing.T) {
	b := openBus(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, edit := range map[string]func(*stage.Subscription){
		"overlapping filters": func(s *stage.Subscription) { s.Filters = []string{wire.AllObs, wire.AllRaw} },
		"consumer name":       func(s *stage.Subscription) { s.Consumer = "a.b" },
		"no handler":          func(s *stage.Subscription) { s.Handler = nil },
	} {
		sub := rawSubscription(nil)
		edit(&sub)
		if err := b.Consume(ctx, sub); err == nil {
			t.Errorf("%s: Consume = nil, want an error", name)
		}
	}
}

func TestMetrics(t *testing.T) {
	s := openServer(t)
	reg := prometheus.NewRegistry()
	b, err := natsio.Connect(t.Context(), natsio.Config{URL: s.URL(), Backoff: []time.Duration{ms(5)}}, nil, reg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	sink := &stagetest.Sink{}
	sink.Fail(1, errors.New("once"))
	consume(t, b, rawSubscription(sink))
	if err := b.Publish(t.Context(), rawMessage(1)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "processed", func() bool { return b.Processed() == 1 })
	want := `
# HELP bellwether_bus_messages_total Messages delivered to a consumer, by what became of them.
# TYPE bellwether_bus_messages_total counter
bellwether_bus_messages_total{consumer="failure",outcome="handled"} 1
bellwether_bus_messages_total{consumer="failure",outcome="retried"} 1
# HELP bellwether_bus_redelivered_total Messages delivered for the second time or later.
# TYPE bellwether_bus_redelivered_total counter
bellwether_bus_redelivered_total{consumer="failure"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "bellwether_bus_messages_total", "bellwether_bus_redelivered_total"); err != nil {
		t.Error(err)
	}
}

func TestConnectFails(t *testing.T) {
	_, err := natsio.Connect(t.Context(), natsio.Config{URL: "nats://127.0.0.1:1", ConnectWait: ms(50)}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "nats://127.0.0.1:1") {
		t.Errorf("Connect to a closed port = %v, want an error that names the address", err)
	}
}

func TestDrain(t *testing.T) {
	s := openServer(t)
	b := connect(t, s.URL())
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Ready(); !errors.Is(err, natsio.ErrUnavailable) {
		t.Errorf("Ready after Drain = %v, want ErrUnavailable", err)
	}
	if err := b.Publish(t.Context(), rawMessage(1)); !errors.Is(err, natsio.ErrUnavailable) {
		t.Errorf("Publish after Drain = %v, want ErrUnavailable", err)
	}
}

func TestTooBigMessage(t *testing.T) {
	b := openBus(t)
	m := rawMessage(1)
	m.Data = make([]byte, natsserver.MaxPayload+1)
	if err := b.Publish(t.Context(), m); !errors.Is(err, stage.ErrPermanent) {
		t.Errorf("Publish of %d bytes = %v, want a permanent error", len(m.Data), err)
	}
}
