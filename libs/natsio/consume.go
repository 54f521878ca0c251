package natsio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const (
	defaultBatch      = 64
	defaultLinger     = 5 * time.Millisecond
	defaultAckWait    = 10 * time.Second // what a crash leaves in flight waits for as long
	defaultMaxDeliver = 8

	// A pull ends after pullExpiry even if nothing came, and is given up when the server is silent for two
	// heartbeats, so that no lost request can stall a consumer for long.
	pullExpiry    = 5 * time.Second
	pullHeartbeat = time.Second

	minAckPending = 1000 // room for messages put back with a delay beside those being handled
)

// Consume implements stage.Bus. It creates or updates the durable consumer, waits for the stream as long as it does
// not exist, and goes on by itself when the connection or the server is lost. It returns an error only when the
// subscription cannot work as it is, for instance because its filters overlap.
//
// Messages are handled one at a time. The results of up to s.Batch of them are written, then published, then the
// messages are acknowledged. What happens otherwise:
//
//	handler: permanent error or panic   dead letter, then terminated
//	handler: a dependency is down       called again in place, with waits, until it is up; no attempt is counted
//	handler: other error                put back with a delay; dead letter after s.MaxDeliver attempts
//	write or publish: store or bus down tried again in place, with waits, until it is up; no attempt is counted
//	write or publish: permanent error   each message tried on its own; dead letter for those that fail
//	write or publish: other error       state forgotten (stage.Forgetter), the batch put back with a delay, without end
//	dead letter cannot be published     put back with a delay; nothing is terminated unless it is in BW_DLQ
//	ctx done                            nothing more is acknowledged; what is not finished is put back at once
//
// While a message is worked on, or waits in place, the server is told so every third of s.AckWait.
//
// Order: a message that was put back holds back later messages of its subject until it has been handled or given up,
// so the handler sees each subject in order. Messages of other subjects go on. A message delivered more than twice is
// written and published on its own, so that one that cannot be stored does not keep others waiting. Several processes
// on one consumer share its messages, in no order; see Share for replicas that keep it.
func (b *Bus) Consume(ctx context.Context, s stage.Subscription) error {
	if s.Stream == "" || s.Consumer == "" || s.Handler == nil {
		return fmt.Errorf("consume %q of %q: stream, consumer and handler are needed: %w", s.Consumer, s.Stream, stage.ErrPermanent)
	}
	c := newConsumer(b, s)
	for tries := 1; ; tries++ {
		pull, err := c.attach(ctx)
		if err == nil {
			tries = 1
			err = c.run(ctx, pull)
		}
		if done(ctx) {
			return nil
		}
		if misconfigured(err) {
			return fmt.Errorf("consume %s of %s: %w", s.Consumer, s.Stream, err)
		}
		if errors.Is(err, errReconnected) {
			continue
		}
		c.log.Warn("consumer interrupted, trying again", zap.Int("tries", tries), zap.Error(err))
		wait(ctx, min(time.Duration(tries)*reconnectWait, pullExpiry))
	}
}

// done reports whether ctx has ended, which ends work without being an error.
func done(ctx context.Context) bool { return ctx.Err() != nil }

// consumer is one running subscription. It is used by one goroutine.
type consumer struct {
	sub     stage.Subscription
	durable string // name of the consumer on the server
	bus     *Bus
	log     *zap.Logger
	metrics consumerMetrics
	holds   holds
	busy    bool // the last pull was full, so the next one will hardly have to wait

	connection uint64 // reconnections when an exclusive subscription was attached
}

func newConsumer(b *Bus, s stage.Subscription) *consumer {
	if s.Batch <= 0 {
		s.Batch = defaultBatch
	}
	if s.Linger == 0 {
		s.Linger = defaultLinger
	}
	if s.AckWait <= 0 {
		s.AckWait = defaultAckWait
	}
	if s.MaxDeliver <= 0 {
		s.MaxDeliver = defaultMaxDeliver
	}
	if s.Sink == nil {
		s.Sink = noSink{}
	}
	return &consumer{
		sub:     s,
		durable: durable(s.Consumer, s.Partition),
		bus:     b,
		log:     b.log.With(zap.String("stream", s.Stream), zap.String("consumer", durable(s.Consumer, s.Partition))),
		metrics: b.metrics.consumer(s.Consumer),
		holds:   newHolds(s.AckWait),
	}
}

// attach waits for the stream and makes the durable consumer what the subscription says.
func (c *consumer) attach(ctx context.Context) (jetstream.Consumer, error) {
	if err := c.awaitStream(ctx); err != nil {
		return nil, err
	}
	cfg := jetstream.ConsumerConfig{
		Durable:        c.durable,
		Description:    "bellwether " + c.bus.cfg.Name,
		Metadata:       metadata(c.sub),
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        c.sub.AckWait,
		MaxDeliver:     -1, // attempts are ours to count: the server would drop the message silently
		FilterSubjects: stored(c.sub.Filters),
		MaxAckPending:  max(minAckPending, 4*c.sub.Batch),
	}
	old, err := c.bus.js.Consumer(ctx, c.sub.Stream, c.durable)
	switch {
	case err == nil:
		// An update without it would resume a consumer that somebody paused.
		cfg.PauseUntil = old.CachedInfo().Config.PauseUntil
	case !notFound(err):
		return nil, fmt.Errorf("look up consumer: %w", err)
	}
	pull, err := c.bus.js.CreateOrUpdateConsumer(ctx, c.sub.Stream, cfg)
	if err != nil {
		return nil, fmt.Errorf("create consumer: %w", err)
	}
	if c.sub.Exclusive {
		if err := c.startOver(ctx); err != nil {
			return nil, err
		}
	}
	return pull, nil
}

// startOver makes the server deliver again, in order and before anything new, all that is not acknowledged. Otherwise
// what an earlier process, or connection, had in work would come back after AckWait, behind later messages of its
// subject. Attempts are counted from one again, so a message that goes on failing gets more of them.
func (c *consumer) startOver(ctx context.Context) error {
	c.connection = c.bus.nc.Stats().Reconnects
	if _, err := c.bus.js.ResetConsumer(ctx, c.sub.Stream, c.durable); err != nil {
		return fmt.Errorf("reset consumer (the server must be 2.14 or newer): %w", err)
	}
	c.holds = newHolds(c.sub.AckWait)
	c.forget()
	return nil
}

func (c *consumer) awaitStream(ctx context.Context) error {
	for tries := 0; ; tries++ {
		_, err := c.bus.js.Stream(ctx, c.sub.Stream)
		if err == nil {
			return nil
		}
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("look up stream: %w", err)
		}
		if tries%30 == 0 {
			c.log.Warn("stream does not exist, waiting for it; provision the bus")
		}
		if !wait(ctx, min(time.Duration(tries+1)*100*time.Millisecond, 2*time.Second)) {
			return ctx.Err()
		}
	}
}

// errReconnected ends a run of an exclusive subscription whose connection was lost: replies of the server may be lost
// with it, and messages in them.
var errReconnected = errors.New("reconnected")

// run pulls and processes batches until ctx is done or pulling fails.
func (c *consumer) run(ctx context.Context, pull jetstream.Consumer) error {
	for ctx.Err() == nil {
		// Requests sent now would be answered to nobody after the reconnection.
		if c.bus.nc.Status() != nats.CONNECTED {
			if !wait(ctx, reconnectWait/5) {
				break
			}
			continue
		}
		if c.sub.Exclusive && c.bus.nc.Stats().Reconnects != c.connection {
			return errReconnected
		}
		msgs, err := c.pull(ctx, pull)
		if len(msgs) > 0 {
			c.process(ctx, msgs)
		}
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, jetstream.ErrNoHeartbeat) {
			return err
		}
	}
	return nil
}

// pull returns the messages of one batch, or none when nothing came for a while. Nothing is requested in advance: a
// message waiting in a buffer here would use up its AckWait, or overtake an earlier one that is put back.
func (c *consumer) pull(ctx context.Context, pull jetstream.Consumer) ([]jetstream.Msg, error) {
	if c.busy {
		msgs, _ := collect(pull.FetchNoWait(c.sub.Batch)) // what is wrong shows again below
		c.busy = len(msgs) == c.sub.Batch
		if len(msgs) > 0 {
			return msgs, nil
		}
	}
	msgs, err := collect(pull.Fetch(1, jetstream.FetchContext(expiring(ctx, pullExpiry)), jetstream.FetchHeartbeat(pullHeartbeat)))
	if len(msgs) == 0 || err != nil || c.sub.Batch == 1 {
		c.busy = len(msgs) > 0
		return msgs, err
	}
	more, err := c.more(ctx, pull)
	c.busy = len(more) == c.sub.Batch-1
	return append(msgs, more...), err
}

// more returns what completes a batch that has begun.
func (c *consumer) more(ctx context.Context, pull jetstream.Consumer) ([]jetstream.Msg, error) {
	if c.sub.Linger < 0 {
		return collect(pull.FetchNoWait(c.sub.Batch - 1))
	}
	return collect(pull.Fetch(c.sub.Batch-1, jetstream.FetchContext(expiring(ctx, c.sub.Linger))))
}

func collect(b jetstream.MessageBatch, err error) ([]jetstream.Msg, error) {
	if err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	var msgs []jetstream.Msg
	for m := range b.Messages() {
		msgs = append(msgs, m)
	}
	if err := b.Error(); err != nil {
		return msgs, fmt.Errorf("pull: %w", err)
	}
	return msgs, nil
}

// expiry is a context whose deadline is told to the server but not enforced here. If it were, a message sent by the
// server in the last moment would be lost until AckWait has passed, and be overtaken by later ones.
type expiry struct {
	context.Context
	at time.Time
}

// expiring returns a context that makes the server end a pull after d. nats.go asks the server for 90 % of the time
// to the deadline.
func expiring(ctx context.Context, d time.Duration) context.Context {
	return expiry{Context: ctx, at: time.Now().Add(d * 10 / 9)}
}

// Deadline returns when the server shall end the pull.
func (e expiry) Deadline() (time.Time, bool) { return e.at, true }

// misconfigured tells errors of the subscription itself from those that pass.
func misconfigured(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code >= 400 && api.Code < 500 && !notFound(err)
	}
	return errors.Is(err, jetstream.ErrInvalidConsumerName) || errors.Is(err, jetstream.ErrInvalidStreamName) ||
		errors.Is(err, nats.ErrConnectionClosed)
}

// noSink stands in for a sink that the subscription does not have.
type noSink struct{}

func (noSink) Write(_ context.Context, _ string, rows []stage.Row) error {
	return fmt.Errorf("%d rows but no sink: %w", len(rows), stage.ErrPermanent)
}
