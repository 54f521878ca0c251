package natsio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Consumer names a durable consumer. The parts of one that is divided count as one.
type Consumer struct {
	Stream  string
	Name    string
	Filters []string // subjects; empty means all of the stream
	Created time.Time
}

// Keys of a consumer's metadata.
const (
	metaConsumer  = "bellwether.consumer"
	metaPartition = "bellwether.partition"
)

// durable returns the name that a consumer, or a partition of it, has on the server.
func durable(consumer, partition string) string {
	if partition == "" {
		return consumer
	}
	return consumer + "_" + partition
}

// metadata says which part of which consumer s is.
func metadata(s stage.Subscription) map[string]string {
	if s.Partition == "" {
		return nil
	}
	return map[string]string{metaConsumer: s.Consumer, metaPartition: s.Partition}
}

// Consumers returns the durable consumers of the streams of Layout, by stream and name. Streams that do not exist
// have none.
func (b *Bus) Consumers(ctx context.Context) ([]Consumer, error) {
	var all []Consumer
	streams, _ := Layout()
	for _, s := range streams {
		_, infos, err := b.durables(ctx, s.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, apiError("list consumers of "+s.Name, err)
		}
		all = append(all, join(s.Name, infos)...)
	}
	return all, nil
}

// join returns the consumers that infos are, or are the partitions of, by name.
func join(stream string, infos []*jetstream.ConsumerInfo) []Consumer {
	byName := map[string]Consumer{}
	for _, info := range infos {
		name := cmp.Or(info.Config.Metadata[metaConsumer], info.Name)
		c, ok := byName[name]
		if !ok {
			c = Consumer{Stream: stream, Name: name, Created: info.Created}
		}
		c.Filters = append(c.Filters, filters(info.Config)...)
		slices.Sort(c.Filters)
		if info.Created.Before(c.Created) {
			c.Created = info.Created
		}
		byName[name] = c
	}
	return slices.SortedFunc(maps.Values(byName), func(x, y Consumer) int { return strings.Compare(x.Name, y.Name) })
}

// durables returns a stream as it was just before, and its durable consumers.
func (b *Bus) durables(ctx context.Context, stream string) (jetstream.Stream, []*jetstream.ConsumerInfo, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return nil, nil, fmt.Errorf("look up stream: %w", err)
	}
	var infos []*jetstream.ConsumerInfo
	list := s.ListConsumers(ctx)
	for info := range list.Info() {
		if info.Config.Durable != "" {
			infos = append(infos, info)
		}
	}
	return s, infos, list.Err() //nolint:wrapcheck // apiError wraps it
}

// parts returns the consumer of that name, or all partitions of it, and its stream as it was just before. The error
// wraps jetstream.ErrConsumerNotFound when there is neither, or a partition is missing.
func (b *Bus) parts(ctx context.Context, stream, consumer string) (jetstream.Stream, []*jetstream.ConsumerInfo, error) {
	s, infos, err := b.durables(ctx, stream)
	if err != nil {
		return nil, nil, err
	}
	var parts []*jetstream.ConsumerInfo
	for _, info := range infos {
		switch consumer {
		case info.Name:
			return s, []*jetstream.ConsumerInfo{info}, nil
		case info.Config.Metadata[metaConsumer]:
			parts = append(parts, info)
		}
	}
	if len(parts) < wire.Partitions {
		return nil, nil, fmt.Errorf("%d of %d partitions: %w", len(parts), wire.Partitions, jetstream.ErrConsumerNotFound)
	}
	return s, parts, nil
}

// Lag returns how far consumer is behind, all its partitions together: counts are sums, Oldest is that of the one most
// behind, and everything up to AckFloor is done. The error wraps ErrNotFound when there is no such stream or consumer.
func (b *Bus) Lag(ctx context.Context, stream, consumer string) (event.Lag, error) {
	lag, err := b.lag(ctx, stream, consumer)
	return lag, apiError("lag of "+stream+" "+consumer, err)
}

func (b *Bus) lag(ctx context.Context, stream, consumer string) (event.Lag, error) {
	s, infos, err := b.parts(ctx, stream, consumer)
	if err != nil {
		return event.Lag{}, err
	}
	// The stream was looked at first: what is gone from it had been gone before the consumers were asked.
	of := s.CachedInfo()
	lag := event.Lag{
		Stream: stream, Consumer: consumer, FirstSeq: of.State.FirstSeq, LastSeq: of.State.LastSeq, KeepsNewest: of.Config.MaxMsgsPerSubject > 0,
	}
	todo := uint64(math.MaxUint64) // first message of all that is not done
	for _, info := range infos {
		count(&lag, info)
		if info.NumPending == 0 && info.NumAckPending == 0 {
			continue
		}
		seq, stored, err := oldest(ctx, s, filters(info.Config), info.AckFloor.Stream+1)
		if err != nil {
			return event.Lag{}, err
		}
		if !stored.IsZero() {
			lag.Oldest = max(lag.Oldest, time.Since(stored))
			todo = min(todo, seq)
		}
	}
	if todo < math.MaxUint64 {
		lag.OldestSeq = todo
		if len(infos) > 1 {
			lag.AckFloor = todo - 1 // the partitions that have nothing to do are done up to there
		}
	}
	if lag.Oldest > 0 && of.Config.MaxAge > 0 {
		lag.Headroom = max(of.Config.MaxAge-lag.Oldest, time.Nanosecond)
	}
	return lag, nil
}

// count adds the numbers of a consumer, or of one of its partitions, to those of all.
func count(lag *event.Lag, info *jetstream.ConsumerInfo) {
	unacked := max(info.NumAckPending, 0)
	lag.Pending += info.NumPending
	lag.AckPending += uint64(unacked)
	lag.Redelivered += uint64(max(info.NumRedelivered, 0))
	lag.Waiting += uint64(max(info.NumWaiting, 0))
	lag.AckFloor = max(lag.AckFloor, info.AckFloor.Stream)
	lag.Delivered = max(lag.Delivered, info.Delivered.Stream)
	lag.Deliveries += info.Delivered.Consumer
	lag.Paused = lag.Paused || info.Paused
	if info.Created.After(lag.Created) {
		lag.Created = info.Created
	}
	if most := info.Config.MaxAckPending; most > 0 {
		lag.MaxAckPending += uint64(most)
		if unacked >= most && info.NumPending > 0 {
			lag.Full++
		}
	}
	if info.NumPending > 0 && unacked == 0 && info.NumWaiting == 0 && !info.Paused {
		lag.Unpulled++
	}
	// Only of a consumer that reads everything does the sequence tell what was not delivered.
	if len(filters(info.Config)) == 0 && !lag.KeepsNewest && lag.FirstSeq > info.Delivered.Stream+1 {
		lag.Skipped += lag.FirstSeq - info.Delivered.Stream - 1
	}
}

// oldest returns the first message at or after sequence seq of any of subjects, and when it was stored; zero if none
// is left.
func oldest(ctx context.Context, s jetstream.Stream, subjects []string, seq uint64) (uint64, time.Time, error) {
	if len(subjects) == 0 {
		subjects = []string{">"}
	}
	var first jetstream.RawStreamMsg
	for _, subject := range subjects {
		m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, time.Time{}, fmt.Errorf("oldest of %s: %w", subject, err)
		}
		if first.Sequence == 0 || m.Sequence < first.Sequence {
			first = *m
		}
	}
	return first.Sequence, first.Time, nil
}

// PauseConsumer stops deliveries to consumer, all its partitions, until the given time. Messages keep arriving in the
// stream.
func (b *Bus) PauseConsumer(ctx context.Context, stream, consumer string, until time.Time) error {
	return apiError("pause "+stream+" "+consumer, b.each(ctx, stream, consumer, func(name string) error {
		_, err := b.js.PauseConsumer(ctx, stream, name, until)
		return err //nolint:wrapcheck // apiError wraps it
	}))
}

// ResumeConsumer ends a pause; it does nothing for a consumer that is not paused.
func (b *Bus) ResumeConsumer(ctx context.Context, stream, consumer string) error {
	return apiError("resume "+stream+" "+consumer, b.each(ctx, stream, consumer, func(name string) error {
		_, err := b.js.ResumeConsumer(ctx, stream, name)
		return err //nolint:wrapcheck // apiError wraps it
	}))
}

// each calls f with the name of consumer, or of each of its partitions.
func (b *Bus) each(ctx context.Context, stream, consumer string, f func(name string) error) error {
	_, infos, err := b.parts(ctx, stream, consumer)
	for _, info := range infos {
		err = errors.Join(err, f(info.Name))
	}
	return err
}

// Last returns the newest message of subject, which may have wildcards, and false when there is none.
func (b *Bus) Last(ctx context.Context, stream, subject string) (stage.Message, bool, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return stage.Message{}, false, apiError("last of "+stream, err)
	}
	m, err := s.GetLastMsgForSubject(ctx, wire.Stored(subject))
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
	return stage.Message{Subject: wire.Published(m.Subject), ID: id, Header: fromHeader(m.Header), Data: m.Data, Time: m.Time}, true, nil
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
