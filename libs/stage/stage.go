// Package stage is the shape of a service: a handler that maps one message to messages and rows.
//
// A handler is business code. The transport (package natsio, or the in-memory bus of stagetest) owns everything else:
// it reads messages in order, calls the handler, writes the rows, publishes the outputs, and only then acknowledges.
package stage

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrPermanent marks an error that no redelivery can mend. The message goes to the dead-letter stream.
//
//	return stage.Result{}, fmt.Errorf("decode %s: %w: %w", in.Subject, err, stage.ErrPermanent)
var ErrPermanent = errors.New("permanent")

// ErrUnavailable is wrapped by errors that say nothing about the message: something the service depends on cannot
// answer now. The transport waits for it and counts no attempt.
var ErrUnavailable = errors.New("unavailable")

// Message is one message of the bus.
type Message struct {
	Subject string
	// ID is the deduplication id (Nats-Msg-Id). Outgoing messages must have one that depends only on what is said,
	// so that a repetition is dropped by the bus. On incoming messages it is the id the sender gave, or
	// "<stream>:<sequence>" when it gave none.
	ID      string
	Header  map[string]string
	Data    []byte
	Time    time.Time // when the bus stored it; zero on outgoing messages
	Attempt int       // 1 on first delivery; zero on outgoing messages
}

// Row is one row for a table of the store. Its columns are its struct fields with ch tags; see package record.
type Row interface {
	Table() string
}

// Many is a Row that stands for several rows of its table, as record.Rows does. A sink takes it for them: a handler that
// makes thousands of rows need not make each of them a value of its own. It is a slice of structs.
type Many interface {
	Row
	All() iter.Seq[Row]
}

// Each yields rows one by one, and those that one of them stands for in its place.
func Each(rows []Row) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for _, row := range rows {
			many, ok := row.(Many)
			if !ok {
				many = one{row}
			}
			for r := range many.All() {
				if !yield(r) {
					return
				}
			}
		}
	}
}

type one struct{ Row }

func (o one) All() iter.Seq[Row] { return func(yield func(Row) bool) { yield(o.Row) } }

// Result is what a handler made of a message. Empty means the message was understood and there is nothing to say.
type Result struct {
	Rows []Row     // written first
	Out  []Message // published second; then the input is acknowledged
}

// Handler turns one message into rows and messages.
//
// A Handler must not publish, acknowledge, log, read the clock or keep in. Calls for one subscription come one at a
// time and in order. An error wraps ErrPermanent if and only if no redelivery can help.
// A handler that keeps state per series treats it as a cache of the record: see Forgetter.
type Handler interface {
	Handle(ctx context.Context, in Message) (Result, error)
}

// HandlerFunc adapts a function to Handler.
type HandlerFunc func(ctx context.Context, in Message) (Result, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, in Message) (Result, error) { return f(ctx, in) }

// Forgetter is implemented by handlers with state. The transport calls Forget when results of earlier calls were not
// stored or not published: the handler drops its cached state and rebuilds it from the record when next needed.
type Forgetter interface {
	Forget()
}

// Sink stores rows. token identifies the set of rows: writing it twice has the effect of writing it once.
// Rows of one call may belong to several tables.
type Sink interface {
	Write(ctx context.Context, token string, rows []Row) error
}

// Publisher publishes messages and returns when the bus has stored all of them. It is safe for concurrent use.
type Publisher interface {
	Publish(ctx context.Context, msgs ...Message) error
}

// Subscription says what a service reads and how.
type Subscription struct {
	Stream   string
	Consumer string   // durable name; of a partition, with "_" and its number after it
	Filters  []string // subjects
	// Exclusive says that one process at a time runs this subscription, because it holds a lease for instance. What
	// another process had in work before is then handled again before anything new, so that nothing is overtaken.
	Exclusive bool
	// Partition is the number of the partition that the filters select; empty when the consumer is not divided. Only an
	// exclusive subscription keeps the order in a partition while replicas come and go.
	Partition string
	Handler   Handler
	Sink      Sink // may be nil when the handler returns no rows

	Batch      int           // most messages handled between two acknowledgements; 0 means 64
	Linger     time.Duration // how long to wait for more messages of a batch; 0 means 5 ms, less means not at all
	AckWait    time.Duration // redelivery after this; long work is kept alive by the transport; 0 means 10 s
	MaxDeliver int           // attempts before the message goes to the dead-letter stream; 0 means 8

	// Report is told of every message that failed. It may be nil.
	Report func(ctx context.Context, f Failure)
}

// Failure is one failed handling of a message, and what the transport did about it.
type Failure struct {
	Subscription string // consumer name
	Message      Message
	Err          error
	Stage        string // "handle", "write" or "publish"
	DeadLetter   bool   // true: gave up, the message is in the dead-letter stream; false: it will be redelivered
}

// Bus is the data plane a service runs on: natsio.Bus, or stagetest.Bus in tests.
type Bus interface {
	Publisher
	// Consume handles messages until ctx is done, then returns nil. Unfinished messages stay unacknowledged.
	Consume(ctx context.Context, s Subscription) error
}
