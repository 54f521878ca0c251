package monitor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func handle(t *testing.T, w *world, e event.Event) stage.Result {
	t.Helper()
	m := wire.EncodeEvent(e)
	m.Time = w.clock
	res, err := w.h.Handle(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func recorded(t *testing.T, r *Recorder, e event.Event) []stage.Row {
	t.Helper()
	res, err := r.Handle(t.Context(), wire.EncodeEvent(e))
	if err != nil {
		t.Fatal(err)
	}
	return res.Rows
}

func TestRecorder(t *testing.T) {
	at := epoch.Add(time.Minute)
	for name, tc := range map[string]struct {
		in   event.Event
		want record.Event
	}{
		"consumer": {
			event.Event{Lag: &event.Lag{Stream: "S", Consumer: "c", Pending: 3, AckPending: 2, Redelivered: 1, AckFloor: 9, Oldest: 1500 * time.Millisecond}},
			record.Event{Kind: "lag", Code: "consumer", Subject: "S/c", Value: 5, Attributes: map[string]string{
				"pending": "3", "ack_pending": "2", "redelivered": "1", "ack_floor": "9", "oldest_seconds": "1.500", "paused": "false",
			}},
		},
		"state of a consumer": {
			event.Event{Lag: &event.Lag{
				Stream: "S", Consumer: "c", Pending: 3, AckPending: 2, MaxAckPending: 4, Waiting: 1, Deliveries: 11, FirstSeq: 1, LastSeq: 20, Skipped: 6,
				Headroom: time.Hour, PublishRate: 1.5, AckRate: 0.5, ETA: -time.Second, State: "slow", Evidence: "x",
			}},
			record.Event{Kind: "lag", Code: "consumer", Subject: "S/c", Message: "x", Value: 5, Attributes: map[string]string{
				"pending": "3", "ack_pending": "2", "redelivered": "0", "ack_floor": "0", "oldest_seconds": "0.000", "paused": "false",
				"state": "slow", "max_ack_pending": "4", "waiting": "1", "deliveries": "11", "first_seq": "1", "last_seq": "20", "skipped": "6",
				"headroom_seconds": "3600", "publish_rate": "1.5", "ack_rate": "0.5", "eta_seconds": "-1",
			}},
		},
		"age of data": {
			event.Event{Lag: &event.Lag{Series: pjmID(), DataAge: time.Hour, ExpectedAge: 2 * time.Hour}},
			record.Event{Kind: "lag", Code: "data_age", Subject: "eia.PJM", Value: 3600, Threshold: 7200, Attributes: map[string]string{}},
		},
		"error": {
			event.Event{Error: &event.Error{
				Class: event.DataIntegrity, Code: "upstream_schema", Subject: "eia", Condition: event.Raised, Severity: event.Critical,
				Message: "no field value", Attributes: map[string]string{"route": "/x"},
			}},
			record.Event{
				Kind: "error", Class: "data_integrity", Code: "upstream_schema", Condition: "raised", Severity: "critical", Subject: "eia",
				Message: "no field value", Attributes: map[string]string{"route": "/x"},
			},
		},
		"drift": {
			event.Event{Drift: &event.Drift{
				Series: pjmID(), Detector: "bias", Condition: event.Cleared, Statistic: 1, Threshold: 2, ModelID: "m", DataCut: epoch, Message: "x",
			}},
			record.Event{
				Kind: "drift", Class: "model_drift", Code: "bias", Condition: "cleared", Subject: "eia.PJM", Message: "x", Value: 1, Threshold: 2,
				Attributes: map[string]string{"model_id": "m", "data_cut": "2026-03-01T00:00:00Z"},
			},
		},
		"heartbeat": {
			event.Event{Heartbeat: &event.Heartbeat{State: "running", Version: "v1", Interval: 5 * time.Second, Processed: 7, Uptime: time.Minute}},
			record.Event{
				Kind: "heartbeat", Code: "running", Subject: "v-0", Value: 60, Threshold: 5,
				Attributes: map[string]string{"version": "v1", "processed": "7"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.in.ID, tc.in.Service, tc.in.Instance, tc.in.At = "id", "validator", "v-0", at
			tc.want.ID, tc.want.Service, tc.want.Instance, tc.want.At = "id", "validator", "v-0", at
			got := recorded(t, NewRecorder(quietConfig()), tc.in)
			if diff := cmp.Diff([]stage.Row{tc.want}, got); diff != "" {
				t.Errorf("rows mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecorderTakesHeartbeatsNowAndThen(t *testing.T) {
	r := NewRecorder(quietConfig())
	beat := func(second int, instance, state string) int {
		e := event.Event{Service: "trainer", Instance: instance, Heartbeat: &event.Heartbeat{State: state}}
		e.At = epoch.Add(time.Duration(second) * time.Second)
		return len(recorded(t, r, e))
	}
	for i, step := range []struct {
		second          int
		instance, state string
		want            int
	}{
		{0, "a", "starting", 1},
		{5, "a", "running", 1}, // the state changed
		{10, "a", "running", 0},
		{10, "b", "running", 1}, // another instance
		{64, "a", "running", 0},
		{65, "a", "running", 1}, // a minute after the last one recorded
		{70, "a", "stopping", 1},
	} {
		if got := beat(step.second, step.instance, step.state); got != step.want {
			t.Errorf("step %d: %d rows, want %d", i, got, step.want)
		}
	}
	r.Forget()
	if got := beat(71, "a", "stopping"); got != 1 {
		t.Errorf("after Forget: %d rows, want 1: the last one may not be stored", got)
	}
}

func TestHandleRefusesWhatItCannotRead(t *testing.T) {
	w := newWorld(t, quietConfig())
	for name, m := range map[string]stage.Message{
		"noise":      {Data: []byte{0xff, 0xff}},
		"empty":      {},
		"no body":    wire.EncodeEvent(event.Event{ID: "x", Service: "trainer"}),
		"no service": wire.EncodeEvent(event.Event{ID: "x", Heartbeat: &event.Heartbeat{}}),
	} {
		if _, err := w.h.Handle(t.Context(), m); !errors.Is(err, stage.ErrPermanent) {
			t.Errorf("%s: error %v, want one that is permanent", name, err)
		}
	}
}

func TestHandleFailsWhileNothingCanBeKept(t *testing.T) {
	w := newWorld(t, quietConfig())
	w.flush()
	w.busDown = true
	e := event.Event{ID: "1", Service: "ingestor", At: epoch, Error: &event.Error{Code: "upstream_schema", Condition: event.Raised}}
	m := wire.EncodeEvent(e)
	if _, err := w.h.Handle(t.Context(), m); err == nil || errors.Is(err, stage.ErrPermanent) {
		t.Errorf("error %v, want one that is not permanent", err)
	}
	w.busDown = false
	w.deliver(m)
	w.flush()
	if got := w.told(); len(got) != 1 {
		t.Errorf("told %v, want one firing", got)
	}
}

func TestRetraining(t *testing.T) {
	for name, tc := range map[string]struct {
		play [][]happening
		want []string
	}{
		"raised":  {[][]happening{drift(5, event.Raised, 0)}, []string{"eia.PJM.drift.1772323200 as of 2026-03-01 01:30:00"}},
		"cleared": {[][]happening{drift(5, event.Cleared, 0)}, nil},
		"again within the cool-down": {
			[][]happening{drift(5, event.Raised, 0), drift(6, event.Cleared, 1), drift(7, event.Raised, 23)},
			[]string{"eia.PJM.drift.1772323200 as of 2026-03-01 01:30:00"},
		},
		"again after the cool-down": {
			[][]happening{drift(5, event.Raised, 0), drift(6, event.Raised, 24)},
			[]string{"eia.PJM.drift.1772323200 as of 2026-03-01 01:30:00", "eia.PJM.drift.1772409600 as of 2026-03-02 01:30:00"},
		},
		"the same again": {
			[][]happening{drift(5, event.Raised, 0), drift(6, event.Raised, 0)},
			[]string{"eia.PJM.drift.1772323200 as of 2026-03-01 01:30:00"},
		},
		"older data": {
			[][]happening{drift(5, event.Raised, 48), drift(6, event.Raised, 0)},
			[]string{"eia.PJM.drift.1772496000 as of 2026-03-03 01:30:00"},
		},
		"the cool-down survives a restart": {
			[][]happening{drift(5, event.Raised, 0), do(6, func(w *world) { w.restart() }), drift(7, event.Raised, 3)},
			[]string{"eia.PJM.drift.1772323200 as of 2026-03-01 01:30:00"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, quietConfig())
			w.play(20, tc.play...)
			if diff := cmp.Diff(tc.want, w.jobs()); diff != "" {
				t.Errorf("jobs mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetrainingJob(t *testing.T) {
	w := newWorld(t, quietConfig())
	res := handle(t, w, event.Event{
		ID: "1", Service: "forecaster", At: epoch,
		Drift: &event.Drift{Series: pjmID(), Detector: "bias", Condition: event.Raised, DataCut: epoch},
	})
	if len(res.Out) != 1 || res.Out[0].Subject != "bw.job.train.eia.PJM" {
		t.Fatalf("out = %+v, want one job on bw.job.train.eia.PJM", res.Out)
	}
	got, err := wire.DecodeJob(res.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	want := forecast.Job{
		Series: pjmID(), ID: "eia.PJM.drift.1772323200", Reason: forecast.Drift,
		AsOf: epoch.Add(time.Hour), RequestedAt: epoch, RequestedBy: "forecaster bias",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("job mismatch (-want +got):\n%s", diff)
	}
}

// Handle and Flush are called from two goroutines; the race detector is the oracle.
func TestHandleAndFlushTogether(t *testing.T) {
	w := newWorld(t, quietConfig())
	locked := &lockedWorld{w: w}
	h, err := New(quietConfig(), locked, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 500 {
			e := event.Event{ID: fmt.Sprint(i), Service: "ingestor", At: epoch, Error: &event.Error{Code: "upstream_schema", Subject: fmt.Sprint(i % 7), Condition: event.Raised}}
			if _, err := h.Handle(t.Context(), wire.EncodeEvent(e)); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 200 {
			if err := h.Flush(t.Context(), locked, locked); err != nil {
				t.Error(err)
			}
			h.Stats()
		}
	})
	wg.Wait()
	if err := h.Flush(t.Context(), locked, locked); err != nil {
		t.Fatal(err)
	}
	if got := len(w.alerts()); got != 7 {
		t.Errorf("%d alerts told, want 7", got)
	}
	w.checkHistory()
}

func FuzzHandle(f *testing.F) {
	for _, e := range []event.Event{
		{ID: "1", Service: "s", At: epoch, Lag: &event.Lag{Stream: "S", Consumer: "c", Pending: math.MaxUint64, AckPending: 1}},
		{ID: "2", Service: "s", At: epoch, Lag: &event.Lag{Series: pjmID(), DataAge: math.MaxInt64, ExpectedAge: -1}},
		{ID: "3", Service: "s", Drift: &event.Drift{Statistic: math.NaN(), Threshold: math.Inf(1)}},
		{ID: "4", Service: "s", Heartbeat: &event.Heartbeat{Interval: math.MinInt64}},
		{ID: "5", Service: "s", Error: &event.Error{Code: "bw.*.>", Message: "\x00"}},
	} {
		f.Add(wire.EncodeEvent(e).Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t, DefaultConfig())
		m := stage.Message{Subject: "bw.event.x.y", ID: "1", Data: data, Time: w.clock}
		if _, err := w.h.Handle(t.Context(), m); err != nil && !errors.Is(err, stage.ErrPermanent) {
			t.Errorf("Handle: %v; only a permanent error can come from data", err)
		}
		w.flush()
		w.checkHistory()
	})
}

// lockedWorld lets two goroutines use a world.
type lockedWorld struct {
	mu sync.Mutex
	w  *world
}

func (l *lockedWorld) Keys(ctx context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (*memoryState)(l.w).Keys(ctx)
}

func (l *lockedWorld) Get(ctx context.Context, key string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (*memoryState)(l.w).Get(ctx, key)
}

func (l *lockedWorld) Put(ctx context.Context, key string, value []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (*memoryState)(l.w).Put(ctx, key, value)
}

func (l *lockedWorld) Delete(ctx context.Context, key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (*memoryState)(l.w).Delete(ctx, key)
}

func (l *lockedWorld) Publish(ctx context.Context, msgs ...stage.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Publish(ctx, msgs...)
}

func (l *lockedWorld) Write(ctx context.Context, token string, rows []stage.Row) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(ctx, token, rows)
}

// discard takes everything and keeps nothing.
type discard struct{}

func (discard) Publish(context.Context, ...stage.Message) error  { return nil }
func (discard) Write(context.Context, string, []stage.Row) error { return nil }

func BenchmarkHandleLag(b *testing.B) {
	benchmarkHandle(b, func(i int) event.Event {
		return event.Event{Service: "validator", Lag: &event.Lag{Stream: "S", Consumer: fmt.Sprint("c", i%20), Pending: 5, AckFloor: uint64(i)}}
	})
}

func BenchmarkHandleDataAge(b *testing.B) {
	benchmarkHandle(b, func(i int) event.Event {
		id := pjmID()
		id.Key = fmt.Sprint(i % 3000)
		return event.Event{Service: "ingestor", Lag: &event.Lag{Series: id, DataAge: time.Hour, ExpectedAge: time.Hour}}
	})
}

func BenchmarkHandleError(b *testing.B) {
	benchmarkHandle(b, func(i int) event.Event {
		return event.Event{Service: "ingestor", Error: &event.Error{Code: "upstream_schema", Subject: fmt.Sprint(i % 50), Condition: event.Raised, Message: "m"}}
	})
}

// BenchmarkHandleFlapping raises and clears 50 alerts for ever: every event changes what is kept.
func BenchmarkHandleFlapping(b *testing.B) {
	benchmarkHandle(b, func(i int) event.Event {
		c := event.Raised
		if i/50%2 == 1 {
			c = event.Cleared
		}
		return event.Event{Service: "ingestor", Error: &event.Error{Code: "upstream_schema", Subject: fmt.Sprint(i % 50), Condition: c, Message: "m"}}
	})
}

func benchmarkHandle(b *testing.B, next func(i int) event.Event) {
	b.Helper()
	w := newWorld(b, quietConfig())
	msgs := []stage.Message{}
	for i := range 10_000 {
		e := next(i)
		e.ID, e.Instance, e.At = fmt.Sprint(i), "x-0", epoch
		m := wire.EncodeEvent(e)
		m.Time = epoch
		msgs = append(msgs, m)
	}
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			w.clock = w.clock.Add(time.Second)
			if err := w.h.Flush(b.Context(), w, w); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.h.Handle(b.Context(), msgs[i%len(msgs)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkOpenAlertMemory reports the heap that one open alert takes in the monitor.
func BenchmarkOpenAlertMemory(b *testing.B) {
	const alerts = 10_000
	cfg := quietConfig()
	cfg.MaxOpen = alerts
	for b.Loop() {
		w := newWorld(b, cfg)
		before := heap()
		for i := range alerts {
			e := event.Event{ID: fmt.Sprint(i), Service: "ingestor", Instance: "i-0", At: epoch, Error: &event.Error{
				Class: event.DataIntegrity, Code: "upstream_schema", Subject: fmt.Sprintf("eia.%05d", i), Condition: event.Raised, Severity: event.Warning,
				Message: "field value is missing from the answer of the upstream API",
			}}
			m := wire.EncodeEvent(e)
			m.Time = epoch
			if _, err := w.h.Handle(b.Context(), m); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.h.Flush(b.Context(), discard{}, discard{}); err != nil {
			b.Fatal(err)
		}
		clear(w.bucket) // the bucket is not the monitor's memory
		w.bucket = nil
		b.ReportMetric(float64(heap()-before)/alerts*1000/1024, "KiB/1000alerts")
		runtime.KeepAlive(w)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
