package natsio

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// delivery is one message on its way through a consumer. It is settled exactly once.
type delivery struct {
	msg     jetstream.Msg
	in      stage.Message
	seq     uint64 // in the stream
	behind  uint64 // messages waiting behind it when the server sent it
	res     stage.Result
	settled atomic.Bool
}

func newDelivery(m jetstream.Msg) (*delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("read metadata of %s: %w", m.Subject(), err)
	}
	id := m.Headers().Get(jetstream.MsgIDHeader)
	if id == "" {
		id = fmt.Sprintf("%s:%d", meta.Stream, meta.Sequence.Stream)
	}
	return &delivery{msg: m, seq: meta.Sequence.Stream, behind: meta.NumPending, in: stage.Message{
		Subject: wire.Published(m.Subject()),
		ID:      id,
		Header:  fromHeader(m.Headers()),
		Data:    m.Data(),
		Time:    meta.Timestamp,
		Attempt: int(meta.NumDelivered),
	}}, nil
}

// settle sends the final word about the message. If it does not arrive, the message is redelivered, which is
// harmless; so the error is worth a log line only.
func (c *consumer) settle(d *delivery, outcome string, send func() error) {
	if !d.settled.CompareAndSwap(false, true) {
		return
	}
	c.metrics.outcome(outcome)
	if err := send(); err != nil {
		c.log.Warn("message not settled, it will be redelivered", zap.String("outcome", outcome), zap.Uint64("seq", d.seq), zap.Error(err))
	}
}

func (c *consumer) ack(d *delivery) {
	c.holds.forget(d)
	c.settle(d, outcomeHandled, d.msg.Ack)
	c.bus.processed.Add(1)
}

// putBack asks for redelivery after delay and holds back what follows on the subject until then.
func (c *consumer) putBack(d *delivery, delay time.Duration) {
	c.holds.hold(d, time.Now().Add(delay))
	c.settle(d, outcomeRetried, func() error { return d.msg.NakWithDelay(delay) })
}

// terminate is for messages that are in the dead-letter stream.
func (c *consumer) terminate(d *delivery, reason string) {
	c.holds.forget(d)
	c.settle(d, outcomeDeadLetter, func() error { return d.msg.TermWithReason(oneLine(reason)) })
}

// abandon gives unfinished messages back at once when the consumer ends, so that another process need not wait for
// AckWait, and handles them before later ones.
func (c *consumer) abandon(batch []*delivery) {
	c.forget()
	for _, d := range batch {
		c.settle(d, outcomeRetried, d.msg.Nak)
	}
}

// forget tells the handler that results of earlier calls are lost.
func (c *consumer) forget() {
	if f, ok := c.sub.Handler.(stage.Forgetter); ok {
		f.Forget()
	}
}

// keepAlive tells the server now and then that the batch is worked on. The returned function ends that.
func (c *consumer) keepAlive(batch []*delivery) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(c.sub.AckWait / 3)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			for _, d := range batch {
				if d.settled.Load() {
					continue
				}
				if err := d.msg.InProgress(); err != nil {
					c.log.Debug("progress not reported", zap.Uint64("seq", d.seq), zap.Error(err))
				}
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// oneLine makes s fit for a header or an advisory.
func oneLine(s string) string {
	const limit = 512
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
