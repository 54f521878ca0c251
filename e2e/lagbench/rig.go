package lagbench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/lag"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// every is the time between reports on the clock of the scripts. The real one is faster: nothing in a report but its
// time depends on it.
const every = 5 * time.Second

// rig is one stream with one consumer, and what is known of them so far.
type rig struct {
	js     jetstream.JetStream
	bus    *natsio.Bus
	rng    *rand.Rand
	stream string
	cfg    jetstream.ConsumerConfig
	cons   jetstream.Consumer
	held   []jetstream.Msg // delivered and not acknowledged
	todo   int             // published and not acknowledged
	now    time.Time
	window lag.Window
	last   []lag.Sample // of the window, for Burrow
}

const consumerName = "worker"

// newRig makes a stream that keeps at most so many messages and a consumer of it. Every other stream has subjects that
// the consumer does not read.
func newRig(ctx context.Context, js jetstream.JetStream, bus *natsio.Bus, name string, seed uint64, most int64) (*rig, error) {
	r := &rig{
		js: js, bus: bus, rng: rand.New(rand.NewPCG(seed, 1)), stream: name,
		now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), window: lag.Window{Every: every},
	}
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{name + ".>"}, Storage: jetstream.MemoryStorage, MaxMsgs: most, MaxAge: time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	r.cfg = jetstream.ConsumerConfig{
		Durable: consumerName, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxAckPending: 20 + r.rng.IntN(200), MaxDeliver: -1,
	}
	if seed%2 == 1 {
		r.cfg.FilterSubject = name + ".work"
	}
	return r, r.create(ctx)
}

func (r *rig) create(ctx context.Context) error {
	var err error
	if r.cons, err = r.js.CreateConsumer(ctx, r.stream, r.cfg); err != nil {
		return fmt.Errorf("consumer of %s: %w", r.stream, err)
	}
	return nil
}

func (r *rig) remove(ctx context.Context) error {
	r.held = nil
	return r.js.DeleteConsumer(ctx, r.stream, consumerName)
}

// close removes the stream.
func (r *rig) close(ctx context.Context) error { return r.js.DeleteStream(ctx, r.stream) }

// publish adds n messages to work on, and some of no concern when the consumer reads a part only.
func (r *rig) publish(n int) error {
	var acks []jetstream.PubAckFuture
	send := func(subject string) error {
		a, err := r.js.PublishAsync(subject, nil)
		acks = append(acks, a)
		return err
	}
	for range n {
		err := send(r.stream + ".work")
		if err == nil && r.cfg.FilterSubject != "" && r.rng.IntN(4) == 0 {
			err = send(r.stream + ".other")
		}
		if err != nil {
			return err
		}
	}
	for _, a := range acks {
		select {
		case <-a.Ok():
		case err := <-a.Err():
			return err
		}
	}
	r.todo += n
	return nil
}

// patience is how long a script waits for messages that may have left the stream.
const patience = 300 * time.Millisecond

// take has n messages delivered, or as many as there are to deliver.
func (r *rig) take(ctx context.Context, n int) error {
	if n = min(n, r.todo-len(r.held)); n <= 0 {
		return nil
	}
	batch, err := r.cons.Fetch(n, jetstream.FetchMaxWait(patience))
	if err != nil {
		return err
	}
	for m := range batch.Messages() {
		r.held = append(r.held, m)
		n--
	}
	if err := batch.Error(); err != nil || n == 0 {
		return err
	}
	info, err := r.cons.Info(ctx) // some have left the stream, or take long
	if err == nil {
		r.todo = int(info.NumPending) + len(r.held)
	}
	return err
}

// finish acknowledges the n oldest messages in hand.
func (r *rig) finish(ctx context.Context, n int) error {
	n = min(n, len(r.held))
	for i, m := range r.held[:n] {
		err := error(nil)
		if i == n-1 {
			err = m.DoubleAck(ctx) // the bus has all of them when it answers
		} else {
			err = m.Ack()
		}
		if err != nil {
			return err
		}
	}
	r.held = r.held[n:]
	r.todo -= n
	return nil
}

// work finishes n messages.
func (r *rig) work(ctx context.Context, n int) error {
	for n > 0 {
		had := min(n, r.cfg.MaxAckPending)
		if err := r.take(ctx, had); err != nil {
			return err
		}
		if len(r.held) == 0 {
			return nil
		}
		n -= len(r.held)
		if err := r.finish(ctx, len(r.held)); err != nil {
			return err
		}
	}
	return nil
}

// putBack refuses everything in hand, which the bus delivers again at once.
func (r *rig) putBack() error {
	for _, m := range r.held {
		if err := m.Nak(); err != nil {
			return err
		}
	}
	r.held = nil
	return nil
}

// counted asks until the bus has counted what was published: that takes a moment, which the five seconds between two
// reports of a service are ample for and the compressed clock is not. What has left the stream is never counted.
func (r *rig) counted(ctx context.Context) {
	for range 50 {
		info, err := r.cons.Info(ctx)
		if err != nil || int(info.NumPending)+info.NumAckPending >= r.todo {
			return
		}
	}
}

// report reads the consumer as a service does, and moves the clock on.
func (r *rig) report(ctx context.Context) {
	r.counted(ctx)
	l, err := r.bus.Lag(ctx, r.stream, consumerName)
	s := lag.Sample{At: r.now, Lag: l, Err: err != nil}
	if errors.Is(err, natsio.ErrNotFound) {
		s.Err, s.Lag.Missing = false, true
	}
	r.window.Add(s)
	r.last = append(r.last, s)
	if len(r.last) > lag.Size {
		r.last = r.last[1:]
	}
	r.now = r.now.Add(every)
}

// judge returns what our rules and what Burrow's make of the reports.
func (r *rig) judge() (ours lag.Verdict, burrow lag.State) {
	now := r.last[len(r.last)-1].At
	return r.window.Judge(now), lag.Burrow(r.last, now)
}
