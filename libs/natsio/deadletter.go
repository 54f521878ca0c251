package natsio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Headers of a dead letter. Payload and other headers are those of the message it was.
const (
	HeaderReasonClass = "Bw-Reason-Class" // an event.Class
	HeaderReason      = "Bw-Reason"       // the error, one line
	HeaderStage       = "Bw-Stage"        // "handle", "write" or "publish"
	HeaderSubject     = "Bw-Subject"      // where the message was published
	HeaderMessageID   = "Bw-Message-Id"   // its id
	HeaderAttempts    = "Bw-Attempts"     // how often it was handled
	HeaderStream      = "Bw-Stream"       // stream it was read from
	HeaderStreamSeq   = "Bw-Stream-Seq"   // its sequence there
	HeaderFailedAt    = "Bw-Failed-At"    // RFC 3339, UTC
)

// deadLetter publishes d to the dead-letter stream. Its id depends on the message alone, so that repeating it within
// the stream's duplicate window leaves one.
func (c *consumer) deadLetter(ctx context.Context, d *delivery, at string, cause error) error {
	h := maps.Clone(d.in.Header)
	if h == nil {
		h = map[string]string{}
	}
	h[HeaderReasonClass] = string(reasonClass(at, cause))
	h[HeaderReason] = oneLine(cause.Error())
	h[HeaderStage] = at
	h[HeaderSubject] = d.in.Subject
	h[HeaderMessageID] = oneLine(d.in.ID)
	h[HeaderAttempts] = strconv.Itoa(d.in.Attempt)
	h[HeaderStream] = c.sub.Stream
	h[HeaderStreamSeq] = strconv.FormatUint(d.seq, 10)
	h[HeaderFailedAt] = time.Now().UTC().Format(time.RFC3339Nano)
	return c.bus.Publish(ctx, stage.Message{
		Subject: wire.DLQ(c.sub.Stream, c.sub.Consumer),
		ID:      fmt.Sprintf("dlq.%s.%s.%d", c.sub.Stream, c.sub.Consumer, d.seq),
		Header:  h,
		Data:    d.in.Data,
	})
}

// reasonClass guesses where to look first: what cannot be understood is the data's fault, a panic or a handler that
// keeps failing is ours, and results that cannot be stored are the infrastructure's.
func reasonClass(at string, cause error) event.Class {
	switch {
	case errors.Is(cause, errPanic):
		return event.Operational
	case at == stageHandle && errors.Is(cause, stage.ErrPermanent):
		return event.DataIntegrity
	case at == stageHandle:
		return event.Operational
	}
	return event.Infrastructure
}
