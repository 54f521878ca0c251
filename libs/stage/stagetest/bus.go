// Package stagetest runs stage handlers in memory, for tests of services.
//
// Bus keeps the promises of natsio.Bus without its waits: both pass TestBus. Sink records rows.
package stagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

var _ stage.Bus = (*Bus)(nil)

// Bus is a stage.Bus in memory, with the streams of natsio.Layout. The zero value is an empty bus. It is safe for
// concurrent use.
//
// What is delayed on the real bus happens at once here: a message that failed comes back at the next turn, and a
// message id is remembered for ever.
type Bus struct {
	// Now is the clock that gives messages their time. Nil means time.Now.
	Now func() time.Time

	mu        sync.Mutex
	messages  []*entry // in the order of publication, of all streams
	ids       map[string]bool
	readers   []*reader
	published chan struct{} // closed and replaced when a message arrives
}

// entry is one message of one stream.
type entry struct {
	stream string
	seq    int // in the bus, from 1
	msg    stage.Message
	gone   bool // acknowledged in a work queue
}

// Publish stores msgs, each in the stream of its subject. It fails like the real one: with natsio.ErrDiscarded when a
// discard-new stream is full, and with natsio.ErrUnavailable for a subject without a stream.
func (b *Bus) Publish(ctx context.Context, msgs ...stage.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publish %d messages: %w", len(msgs), err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var discarded error
	for _, m := range msgs {
		err := b.publish(m)
		if errors.Is(err, natsio.ErrDiscarded) {
			discarded = err
			continue
		}
		if err != nil {
			return err
		}
	}
	if b.published != nil {
		close(b.published)
		b.published = nil
	}
	return discarded
}

func (b *Bus) publish(m stage.Message) error {
	if m.ID == "" {
		return fmt.Errorf("publish %s: message without id: %w", m.Subject, stage.ErrPermanent)
	}
	s, ok := streamOf(m.Subject)
	if !ok {
		return fmt.Errorf("publish %s: no stream has this subject: %w", m.Subject, natsio.ErrUnavailable)
	}
	if b.ids[s.Name+" "+m.ID] {
		return nil
	}
	if s.DiscardNew && s.MaxPerSubject > 0 && b.count(s.Name, m.Subject) >= s.MaxPerSubject {
		return fmt.Errorf("publish %s: %w", m.Subject, natsio.ErrDiscarded)
	}
	if b.ids == nil {
		b.ids = map[string]bool{}
	}
	b.ids[s.Name+" "+m.ID] = true
	m.Header, m.Data = maps.Clone(m.Header), slices.Clone(m.Data)
	m.Time, m.Attempt = b.now(), 0
	b.messages = append(b.messages, &entry{stream: s.Name, seq: len(b.messages) + 1, msg: m})
	return nil
}

func (b *Bus) count(stream, subject string) (n int64) {
	for _, e := range b.messages {
		if e.stream == stream && e.msg.Subject == subject && !e.gone {
			n++
		}
	}
	return n
}

// Consume implements stage.Bus.
func (b *Bus) Consume(ctx context.Context, s stage.Subscription) error {
	r := b.reader(s)
	for ctx.Err() == nil {
		arrival := b.arrival()
		progress, err := r.turn(ctx)
		switch {
		case progress:
		case err != nil: // an outage: look again soon
			pause(ctx, time.Millisecond)
		default:
			select {
			case <-arrival:
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// Subscribe adds a subscription that Drain drives. Subscriptions with the same stream and consumer share its state,
// as when a service is started again.
func (b *Bus) Subscribe(s stage.Subscription) { b.reader(s) }

func (b *Bus) reader(s stage.Subscription) *reader {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.readers {
		if r.sub.Stream == s.Stream && r.sub.Consumer == s.Consumer {
			r.setSubscription(s)
			return r
		}
	}
	r := newReader(b, s)
	b.readers = append(b.readers, r)
	return r
}

// Drain lets all subscriptions, those of Subscribe and those of Consume, handle messages until there is nothing left
// to handle, including what they published meanwhile. It returns an error when a dependency of a subscription is
// down, so that it cannot go on, or when ctx is done.
func (b *Bus) Drain(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("drain: %w", err)
		}
		b.mu.Lock()
		readers := slices.Clone(b.readers)
		b.mu.Unlock()
		quiet := true
		for _, r := range readers {
			progress, err := r.turn(ctx)
			if err != nil {
				return fmt.Errorf("drain %s: %w", r.name(), err)
			}
			quiet = quiet && !progress
		}
		if quiet {
			return nil
		}
	}
}

// Messages returns what was published on the subjects that filter matches, in order. Filters have wildcards, for
// example wire.AllValid; ">" matches everything.
func (b *Bus) Messages(filter string) []stage.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []stage.Message
	for _, e := range b.messages {
		if Match(filter, e.msg.Subject) {
			out = append(out, e.msg)
		}
	}
	return out
}

// DeadLetters returns the messages that were given up, with their headers.
func (b *Bus) DeadLetters() []stage.Message { return b.Messages(wire.AllDLQ) }

// arrival returns a channel that is closed when the next message is published.
func (b *Bus) arrival() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.published == nil {
		b.published = make(chan struct{})
	}
	return b.published
}

func (b *Bus) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

func streamOf(subject string) (natsio.Stream, bool) {
	streams, _ := natsio.Layout()
	for _, s := range streams {
		if slices.ContainsFunc(s.Subjects, func(f string) bool { return Match(f, subject) }) {
			return s, true
		}
	}
	return natsio.Stream{}, false
}

// Match reports whether a subject matches a filter with the wildcards "*", one token, and ">", one or more at the end.
func Match(filter, subject string) bool {
	f, s := strings.Split(filter, "."), strings.Split(subject, ".")
	for i, token := range f {
		if token == ">" {
			return len(s) > i
		}
		if i >= len(s) || (token != "*" && token != s[i]) {
			return false
		}
	}
	return len(f) == len(s)
}

// pause waits for d, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
