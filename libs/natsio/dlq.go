package natsio

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

const (
	// listBatch is how many dead letters are asked for at once; without their payloads they are small.
	listBatch = 500
	// listIdle is how long the server keeps the consumer of a listing that died.
	listIdle = time.Minute
)

// ErrNoOrigin says that a dead letter does not tell where it was published, so that it cannot be published again.
var ErrNoOrigin = errors.New("no original subject")

// DeadLetter is a message that a consumer gave up, as BW_DLQ keeps it. Somebody may have put other messages there:
// what a message does not say is zero.
type DeadLetter struct {
	Seq      uint64    // in BW_DLQ
	FailedAt time.Time // when it was given up, UTC; when it was stored if it does not say
	Stream   string    // it was read from
	Consumer string    // that gave it up, as a token of a subject
	Class    event.Class
	Reason   string // the error, one line
	Stage    string // "handle", "write" or "publish"
	Attempts int    // how often it was handled

	Subject string            // it was published on
	ID      string            // it had
	Header  map[string]string // it had
	Size    int               // bytes of payload
	Data    []byte            // payload; nil in a list
}

// DeadLetters returns what is in BW_DLQ now, oldest first and without payloads. With a consumer, only what that one gave
// up. The error wraps ErrNotFound when there is no such stream.
func (b *Bus) DeadLetters(ctx context.Context, consumer string) ([]DeadLetter, error) {
	list, err := b.deadLetters(ctx, consumer)
	return list, apiError("list dead letters", err)
}

func (b *Bus) deadLetters(ctx context.Context, consumer string) (list []DeadLetter, err error) {
	cfg := jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true, MemoryStorage: true, InactiveThreshold: listIdle}
	if consumer != "" {
		cfg.FilterSubject = "bw.dlq.*." + wire.Token(consumer)
	}
	c, err := b.js.CreateConsumer(ctx, wire.StreamDLQ, cfg)
	if err != nil {
		return nil, fmt.Errorf("create consumer: %w", err)
	}
	defer func() {
		err = errors.Join(err, b.js.DeleteConsumer(context.WithoutCancel(ctx), wire.StreamDLQ, c.CachedInfo().Name))
	}()
	// A fetch without waiting ends when the stream does, even if somebody removes dead letters meanwhile.
	for ctx.Err() == nil {
		msgs, err := collect(c.FetchNoWait(listBatch))
		if err != nil {
			return nil, fmt.Errorf("fetch: %w", err)
		}
		if len(msgs) == 0 {
			return list, nil
		}
		for _, m := range msgs {
			meta, err := m.Metadata()
			if err != nil {
				return nil, fmt.Errorf("read metadata: %w", err)
			}
			d := newDeadLetter(meta.Sequence.Stream, m.Subject(), m.Headers(), meta.Timestamp)
			d.Size = number(m.Headers().Get("Nats-Msg-Size"))
			list = append(list, d)
		}
	}
	return nil, ctx.Err()
}

// DeadLetter returns one dead letter with its payload. The error wraps ErrNotFound when it is gone.
func (b *Bus) DeadLetter(ctx context.Context, seq uint64) (DeadLetter, error) {
	what := fmt.Sprintf("dead letter %d", seq)
	if seq == 0 {
		return DeadLetter{}, fmt.Errorf("%s: %w", what, ErrNotFound) // sequences begin with 1; the server takes 0 for none given
	}
	s, err := b.js.Stream(ctx, wire.StreamDLQ)
	if err != nil {
		return DeadLetter{}, apiError(what, err)
	}
	m, err := s.GetMsg(ctx, seq)
	if err != nil {
		return DeadLetter{}, apiError(what, err)
	}
	d := newDeadLetter(m.Sequence, m.Subject, m.Header, m.Time)
	d.Data, d.Size = m.Data, len(m.Data)
	return d, nil
}

// Replay publishes a dead letter again where it was published first, and removes it from BW_DLQ once the bus has it. It
// returns what it replayed. Every consumer of the subject gets it as a new message, not only the one that gave it up;
// tables absorb the repetition.
//
// Its new id depends on the old one and seq alone: who repeats a Replay that was cut short, or replays beside somebody
// else, leaves one message. The error wraps ErrNotFound when the dead letter is gone, ErrNoOrigin when it cannot be
// replayed, and ErrDiscarded when the stream refused the message; it then stays in BW_DLQ.
func (b *Bus) Replay(ctx context.Context, seq uint64) (DeadLetter, error) {
	d, err := b.DeadLetter(ctx, seq)
	if err != nil {
		return d, err
	}
	if d.Subject == "" {
		return d, fmt.Errorf("replay dead letter %d: %w", seq, ErrNoOrigin)
	}
	m := stage.Message{Subject: d.Subject, ID: fmt.Sprintf("%s.replay.%d", d.ID, seq), Header: d.Header, Data: d.Data}
	if err := b.Publish(ctx, m); err != nil {
		return d, fmt.Errorf("replay dead letter %d: %w", seq, err)
	}
	// Whoever removed it in between replayed it too, under the same id, or did not want it.
	if err := b.removeDeadLetter(ctx, seq); err != nil && !errors.Is(err, ErrNotFound) {
		return d, err
	}
	return d, nil
}

// Discard removes a dead letter for good and returns it. The error wraps ErrNotFound when it is gone already.
func (b *Bus) Discard(ctx context.Context, seq uint64) (DeadLetter, error) {
	d, err := b.DeadLetter(ctx, seq)
	if err != nil {
		return d, err
	}
	return d, b.removeDeadLetter(ctx, seq)
}

func (b *Bus) removeDeadLetter(ctx context.Context, seq uint64) error {
	what := fmt.Sprintf("remove dead letter %d", seq)
	s, err := b.js.Stream(ctx, wire.StreamDLQ)
	if err != nil {
		return apiError(what, err)
	}
	err = s.DeleteMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		// The server has one code for every reason; a message that is not there is no failure worth that name.
		if _, gone := s.GetMsg(ctx, seq); notFound(gone) {
			return fmt.Errorf("%s: %w", what, ErrNotFound)
		}
	}
	return apiError(what, err)
}

// newDeadLetter reads the headers that deadLetter wrote, and takes them out again.
func newDeadLetter(seq uint64, subject string, header nats.Header, stored time.Time) DeadLetter {
	h := fromHeader(header)
	d := DeadLetter{
		Seq:      seq,
		FailedAt: stored.UTC(),
		Stream:   h[HeaderStream],
		Consumer: subject[strings.LastIndexByte(subject, '.')+1:],
		Class:    event.Class(h[HeaderReasonClass]),
		Reason:   h[HeaderReason],
		Stage:    h[HeaderStage],
		Attempts: number(h[HeaderAttempts]),
		Subject:  h[HeaderSubject],
		ID:       h[HeaderMessageID],
	}
	if t, err := time.Parse(time.RFC3339Nano, h[HeaderFailedAt]); err == nil {
		d.FailedAt = t.UTC()
	}
	for _, name := range []string{
		HeaderReasonClass, HeaderReason, HeaderStage, HeaderSubject, HeaderMessageID, HeaderAttempts, HeaderStream, HeaderStreamSeq, HeaderFailedAt,
	} {
		delete(h, name)
	}
	d.Header = h
	return d
}

// number returns 0 for what is not one.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
