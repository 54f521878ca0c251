package natsio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Messages of one stream are stored as atomic batches (ADR-50): the server syncs a whole batch to disk at once, where
// it would sync every other message on its own.
const (
	// minBatch is where a batch, which costs a folder and three syncs however short it is, becomes cheaper than its
	// messages one by one; see BenchmarkBatchSize.
	minBatch = 32
	// maxBatch and maxBatchBytes bound what the server has to stage, and what a commit waits for. The server refuses
	// batches of more than 1000 messages.
	maxBatch      = 1000
	maxBatchBytes = 16 << 20
	// batchRecheck is how long a stream found not to take batches is left alone; a provisioning may change that.
	batchRecheck = time.Minute
)

// commit stores msgs, all of one stream and in this order, or none of them.
func (b *Bus) commit(ctx context.Context, msgs []stage.Message) error {
	ctx, cancel := b.untilDisconnected(ctx)
	defer cancel()
	batch, err := jetstreamext.NewBatchPublisher(b.js, jetstreamext.BatchFlowControl{AckTimeout: b.cfg.Timeout})
	if err != nil {
		return fmt.Errorf("open batch: %w", err)
	}
	last := len(msgs) - 1
	for _, m := range msgs[:last] {
		// Not waited for: what goes wrong with one message is in the answer to the commit.
		if err := batch.AddMsg(toNATS(m)); err != nil {
			return fmt.Errorf("send batch: %w", err)
		}
	}
	if _, err := batch.CommitMsg(ctx, toNATS(msgs[last])); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("commit %d messages: %w", len(msgs), err)
	}
	return nil
}

// untilDisconnected bounds ctx by the time an answer may take, and ends it when the connection is lost: the answer to
// what was sent before that never comes.
func (b *Bus) untilDisconnected(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, expire := context.WithTimeout(ctx, b.cfg.Timeout)
	ctx, cancel := context.WithCancelCause(ctx)
	lost := b.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	go func() {
		if _, changed := <-lost; changed {
			cancel(nats.ErrDisconnected)
		}
	}()
	return ctx, func() {
		b.nc.RemoveStatusListener(lost) // closes it
		cancel(nil)
		expire()
	}
}

// refused reports whether the server answered that it does not take the batch, as opposed to not answering. The usual
// reason is that it has one of the messages already. Published one by one, each gets an answer of its own.
func refused(err error) bool {
	_, answered := errors.AsType[*jetstream.APIError](err)
	return answered || errors.Is(err, jetstreamext.ErrInvalidBatchAck) || errors.Is(err, jetstream.ErrInvalidJSAck)
}

// batchLen returns how many of msgs make one batch.
func batchLen(msgs []stage.Message) int {
	size := 0
	for i, m := range msgs {
		size += len(m.Data)
		if i == maxBatch || i > 0 && size > maxBatchBytes {
			return i
		}
	}
	return len(msgs)
}

// group is the messages of one Publish that go to one stream, in order.
type group struct {
	stream string // empty when no stream of Layout has the subject
	msgs   []stage.Message
}

// grouped sorts msgs by stream. Streams come in the order of their first message.
func grouped(msgs []stage.Message) []group {
	var groups []group
next:
	for _, m := range msgs {
		stream := streamOf(m.Subject)
		for i := range groups {
			if groups[i].stream == stream {
				groups[i].msgs = append(groups[i].msgs, m)
				continue next
			}
		}
		groups = append(groups, group{stream, []stage.Message{m}})
	}
	return groups
}

// streamOf returns the stream of Layout that has subject, or nothing.
func streamOf(subject string) string {
	for _, s := range streams() {
		for _, filter := range s.Subjects {
			if strings.HasPrefix(subject, strings.TrimSuffix(filter, ">")) {
				return s.Name
			}
		}
	}
	return ""
}

// batching knows which streams take batches. A server that has no batches, and a stream provisioned before there were
// any, shows them as not allowed.
type batching struct {
	mu    sync.Mutex
	known map[string]batchingState
}

type batchingState struct {
	allowed bool
	until   time.Time // when to ask again; of those not allowed
}

// takesBatches reports whether stream is known to take batches.
func (b *Bus) takesBatches(ctx context.Context, stream string) bool {
	if stream == "" {
		return false
	}
	b.batching.mu.Lock()
	state, ok := b.batching.known[stream]
	b.batching.mu.Unlock()
	if ok && (state.allowed || time.Now().Before(state.until)) {
		return state.allowed
	}
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return false // publishing tells what is wrong
	}
	allowed := s.CachedInfo().Config.AllowAtomicPublish
	b.batching.set(stream, allowed)
	return allowed
}

// batchRefused notes that stream does not take batches, when that is what the server says.
func (b *Bus) batchRefused(stream string, err error) {
	if errors.Is(err, jetstreamext.ErrBatchPublishNotEnabled) || errors.Is(err, jetstreamext.ErrInvalidBatchAck) {
		b.batching.set(stream, false)
	}
}

func (k *batching) set(stream string, allowed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]batchingState{}
	}
	k.known[stream] = batchingState{allowed: allowed, until: time.Now().Add(batchRecheck)}
}
