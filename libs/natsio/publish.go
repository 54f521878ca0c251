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

// Publish publishes msgs in order and returns when the bus has stored all of them. Each needs an ID; a message whose
// ID the stream has seen within its duplicate window is dropped by the bus and counts as stored.
//
// The error joins the failures. It wraps ErrUnavailable when the bus could not be reached or could not store, and
// ErrDiscarded if nothing failed but a discard-new stream kept what it has; see there. After an error any of msgs may
// have been stored: publish all of them again.
func (b *Bus) Publish(ctx context.Context, msgs ...stage.Message) error {
	var (
		fails  failures
		stored int
	)
	futures := make([]jetstream.PubAckFuture, 0, len(msgs))
	for _, m := range msgs {
		f, err := b.publishAsync(m)
		if err != nil {
			fails.add(m.Subject, err)
			break // keep the order: what follows must not overtake it
		}
		futures = append(futures, f)
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
			stored++
		case err := <-f.Err():
			fails.add(f.Msg().Subject, err)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("publish %d messages: %w", len(msgs), ctx.Err()), fails.err())
		}
	}
	b.metrics.published.WithLabelValues("stored").Add(float64(stored))
	b.metrics.published.WithLabelValues("discarded").Add(float64(fails.discarded))
	b.metrics.published.WithLabelValues("failed").Add(float64(fails.n))
	return fails.err()
}

func (b *Bus) publishAsync(m stage.Message) (jetstream.PubAckFuture, error) {
	if m.ID == "" {
		return nil, fmt.Errorf("message without id: %w", stage.ErrPermanent)
	}
	if b.nc.IsClosed() {
		return nil, nats.ErrConnectionClosed
	}
	if limit := b.nc.MaxPayload(); int64(len(m.Data)) > limit {
		return nil, fmt.Errorf("message %s has %d bytes, the bus takes %d: %w: %w", m.ID, len(m.Data), limit, nats.ErrMaxPayload, stage.ErrPermanent)
	}
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
