package natsio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Stages of handling, as stage.Failure names them.
const (
	stageHandle  = "handle"
	stageWrite   = "write"
	stagePublish = "publish"
)

// errPanic marks a permanent error that was a panic of the handler.
var errPanic = errors.New("panic")

// process handles the messages of one batch and settles each of them.
func (c *consumer) process(ctx context.Context, msgs []jetstream.Msg) {
	start := time.Now()
	batch := c.receive(msgs)
	stop := c.keepAlive(batch)
	defer stop()

	var ready []*delivery // handled, and waiting to be committed
	for _, d := range batch {
		if delay, blocked := c.holds.blocks(d, time.Now()); blocked {
			c.settle(d, outcomeHeld, func() error { return d.msg.NakWithDelay(delay) })
			continue
		}
		if c.alone(d) {
			c.commit(ctx, ready)
			ready = nil
		}
		res, err := c.handle(ctx, d)
		switch {
		case ctx.Err() != nil:
			c.abandon(batch)
			return
		case err != nil:
			c.failed(ctx, d, stageHandle, err)
			continue
		}
		d.res = res
		c.holds.lift(d) // if it is not stored, it is put back together with what follows in this batch
		ready = append(ready, d)
		if c.alone(d) {
			c.commit(ctx, ready)
			ready = nil
		}
	}
	c.commit(ctx, ready)
	if ctx.Err() != nil {
		c.abandon(batch)
		return
	}
	c.metrics.batch.Observe(time.Since(start).Seconds())
}

func (c *consumer) receive(msgs []jetstream.Msg) []*delivery {
	batch := make([]*delivery, 0, len(msgs))
	for _, m := range msgs {
		d, err := newDelivery(m)
		if err != nil { // not a message of the consumer, so there is nothing to settle either
			c.log.Error("stray message", zap.Error(err))
			continue
		}
		if d.in.Attempt > 1 {
			c.metrics.redelivered.Inc()
		}
		d.in.Attempt = c.holds.attempt(d)
		batch = append(batch, d)
	}
	return batch
}

// alone says whether d is committed on its own: after two failures its neighbours shall not suffer from it, nor it
// from them.
func (c *consumer) alone(d *delivery) bool { return d.in.Attempt > 2 }

// handle calls the handler, again and again while something it depends on is down.
func (c *consumer) handle(ctx context.Context, d *delivery) (stage.Result, error) {
	var res stage.Result
	err := c.insist(ctx, stageHandle, d, func() (err error) {
		res, err = c.call(ctx, d.in)
		return err
	})
	return res, err
}

func (c *consumer) call(ctx context.Context, in stage.Message) (res stage.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("handler panicked", zap.Any("panic", r), zap.String("subject", in.Subject), zap.ByteString("stack", debug.Stack()))
			res, err = stage.Result{}, fmt.Errorf("%w: %v: %w", errPanic, r, stage.ErrPermanent)
		}
	}()
	return c.sub.Handler.Handle(ctx, in)
}

// commit writes the rows of group, publishes its messages and acknowledges, in this order.
func (c *consumer) commit(ctx context.Context, group []*delivery) {
	if len(group) == 0 || ctx.Err() != nil {
		return
	}
	at, err := c.store(ctx, group)
	switch {
	case err == nil:
		for _, d := range group {
			c.ack(d)
		}
	case ctx.Err() != nil:
		// Not settled: process gives the batch back.
	case len(group) > 1 && errors.Is(err, stage.ErrPermanent):
		// One of them spoils the others; storing what is stored already does no harm.
		for _, d := range group {
			c.commit(ctx, []*delivery{d})
		}
	default:
		c.forget()
		for _, d := range group {
			c.failed(ctx, d, at, err)
		}
	}
}

// store returns the stage that failed with its error.
func (c *consumer) store(ctx context.Context, group []*delivery) (string, error) {
	var (
		rows []stage.Row
		out  []stage.Message
	)
	for _, d := range group {
		rows = append(rows, d.res.Rows...)
		out = append(out, d.res.Out...)
	}
	if len(rows) > 0 {
		token := c.token(group)
		err := c.insist(ctx, stageWrite, group[0], func() error { return c.sub.Sink.Write(ctx, token, rows) })
		if err != nil {
			return stageWrite, err
		}
	}
	if len(out) > 0 {
		err := c.insist(ctx, stagePublish, group[0], func() error { return c.bus.Publish(ctx, out...) })
		if err != nil && !errors.Is(err, ErrDiscarded) {
			return stagePublish, err
		}
	}
	return "", nil
}

// token identifies the rows of group: they depend only on its messages and on who handled them.
func (c *consumer) token(group []*delivery) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", c.sub.Stream, c.sub.Consumer)
	for _, d := range group {
		fmt.Fprintf(h, "%d %s\n", len(d.in.ID), d.in.ID)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// insist does work until it succeeds, fails for a reason that is not an outage, or ctx is done. Meanwhile the
// messages stay ours, and no attempt is counted: an outage of hours must not end in the dead-letter stream.
func (c *consumer) insist(ctx context.Context, at string, d *delivery, work func() error) error {
	for n := 1; ; n++ {
		err := work()
		if ctx.Err() != nil || !Outage(at, err) {
			return err
		}
		c.metrics.outage(at)
		c.report(ctx, d, at, err, false)
		if !wait(ctx, min(c.bus.backoff.after(n), c.sub.AckWait)) {
			return err
		}
	}
}

// failed decides what becomes of a message that was not handled or not stored. A store that does not take rows without
// saying that the rows are at fault, because a table is missing for instance, is to be mended: the messages wait for
// that, however long it takes.
func (c *consumer) failed(ctx context.Context, d *delivery, at string, err error) {
	if at != stageHandle {
		c.holds.excuse(d)
	}
	exhausted := at == stageHandle && c.holds.failures(d) >= c.sub.MaxDeliver
	if exhausted || errors.Is(err, stage.ErrPermanent) {
		dead := c.deadLetter(ctx, d, at, err)
		if dead == nil {
			c.report(ctx, d, at, err, true)
			c.terminate(d, err.Error())
			return
		}
		if ctx.Err() != nil {
			return
		}
		c.log.Error("dead letter not stored, message put back", zap.Uint64("seq", d.seq), zap.Error(dead))
	}
	c.report(ctx, d, at, err, false)
	c.putBack(d, c.bus.backoff.after(d.in.Attempt))
}

func (c *consumer) report(ctx context.Context, d *delivery, at string, err error, dead bool) {
	if c.sub.Report == nil {
		return
	}
	c.sub.Report(ctx, stage.Failure{Subscription: c.sub.Consumer, Message: d.in, Err: err, Stage: at, DeadLetter: dead})
}
