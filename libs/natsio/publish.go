package natsio

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// maxJoined bounds the failures that one error of Publish spells out.
const maxJoined = 5

// Publish publishes msgs and returns when the bus has stored all of them. Messages of one stream are stored in order,
// those of different streams in any. Each needs an ID; a message whose ID the stream has seen within its duplicate
// window is dropped by the bus and counts as stored.
//
// Several messages of a stream that allows it are stored as batches: the bus syncs each batch to disk at once, and has
// either all of it or nothing. Others are sent one by one, without waiting for the answer before the next.
//
// The error joins the failures. It wraps ErrUnavailable when the bus could not be reached or could not store, and
// ErrDiscarded if nothing failed but a discard-new stream kept what it has; see there. After an error any of msgs may
// have been stored: publish all of them again.
func (b *Bus) Publish(ctx context.Context, msgs ...stage.Message) error {
	p := publication{bus: b}
	for i, m := range msgs {
		if err := b.check(m); err != nil {
			p.fails.add(m.Subject, err)
			msgs = msgs[:i] // keep the order: what follows must not overtake it
			break
		}
	}
	for _, g := range grouped(msgs) {
		if !p.send(ctx, g) {
			break
		}
	}
	p.await(ctx)
	b.metrics.published.WithLabelValues("stored").Add(float64(p.stored))
	b.metrics.published.WithLabelValues("discarded").Add(float64(p.fails.discarded))
	b.metrics.published.WithLabelValues("failed").Add(float64(p.fails.n))
	if ctx.Err() != nil {
		return errors.Join(fmt.Errorf("publish %d messages: %w", len(msgs), ctx.Err()), p.fails.err())
	}
	return p.fails.err()
}

// publication is one call of Publish.
type publication struct {
	bus     *Bus
	futures []jetstream.PubAckFuture // of messages sent one by one
	stored  int
	fails   failures
}

// send publishes the messages of a stream, and returns false when there is no use in going on.
func (p *publication) send(ctx context.Context, g group) bool {
	msgs := g.msgs
	for len(msgs) >= minBatch && p.bus.takesBatches(ctx, g.stream) {
		n := batchLen(msgs)
		err := p.bus.commit(ctx, msgs[:n])
		switch {
		case err == nil:
			p.bus.metrics.batches.WithLabelValues("stored").Inc()
			p.stored += n
			msgs = msgs[n:]
			continue
		case !refused(err):
			p.bus.metrics.batches.WithLabelValues("failed").Inc()
			p.fails.add(fmt.Sprintf("%s and what follows it", msgs[0].Subject), err)
			return false
		}
		p.bus.metrics.batches.WithLabelValues("refused").Inc()
		p.bus.batchRefused(g.stream, err)
		break
	}
	for _, m := range msgs {
		f, err := p.bus.publishAsync(m)
		if err != nil {
			p.fails.add(m.Subject, err)
			return false
		}
		p.futures = append(p.futures, f)
	}
	return true
}

// await collects the answers to the messages that were sent one by one.
func (p *publication) await(ctx context.Context) {
	for _, f := range p.futures {
		select {
		case <-f.Ok():
			p.stored++
		case err := <-f.Err():
			p.fails.add(f.Msg().Subject, err)
		case <-ctx.Done():
			return
		}
	}
}

// check refuses what the bus cannot take.
func (b *Bus) check(m stage.Message) error {
	if m.ID == "" {
		return fmt.Errorf("message without id: %w", stage.ErrPermanent)
	}
	if b.nc.IsClosed() {
		return nats.ErrConnectionClosed
	}
	if limit := b.nc.MaxPayload(); int64(len(m.Data)) > limit {
		return fmt.Errorf("message %s has %d bytes, the bus takes %d: %w: %w", m.ID, len(m.Data), limit, nats.ErrMaxPayload, stage.ErrPermanent)
	}
	return nil
}

func (b *Bus) publishAsync(m stage.Message) (jetstream.PubAckFuture, error) {
	// A full window is back pressure: wait for room as long as for an acknowledgement.
	f, err := b.js.PublishMsgAsync(toNATS(m), jetstream.WithStallWait(b.cfg.Timeout))
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	return f, nil
}

// toNATS keeps the spelling of header names, which nats.Header.Set would not lose but http habits would.
func toNATS(m stage.Message) *nats.Msg {
	h := make(nats.Header, len(m.Header)+1)
	for k, v := range m.Header {
		h[k] = []string{v}
	}
	h[jetstream.MsgIDHeader] = []string{m.ID}
	return &nats.Msg{Subject: m.Subject, Header: h, Data: m.Data}
}

// fromHeader leaves out the headers that mean something to the server, so that a message can be published again as
// it was read.
func fromHeader(h nats.Header) map[string]string {
	if len(h) == 0 {
		return nil
	}
	out := make(map[string]string, len(h))
	for k, v := range h {
		if len(v) > 0 && !strings.HasPrefix(k, "Nats-") {
			out[k] = v[0]
		}
	}
	return out
}

// failures collects what went wrong with the messages of one Publish.
type failures struct {
	n, discarded int
	first        []error
	discard      error
}

func (f *failures) add(subject string, err error) {
	if isDiscarded(err) {
		f.discarded++
		f.discard = fmt.Errorf("publish %s: %w", subject, ErrDiscarded)
		return
	}
	f.n++
	if len(f.first) == maxJoined {
		return
	}
	if busDown(err) && !errors.Is(err, ErrUnavailable) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	f.first = append(f.first, fmt.Errorf("publish %s: %w", subject, err))
}

func (f *failures) err() error {
	if f.n == 0 {
		return f.discard
	}
	if more := f.n - len(f.first); more > 0 {
		return errors.Join(append(f.first, fmt.Errorf("and %d more", more))...)
	}
	return errors.Join(f.first...)
}
