package natsio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

var (
	// ErrUnavailable is wrapped by errors that say nothing about the message: the bus cannot be reached, is starting,
	// or cannot store now. Trying again later can help. It is a stage.ErrUnavailable.
	ErrUnavailable = fmt.Errorf("bus %w", stage.ErrUnavailable)

	// ErrDiscarded says that the stream keeps what it has and dropped the new message, as BW_JOB does for a second
	// job of a series that has an open one. What the message asks for is already asked for: treat it as success, and
	// note it. It is never joined with other errors: when something else failed too, only that is reported.
	ErrDiscarded = errors.New("discarded: the subject already has a message")

	// ErrNotFound says that a stream, bucket, consumer or service does not exist.
	ErrNotFound = errors.New("not found")
)

// A full subject of a discard-new stream has no error code of its own: the server reports every failure to store
// under one code, with this text.
const (
	codeStoreFailed = 10077
	textSubjectFull = "maximum messages per subject exceeded"
)

func isDiscarded(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == codeStoreFailed && api.Description == textSubjectFull
}

// Outage reports whether err, met at the given stage ("handle", "write" or "publish"), says that something the service
// depends on is down, rather than that this message cannot be handled. Consume then tries again in place and counts no
// attempt. Errors of other packages say so by wrapping stage.ErrUnavailable.
func Outage(at string, err error) bool {
	switch {
	case err == nil || errors.Is(err, stage.ErrPermanent):
		return false
	case at == stageWrite:
		return storeDown(err)
	case at == stagePublish:
		return busDown(err)
	}
	return dependencyDown(err)
}

// busDown tells failures of the bus from failures of the message.
func busDown(err error) bool {
	for _, e := range []error{
		ErrUnavailable,
		jetstream.ErrNoStreamResponse, jetstream.ErrAsyncPublishTimeout, jetstream.ErrTooManyStalledMsgs,
		nats.ErrDisconnected, nats.ErrConnectionClosed, nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded,
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrStaleConnection,
		context.DeadlineExceeded,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == 503 && !isDiscarded(err)
}

// dependencyDown tells an outage of something the handler needs from a failure to handle this message. A deadline is
// not an outage here: a message may be too much work.
func dependencyDown(err error) bool {
	var op *net.OpError
	return errors.Is(err, breaker.ErrOpen) || errors.Is(err, stage.ErrUnavailable) || errors.As(err, &op)
}

// storeDown tells an outage of the store from a failure of these rows.
func storeDown(err error) bool {
	var timeout net.Error // context.DeadlineExceeded is one
	return dependencyDown(err) || errors.As(err, &timeout) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// notFound wraps nats.go's several ways to say that something does not exist.
func notFound(err error) bool {
	for _, e := range []error{
		jetstream.ErrStreamNotFound, jetstream.ErrConsumerNotFound, jetstream.ErrConsumerDoesNotExist,
		jetstream.ErrBucketNotFound, jetstream.ErrKeyNotFound, jetstream.ErrObjectNotFound, jetstream.ErrMsgNotFound,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
