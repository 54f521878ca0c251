package stagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// patience bounds every wait of the suite. Nothing in it takes that long.
const patience = 20 * time.Second

// TestBus checks that a bus keeps the promises of stage.Bus. newBus returns an empty bus with the streams of
// natsio.Layout, whose waits between attempts are short.
func TestBus(t *testing.T, newBus func(tb testing.TB) stage.Bus) {
	for name, test := range map[string]func(*suite){
		"messages come in order":                      testOrder,
		"a repeated id is dropped":                    testDuplicate,
		"a message without id is refused":             testNoID,
		"only the filter's subjects come":             testFilter,
		"rows first, then messages, then the ack":     testWriteFirst,
		"a failed write is repeated":                  testWriteFails,
		"a failed message comes before what follows":  testTransient,
		"a permanent error is a dead letter":          testPermanent,
		"a panic is a dead letter":                    testPanic,
		"the last attempt is followed by dead letter": testExhausted,
		"one bad row spoils only its message":         testBadRow,
		"a store that refuses is waited for":          testStoreRefuses,
		"an outage of the store counts no attempt":    testOutage,
		"an outage of the handler counts no attempt":  testHandlerOutage,
		"an interrupted message comes again":          testInterrupted,
		"a second open job is discarded":              testDiscard,
		"a discarded output is success":               testDiscardedOutput,
	} {
		t.Run(name, func(t *testing.T) { test(&suite{T: t, bus: newBus(t)}) })
	}
}

// suite is one test of one bus.
type suite struct {
	*testing.T
	bus stage.Bus
}

func raw(key string, n int) stage.Message {
	return stage.Message{Subject: "bw.obs.raw.test." + key, ID: key + strconv.Itoa(n), Data: strconv.AppendInt(nil, int64(n), 10)}
}

func (s *suite) publish(msgs ...stage.Message) {
	s.Helper()
	if err := s.bus.Publish(s.Context(), msgs...); err != nil {
		s.Fatal(err)
	}
}

// consume runs a subscription until stop is called or the test ends.
func (s *suite) consume(sub stage.Subscription) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.bus.Consume(ctx, sub) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.Errorf("Consume = %v, want nil", err)
			}
		case <-time.After(patience):
			s.Error("Consume did not return")
		}
	})
	s.Cleanup(stop)
	return stop
}

// dead consumes the dead-letter stream.
func (s *suite) dead() <-chan stage.Message {
	c := make(chan stage.Message, 100)
	s.consume(stage.Subscription{Stream: wire.StreamDLQ, Consumer: "dead", Filters: []string{wire.AllDLQ}, Handler: sender(c)})
	return c
}

func (s *suite) receive(c <-chan stage.Message) stage.Message {
	s.Helper()
	select {
	case m := <-c:
		return m
	case <-time.After(patience):
		s.Fatal("no message")
		return stage.Message{}
	}
}

// ids receives n messages and returns "id/attempt" of each.
func (s *suite) ids(c <-chan stage.Message, n int) []string {
	s.Helper()
	var ids []string
	for range n {
		m := s.receive(c)
		ids = append(ids, fmt.Sprintf("%s/%d", m.ID, m.Attempt))
	}
	return ids
}

func (s *suite) equal(what string, got, want any) {
	s.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s mismatch (-want +got):\n%s", what, diff)
	}
}

// sender is a handler that passes on what it gets and has nothing to say.
func sender(c chan<- stage.Message) stage.Handler {
	return stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		select {
		case c <- in:
			return stage.Result{}, nil
		case <-ctx.Done():
			return stage.Result{}, ctx.Err()
		}
	})
}

// rawSubscription reads raw observations.
func rawSubscription(h stage.Handler) stage.Subscription {
	return stage.Subscription{Stream: wire.StreamObs, Consumer: "conformance", Filters: []string{wire.AllRaw}, Handler: h}
}

// row is what the handlers of the suite make of a message.
func row(in stage.Message) stage.Row { return record.Event{ID: in.ID} }

func rowIDs(sink *Sink) []string {
	var ids []string
	for _, e := range Rows[record.Event](sink) {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func testOrder(s *suite) {
	got := make(chan stage.Message, 100)
	var msgs []stage.Message
	var want []string
	for i := range 20 {
		m := raw(string(rune('A'+i%3)), i)
		msgs, want = append(msgs, m), append(want, m.ID+"/1")
	}
	s.publish(msgs...)
	sub := rawSubscription(sender(got))
	sub.Batch = 4
	s.consume(sub)
	s.equal("order", s.ids(got, 20), want)
}

func testDuplicate(s *suite) {
	got := make(chan stage.Message, 10)
	s.consume(rawSubscription(sender(got)))
	s.publish(raw("A", 1), raw("A", 1))
	s.publish(raw("A", 1), raw("A", 2))
	s.equal("messages", s.ids(got, 2), []string{"A1/1", "A2/1"})
}

func testNoID(s *suite) {
	m := raw("A", 1)
	m.ID = ""
	if err := s.bus.Publish(s.Context(), m); !errors.Is(err, stage.ErrPermanent) {
		s.Errorf("Publish without id = %v, want a permanent error", err)
	}
}

func testFilter(s *suite) {
	got := make(chan stage.Message, 10)
	sub := rawSubscription(sender(got))
	sub.Filters = []string{"bw.obs.raw.test.A", "bw.obs.raw.*.C"}
	s.consume(sub)
	s.publish(raw("A", 1), raw("B", 2), raw("C", 3))
	s.equal("messages", s.ids(got, 2), []string{"A1/1", "C3/1"})
}

func testWriteFirst(s *suite) {
	out := make(chan stage.Message, 10)
	valid := rawSubscription(sender(out))
	valid.Consumer, valid.Filters = "valid", []string{wire.AllValid}
	s.consume(valid)

	sink := &Sink{Check: func(string, []stage.Row) error {
		if len(out) > 0 {
			s.Error("published before the rows were written")
		}
		return nil
	}}
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		return stage.Result{
			Rows: []stage.Row{row(in)},
			Out:  []stage.Message{{Subject: "bw.obs.valid.test.A", ID: in.ID + ".out", Header: map[string]string{"ce-id": in.ID}, Data: in.Data}},
		}, nil
	}))
	sub.Sink = sink
	s.consume(sub)
	s.publish(raw("A", 1))
	m := s.receive(out)
	s.equal("output", []string{m.Subject, m.ID, m.Header["ce-id"], string(m.Data)}, []string{"bw.obs.valid.test.A", "A1.out", "A1", "1"})
	s.equal("rows", rowIDs(sink), []string{"A1"})
}

// forgetful counts how often it had to forget.
type forgetful struct {
	stage.HandlerFunc
	forgot chan struct{}
}

func (f forgetful) Forget() { f.forgot <- struct{}{} }

func testWriteFails(s *suite) {
	got := make(chan stage.Message, 100)
	sink := &Sink{}
	sink.Fail(2, errors.New("too many parts"))
	h := forgetful{forgot: make(chan struct{}, 100), HandlerFunc: func(_ context.Context, in stage.Message) (stage.Result, error) {
		got <- in
		return stage.Result{Rows: []stage.Row{row(in)}}, nil
	}}
	s.publish(raw("A", 1), raw("A", 2))
	sub := rawSubscription(h)
	sub.Sink, sub.Batch = sink, 1
	s.consume(sub)
	for attempt := 0; ; {
		m := s.receive(got)
		if m.ID == "A2" {
			s.equal("attempts of A1 before A2", attempt, 3)
			break
		}
		attempt = m.Attempt
	}
	s.equal("Forget calls", len(h.forgot), 2)
	if !slices.Contains(rowIDs(sink), "A1") {
		s.Error("row of A1 not written before A2 was handled")
	}
}

func testTransient(s *suite) {
	got := make(chan stage.Message, 100)
	s.publish(raw("A", 1), raw("A", 2), raw("B", 3), raw("A", 4))
	var failures []stage.Failure
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		if in.ID == "A1" && in.Attempt < 3 {
			return stage.Result{}, errors.New("not now")
		}
		got <- in
		return stage.Result{}, nil
	}))
	sub.Report = func(_ context.Context, f stage.Failure) { failures = append(failures, f) }
	stop := s.consume(sub)
	ids := s.ids(got, 4)
	var a []string
	for _, id := range ids {
		if id[0] == 'A' {
			a = append(a, id[:2])
		}
	}
	s.equal("order within the subject", a, []string{"A1", "A2", "A4"})
	if !slices.Contains(ids, "A1/3") {
		s.Errorf("A1 succeeded as another attempt than its third: %v", ids)
	}
	stop()
	s.equal("reports", len(failures), 2)
	for _, f := range failures {
		s.equal("report", []any{f.Subscription, f.Message.ID, f.Stage, f.DeadLetter}, []any{"conformance", "A1", "handle", false})
	}
}

func testPermanent(s *suite) {
	got := make(chan stage.Message, 100)
	in := raw("A", 1)
	in.Header = map[string]string{"ce-id": "x"}
	s.publish(in, raw("A", 2))
	s.consume(rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		got <- in
		if in.ID == "A1" {
			return stage.Result{}, fmt.Errorf("decode: %w", stage.ErrPermanent)
		}
		return stage.Result{}, nil
	})))
	s.equal("handled", s.ids(got, 2), []string{"A1/1", "A2/1"})
	m := s.receive(s.dead())
	s.equal("subject", m.Subject, wire.DLQ(wire.StreamObs, "conformance"))
	s.equal("data", string(m.Data), "1")
	want := map[string]string{
		"ce-id":                  "x",
		natsio.HeaderReasonClass: "data_integrity", natsio.HeaderReason: "decode: permanent", natsio.HeaderStage: "handle",
		natsio.HeaderSubject: "bw.obs.raw.test.A", natsio.HeaderMessageID: "A1", natsio.HeaderAttempts: "1",
		natsio.HeaderStream: wire.StreamObs, natsio.HeaderStreamSeq: "1",
	}
	delete(m.Header, natsio.HeaderFailedAt) // the wall clock
	s.equal("headers", m.Header, want)
}

func testPanic(s *suite) {
	got := make(chan stage.Message, 100)
	s.publish(raw("A", 1), raw("A", 2))
	s.consume(rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		if in.ID == "A1" {
			panic("index out of range")
		}
		got <- in
		return stage.Result{}, nil
	})))
	s.equal("handled", s.ids(got, 1), []string{"A2/1"})
	m := s.receive(s.dead())
	s.equal("message", m.Header[natsio.HeaderMessageID], "A1")
	s.equal("reason", m.Header[natsio.HeaderReason], "panic: index out of range: permanent")
	s.equal("class", m.Header[natsio.HeaderReasonClass], "operational")
}

func testExhausted(s *suite) {
	reports := make(chan stage.Failure, 100)
	s.publish(raw("A", 1))
	sub := rawSubscription(stage.HandlerFunc(func(context.Context, stage.Message) (stage.Result, error) {
		return stage.Result{}, errors.New("never")
	}))
	sub.MaxDeliver = 3
	sub.Report = func(_ context.Context, f stage.Failure) { reports <- f }
	s.consume(sub)
	m := s.receive(s.dead())
	s.equal("attempts", m.Header[natsio.HeaderAttempts], "3")
	s.equal("reason", m.Header[natsio.HeaderReason], "never")
	for i := 1; i <= 3; i++ {
		f := <-reports
		s.equal("report", []any{f.Message.Attempt, f.DeadLetter}, []any{i, i == 3})
	}
}

func testBadRow(s *suite) {
	sink := &Sink{Check: func(_ string, rows []stage.Row) error {
		if slices.ContainsFunc(rows, func(r stage.Row) bool { e, ok := r.(record.Event); return ok && e.ID == "C3" }) {
			return fmt.Errorf("value out of range: %w", stage.ErrPermanent)
		}
		return nil
	}}
	s.publish(raw("A", 1), raw("B", 2), raw("C", 3), raw("D", 4))
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		return stage.Result{Rows: []stage.Row{row(in)}}, nil
	}))
	sub.Sink = sink
	s.consume(sub)
	dead := s.dead()
	m := s.receive(dead)
	s.equal("dead letter", []string{m.Header[natsio.HeaderMessageID], m.Header[natsio.HeaderStage], m.Header[natsio.HeaderReasonClass]}, []string{"C3", "write", "infrastructure"})
	s.publish(raw("E", 5))
	s.eventually("all rows but the bad one are written", func() bool {
		return slices.Equal(rowIDs(sink), []string{"A1", "B2", "D4", "E5"})
	})
	s.equal("more dead letters", len(dead), 0)
}

func testStoreRefuses(s *suite) {
	sink := &Sink{}
	sink.Fail(8, errors.New("no such table"))
	s.publish(raw("A", 1), raw("B", 2))
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		return stage.Result{Rows: []stage.Row{row(in)}}, nil
	}))
	dead := s.dead()
	sub.Sink, sub.MaxDeliver = sink, 2
	s.consume(sub)
	s.eventually("rows are written", func() bool { return slices.Equal(rowIDs(sink), []string{"A1", "B2"}) })
	s.equal("dead letters", len(dead), 0)
}

func testOutage(s *suite) {
	sink := &Sink{}
	sink.Fail(12, fmt.Errorf("clickhouse: %w", breaker.ErrOpen))
	s.publish(raw("A", 1), raw("B", 2))
	got := make(chan stage.Message, 100)
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		got <- in
		return stage.Result{Rows: []stage.Row{row(in)}}, nil
	}))
	sub.Sink, sub.MaxDeliver = sink, 2
	s.consume(sub)
	s.eventually("rows are written", func() bool { return slices.Equal(rowIDs(sink), []string{"A1", "B2"}) })
	close(got)
	for m := range got {
		s.equal("attempt of "+m.ID, m.Attempt, 1)
	}
}

func testHandlerOutage(s *suite) {
	s.publish(raw("A", 1), raw("A", 2))
	got := make(chan stage.Message, 100)
	calls := 0
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		if calls++; calls < 10 {
			return stage.Result{}, fmt.Errorf("read history: %w", breaker.ErrOpen)
		}
		got <- in
		return stage.Result{}, nil
	}))
	sub.MaxDeliver = 2
	s.consume(sub)
	s.equal("handled", s.ids(got, 2), []string{"A1/1", "A2/1"})
}

func testInterrupted(s *suite) {
	s.publish(raw("A", 1), raw("A", 2))
	stuck := make(chan stage.Message, 1)
	stop := s.consume(rawSubscription(stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		stuck <- in
		<-ctx.Done()
		return stage.Result{}, ctx.Err()
	})))
	s.equal("first", s.ids(stuck, 1), []string{"A1/1"})
	stop()
	got := make(chan stage.Message, 10)
	s.consume(rawSubscription(sender(got)))
	ids := s.ids(got, 2)
	s.equal("first of the second run", ids[0], "A1/2")
	s.equal("then", ids[1][:2], "A2")
}

func job(n int) stage.Message {
	return stage.Message{Subject: "bw.job.train.test.A", ID: "job" + strconv.Itoa(n), Data: []byte{1}}
}

func testDiscard(s *suite) {
	s.publish(job(1))
	if err := s.bus.Publish(s.Context(), job(2)); !errors.Is(err, natsio.ErrDiscarded) {
		s.Errorf("Publish of a second open job = %v, want ErrDiscarded", err)
	}
	got := make(chan stage.Message, 10)
	s.consume(stage.Subscription{Stream: wire.StreamJob, Consumer: "trainer", Filters: []string{wire.AllTrainJobs}, Handler: sender(got)})
	s.equal("jobs", s.ids(got, 1), []string{"job1/1"})
	s.eventually("a job is accepted after the first is done", func() bool {
		err := s.bus.Publish(s.Context(), job(3))
		if err != nil && !errors.Is(err, natsio.ErrDiscarded) {
			s.Fatal(err)
		}
		return err == nil
	})
	s.equal("jobs", s.ids(got, 1), []string{"job3/1"})
}

func testDiscardedOutput(s *suite) {
	s.publish(job(1))
	got := make(chan stage.Message, 10)
	sub := rawSubscription(stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
		got <- in
		return stage.Result{Out: []stage.Message{job(2)}}, nil
	}))
	sub.Batch = 1
	s.consume(sub)
	s.publish(raw("A", 1), raw("A", 2))
	s.equal("handled", s.ids(got, 2), []string{"A1/1", "A2/1"})
}

// eventually waits for what no message tells.
func (s *suite) eventually(what string, ok func() bool) {
	s.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			s.Fatalf("not within %s: %s", patience, what)
		}
	}
}
