// Package event is the vocabulary of trouble: the events services emit and the alerts the monitor makes of them.
package event

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Class is one of the four ways a pipeline fails in production.
type Class string

// Failure classes.
const (
	DataIntegrity  Class = "data_integrity" // upstream errors, transformation problems, schema mismatches, validation failures
	Operational    Class = "operational"    // bugs, missing dependencies, incorrect logic, bad configuration
	Infrastructure Class = "infrastructure" // network, CPU, memory, GPU, disk
	ModelDrift     Class = "model_drift"    // accuracy decays as the data change
)

// Severity of an alert.
type Severity string

// Severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Condition says whether an event reports trouble or its end.
type Condition string

// Conditions.
const (
	Raised  Condition = "raised"
	Cleared Condition = "cleared"
)

// Kind of an event; a token of its subject.
type Kind string

// Kinds.
const (
	KindLag       Kind = "lag"
	KindError     Kind = "error"
	KindDrift     Kind = "drift"
	KindHeartbeat Kind = "heartbeat"
)

// Services, as named in subjects, events and alerts.
const (
	Ingestor   = "ingestor"
	Validator  = "validator"
	Trainer    = "trainer"
	Forecaster = "forecaster"
	Monitor    = "monitor"
)

// Watchdog names the alert that always fires and is told again and again: proof that the monitor lives. It never resolves.
const Watchdog = "watchdog"

// Services returns the five services in pipeline order.
func Services() []string { return []string{Ingestor, Validator, Trainer, Forecaster, Monitor} }

// Event is what a service reports about itself or its data. Exactly one of the pointers is set.
type Event struct {
	ID        string // deterministic for the thing reported
	Service   string
	Instance  string
	At        time.Time
	Lag       *Lag
	Error     *Error
	Drift     *Drift
	Heartbeat *Heartbeat
}

// Kind returns which of the four e is, or "" when it is empty.
func (e Event) Kind() Kind {
	switch {
	case e.Lag != nil:
		return KindLag
	case e.Error != nil:
		return KindError
	case e.Drift != nil:
		return KindDrift
	case e.Heartbeat != nil:
		return KindHeartbeat
	}
	return ""
}

// Lag is the state of one consumer (Consumer is set), or the age of one series' data (Series is set).
type Lag struct {
	Stream      string
	Consumer    string
	Pending     uint64 // not delivered yet
	AckPending  uint64 // delivered, not acknowledged
	Redelivered uint64
	AckFloor    uint64        // stream sequence up to which everything is acknowledged
	Oldest      time.Duration // age of the oldest message not acknowledged; 0 when there is none
	Paused      bool

	MaxAckPending uint64        // most messages that may be unacknowledged; 0 means no limit
	Waiting       uint64        // pulls that wait for messages
	Delivered     uint64        // stream sequence of the newest message delivered
	Deliveries    uint64        // deliveries so far, repeats included
	FirstSeq      uint64        // first and last message of the stream
	LastSeq       uint64        //
	OldestSeq     uint64        // stream sequence of the oldest message not acknowledged; 0 when there is none
	Skipped       uint64        // messages that left the stream before they could be delivered
	Headroom      time.Duration // until the oldest message not acknowledged leaves the stream by age; 0 when none does
	Created       time.Time     // when the consumer was made: one that is made anew starts over
	Full          uint64        // partitions in which as much is unacknowledged as may be, and more waits
	Unpulled      uint64        // partitions with work of which none is in hand and none is asked for
	KeepsNewest   bool          // the stream drops older messages of a subject for newer ones, by design
	Missing       bool          // there is no such consumer

	// What the reports of some time say together; see package lag.
	State       string
	Evidence    string
	PublishRate float64       // messages to be handled that arrive, per second
	AckRate     float64       // messages finished, per second
	ETA         time.Duration // until the backlog is worked off; negative when it does not fall

	Series      series.ID
	DataAge     time.Duration // age of the newest observation
	ExpectedAge time.Duration // what is normal for the source
}

// Error is a failure, or the end of one. Class, Code and Subject identify it.
type Error struct {
	Class      Class
	Code       string // stable snake_case name, for example "upstream_unavailable"
	Subject    string // what it is about: a source, a series, a dependency
	Condition  Condition
	Severity   Severity
	Message    string // what broke and why, one line
	Attributes map[string]string
}

// Drift says that forecasts or inputs of a series no longer behave as in the backtest.
type Drift struct {
	Series    series.ID
	Detector  string
	Condition Condition
	Statistic float64
	Threshold float64
	ModelID   string
	DataCut   time.Time
	Message   string

	Bucket      string        // horizons it is about, for example "h25-48"; empty means all
	Tier        Tier          // what is to be done about it; empty means TierTicket
	Window      time.Duration // of data behind the statistic, in the time of the data
	FalseAlarms float64       // how often the detector raises without a change, measured: times per series and year; 0 means not known
	Ratio       float64       // errors of the window over those of the backtest, for the pooling of series; 0 means not given
	PValue      float64       // of the window in the reference of the series, for the control of false discoveries; 0 means not given
}

// Tier says what is to be done about a drift.
type Tier string

// Tiers of drift.
const (
	TierEvent  Tier = "event"  // kept and pooled with other series; nobody is told
	TierTicket Tier = "ticket" // a person is told, a model asked for
	TierPage   Tier = "page"   // a person is woken
)

// Heartbeat says that a service is alive.
type Heartbeat struct {
	State     string // "starting", "running" or "stopping"
	Version   string
	Interval  time.Duration // the next heartbeat is due within this time
	Processed uint64        // messages handled since start
	Uptime    time.Duration
}

// State is where an alert stands.
type State string

// States of an alert. Subscribers hear of Firing, Flapping, Acknowledged and Resolved; the record has all.
const (
	Pending      State = "pending"
	Firing       State = "firing"
	Acknowledged State = "acknowledged" // somebody takes care of it
	Silenced     State = "silenced"     // it stands, and a silence holds it back
	Inhibited    State = "inhibited"    // it stands, and is a symptom of another that stands
	Muted        State = "muted"        // it stands, in hours in which nobody wants to hear of it
	Flapping     State = "flapping"     // it comes and goes; told once, until it is calm
	Resolved     State = "resolved"
)

// Alert is one transition of an alert.
type Alert struct {
	Fingerprint string // identity of name and labels, the same for every occurrence
	ID          string // identity of this occurrence
	Name        string
	Severity    Severity
	Class       Class
	State       State
	Labels      map[string]string
	Summary     string // what broke, one line
	Cause       string // why we think so: the evidence
	Runbook     string // what to do about it
	StartedAt   time.Time
	At          time.Time // of this transition
	ResolvedAt  time.Time // zero unless resolved
	Events      uint64    // events behind it so far
	Previous    State     // the state before; empty for the first
	Reason      string    // why it is in this state, when it is not plainly firing or resolved
	Measure     *Measure  // nil when the rule compares no number
	Evidence    []Evidence
}

// Measure is a number and the bound that it broke.
type Measure struct {
	Value     float64
	Threshold float64
}

// Evidence is something that may explain an alert, nearest first.
type Evidence struct {
	Kind EvidenceKind
	At   time.Time // when it was seen; zero for a query
	Text string    // one line for people, or the SQL of a query
}

// EvidenceKind says what a piece of evidence is.
type EvidenceKind string

// Kinds of evidence.
const (
	EvidenceUpstream EvidenceKind = "upstream" // an alert upstream of this one that began earlier
	EvidenceChange   EvidenceKind = "change"   // what changed in the two hours before: a version, a model, the rules
	EvidenceError    EvidenceKind = "error"    // the errors seen most since the onset
	EvidenceQuery    EvidenceKind = "query"    // ready-to-run SQL
)
