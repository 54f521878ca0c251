package natsio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Consumer names a durable consumer.
type Consumer struct {
	Stream  string
	Name    string
	Filters []string // subjects; empty means all of the stream
	Created time.Time
}

// Consumers returns the durable consumers of the streams of Layout, by stream and name. Streams that do not exist
// have none.
func (b *Bus) Consumers(ctx context.Context) ([]Consumer, error) {
	var all []Consumer
	streams, _ := Layout()
	for _, s := range streams {
		stream, err := b.js.Stream(ctx, s.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, apiError("list consumers of "+s.Name, err)
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			if info.Config.Durable != "" {
				all = append(all, Consumer{Stream: s.Name, Name: info.Name, Filters: filters(info.Config), Created: info.Created})
			}
		}
		if err := list.Err(); err != nil {
			return nil, apiError("list consumers of "+s.Name, err)
		}
	}
	slices.SortFunc(all, func(x, y Consumer) int {
		return strings.Compare(x.Stream+" "+x.Name, y.Stream+" "+y.Name)
	})
	return all, nil
}

// Lag returns how far consumer is behind. The error wraps ErrNotFound when there is no such stream or consumer.
func (b *Bus) Lag(ctx context.Context, stream, consumer string) (event.Lag, error) {
	c, err := b.js.Consumer(ctx, stream, consumer)
	if err != nil {
		return event.Lag{}, apiError("lag of "+stream+" "+consumer, err)
	}
	info := c.CachedInfo()
	lag := event.Lag{
		Stream:      stream,
		Consumer:    consumer,
		Pending:     info.NumPending,
		AckPending:  uint64(max(info.NumAckPending, 0)),
		Redelivered: uint64(max(info.NumRedelivered, 0)),
		AckFloor:    info.AckFloor.Stream,
		Paused:      info.Paused,
	}
	if lag.Pending+lag.AckPending == 0 {
		return lag, nil
	}
	stored, err := b.oldest(ctx, stream, filters(info.Config), info.AckFloor.Stream+1)
	if err != nil {
		return event.Lag{}, apiError("lag of "+stream+" "+consumer, err)
	}
	if !stored.IsZero() {
		lag.Oldest = max(time.Since(stored), 0)
	}
	return lag, nil
}

// oldest returns when the first message at or after sequence seq of any of subjects was stored; zero if none is left.
func (b *Bus) oldest(ctx context.Context, stream string, subjects []string, seq uint64) (time.Time, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return time.Time{}, fmt.Errorf("look up stream: %w", err)
	}
	if len(subjects) == 0 {
		subjects = []string{">"}
	}
	var first time.Time
	for _, subject := range subjects {
		m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("oldest of %s: %w", subject, err)
		}
		if first.IsZero() || m.Time.Before(first) {
			first = m.Time
		}
	}
	return first, nil
}

// PauseConsumer stops deliveries to consumer until the given time. Messages keep arriving in the stream.
func (b *Bus) PauseConsumer(ctx context.Context, stream, consumer string, until time.Time) error {
	_, err := b.js.PauseConsumer(ctx, stream, consumer, until)
	return apiError("pause "+stream+" "+consumer, err)
}

// ResumeConsumer ends a pause; it does nothing for a consumer that is not paused.
func (b *Bus) ResumeConsumer(ctx context.Context, stream, consumer string) error {
	_, err := b.js.ResumeConsumer(ctx, stream, consumer)
	return apiError("resume "+stream+" "+consumer, err)
}

// Last returns the newest message of subject, which may have wildcards, and false when there is none.
func (b *Bus) Last(ctx context.Context, stream, subject string) (stage.Message, bool, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return stage.Message{}, false, apiError("last of "+stream, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return stage.Message{}, false, nil
	}
	if err != nil {
		return stage.Message{}, false, apiError("last of "+subject, err)
	}
	id := m.Header.Get(jetstream.MsgIDHeader)
	if id == "" {
		id = fmt.Sprintf("%s:%d", stream, m.Sequence)
	}
	return stage.Message{Subject: m.Subject, ID: id, Header: fromHeader(m.Header), Data: m.Data, Time: m.Time}, true, nil
}

func filters(c jetstream.ConsumerConfig) []string {
	if c.FilterSubject != "" {
		return []string{c.FilterSubject}
	}
	return c.FilterSubjects
}

// apiError wraps err with what was asked, and with the sentinel callers branch on. Nil stays nil.
func apiError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case notFound(err):
		return fmt.Errorf("%s: %w: %w", what, ErrNotFound, err)
	case busDown(err):
		return fmt.Errorf("%s: %w: %w", what, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
