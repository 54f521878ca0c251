// Package lag judges how a consumer does from a window of reports about it. It is pure: reports and times go in, a state
// and its evidence come out.
//
//	w := lag.Window{Every: 5 * time.Second}
//	w.Add(lag.Sample{At: now, Lag: report})
//	v := w.Judge(now) // v.State, v.Evidence, v.ETA
//
// States are asked for in this order, and the first that holds is the verdict: what is asked for earlier explains what
// comes later. A consumer that is gone also does not pull, one that is blocked also stands still.
//
//	NO_DATA           fewer than 8 of the last 10 reports could be read, or the newest is too old
//	GONE              the last two reports say that the consumer, or a partition of it, does not exist
//	LOST              messages left the stream before they were delivered
//	REWIND            the consumer was made anew, or its count fell, and is behind where it had been
//	OK                nothing is left to do, or the backlog was worked off at some time in the window
//	REDELIVERY_STORM  most deliveries repeat messages, and next to nothing is finished
//	BLOCKED_ACK       as many messages are unacknowledged as may be, so that nothing more is delivered
//	NOT_PULLING       there is work, none of it in hand, and nobody asks for any
//	STALLED           the ack floor stands still with work at hand, or the consumer is paused
//	SLOW              it moves, but the backlog never falls and has grown: WARN of Burrow
//	CATCHING_UP       the backlog falls
//	OK                the backlog comes and goes
//
// STALLED and SLOW follow the evaluation rules of Burrow (LinkedIn, core/internal/evaluator), with the ack floor in the
// place of the committed offset. The others need what Kafka does not tell and JetStream does: deliveries, what is
// unacknowledged, who waits for messages.
package lag

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// State of a consumer.
type State string

// States, as the package comment defines them.
const (
	OK              State = "ok"
	CatchingUp      State = "catching_up"
	Slow            State = "slow"
	Stalled         State = "stalled"
	BlockedAck      State = "blocked_ack"
	NotPulling      State = "not_pulling"
	RedeliveryStorm State = "redelivery_storm"
	Rewind          State = "rewind"
	Lost            State = "lost"
	Gone            State = "gone"
	NoData          State = "no_data"
)

// States returns all of them, the healthy ones first.
func States() []State {
	return []State{OK, CatchingUp, Slow, Stalled, BlockedAck, NotPulling, RedeliveryStorm, Rewind, Lost, Gone, NoData}
}

// Bad reports whether somebody should look: all states but OK and CATCHING_UP, which mend themselves.
func (s State) Bad() bool { return s != OK && s != CatchingUp && s != "" }

// Size is how many reports a window keeps; Complete is how many of them must be readable.
const (
	Size     = 10
	Complete = 8
)

// Never is the ETA of a backlog that does not fall.
const Never = -time.Second

// Sample is one look at a consumer. With Err set, Lag holds no more than the names.
type Sample struct {
	At  time.Time
	Lag event.Lag
	Err bool // the bus did not answer
}

// Verdict says how a consumer does.
type Verdict struct {
	State       State
	Evidence    string        // the numbers behind it, one line
	PublishRate float64       // messages to be handled that arrive, per second
	AckRate     float64       // messages finished, per second
	ETA         time.Duration // until the backlog is worked off at these rates; 0 without one, Never when it does not fall
	Lost        uint64        // messages that left the stream undelivered within the window, as far as can be told
}
