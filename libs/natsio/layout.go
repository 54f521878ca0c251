package natsio

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Stream describes one stream of the bus.
type Stream struct {
	Name        string
	Description string
	Subjects    []string
	MaxAge      time.Duration
	MaxBytes    int64
	Duplicates  time.Duration // window within which a repeated message id is dropped

	// MaxPerSubject is how many messages of one subject are kept, 0 for any number.
	MaxPerSubject int64
	// WorkQueue streams drop a message when it is acknowledged, and allow one consumer for each subject.
	WorkQueue bool
	// DiscardNew streams refuse a message when its subject, or the stream, is full. Others drop the oldest.
	DiscardNew bool
	// Async streams are flushed to disk now and then instead of with every message. The process may die without
	// loss, the machine may not. With more than one replica the setting does not apply.
	Async bool
	// Atomic streams take several messages as one batch, which is synced to disk at once: all of it is stored, or
	// nothing. Not for streams that refuse messages, where one full subject would hold up the others.
	Atomic bool
	// Schedules says that messages may be schedules, which the server follows.
	Schedules bool
	// Partitioned streams keep a message under its subject with the partition of its series, see wire.Partitions.
	Partitioned Transform
}

// Transform says how a stream renames what it keeps, in the notation of NATS subject mappings. The zero value renames
// nothing.
type Transform struct{ From, To string }

// Bucket describes a key-value bucket, or an object store.
type Bucket struct {
	Name        string
	Description string
	Objects     bool  // an object store
	History     uint8 // values kept of one key; of key-value buckets only
	MaxBytes    int64
	// Markers says that what is removed from the bucket may leave a marker that goes away by itself.
	Markers bool
}

const (
	day = 24 * time.Hour
	mib = 1 << 20
	gib = 1 << 30
)

// Layout returns all streams and buckets of the bus. Each has a limit in time or number and one in bytes; together
// they fit the default store of an embedded server. The bus is transport: what must be kept longer is in the store.
func Layout() ([]Stream, []Bucket) { return streams(), buckets() }

func streams() []Stream {
	return []Stream{
		{
			// Enough for senders to go on over a long weekend without the ingestor.
			Name: wire.StreamIn, Description: "Observations that others send, for sources of kind nats",
			Subjects: []string{wire.AllIn}, MaxAge: 7 * day, MaxBytes: 512 * mib, Duplicates: 10 * time.Minute,
		},
		{
			// Two weeks are enough to replay after a mistake; the duplicate window covers a retried page.
			Name: wire.StreamObs, Description: "Observations, raw and validated",
			Subjects: []string{wire.AllRaw, wire.AllValid}, MaxAge: 14 * day, MaxBytes: 8 * gib, Duplicates: 10 * time.Minute, Atomic: true,
			Partitioned: Transform{From: wire.PublishedObs, To: wire.StoredObs},
		},
		{
			// One open job a series: a second one is refused until the first is done. A job nobody took for a
			// week asks for a model as of a time nobody wants any more.
			Name: wire.StreamJob, Description: "Training jobs, one open job a series",
			Subjects: []string{wire.AllJobs}, MaxAge: 7 * day, MaxBytes: 64 * mib, Duplicates: 2 * time.Minute,
			MaxPerSubject: 1, WorkQueue: true, DiscardNew: true,
		},
		{
			// The newest is the champion; earlier ones let a forecaster go back. All are in the model registry.
			Name: wire.StreamModel, Description: "Models announced by the trainer",
			Subjects: []string{wire.AllModels}, MaxAge: 365 * day, MaxBytes: gib, Duplicates: 10 * time.Minute, MaxPerSubject: 8,
			Partitioned: Transform{From: wire.PublishedModel, To: wire.StoredModel},
		},
		{
			// A subscriber that starts gets the last forecast at once. All are in the store.
			Name: wire.StreamForecast, Description: "Forecasts, the newest of each series",
			Subjects: []string{wire.AllForecasts}, MaxAge: 90 * day, MaxBytes: 2 * gib, Duplicates: 10 * time.Minute, MaxPerSubject: 3, Atomic: true,
		},
		{
			// Frequent and of passing value: the next heartbeat says it again.
			Name: wire.StreamEvent, Description: "Lag, error, drift and heartbeat events",
			Subjects: []string{wire.AllEvents}, MaxAge: 3 * day, MaxBytes: gib, Duplicates: 2 * time.Minute, Async: true,
		},
		{
			Name: wire.StreamAlert, Description: "Transitions of alerts, CloudEvents in JSON",
			Subjects: []string{wire.AllAlerts}, MaxAge: 30 * day, MaxBytes: 256 * mib, Duplicates: 10 * time.Minute, Atomic: true,
		},
		{
			// A schedule is kept until another takes its place, and of what is due only the newest: work that was
			// due while nobody was there is done once.
			Name: wire.StreamSchedule, Description: "Schedules, and what is due by them",
			Subjects: []string{wire.AllSchedules}, MaxBytes: 16 * mib, Duplicates: 2 * time.Minute, MaxPerSubject: 1, Schedules: true,
		},
		{
			Name: wire.StreamDLQ, Description: "Messages given up, with the reason in headers",
			Subjects: []string{wire.AllDLQ}, MaxAge: 30 * day, MaxBytes: gib, Duplicates: 10 * time.Minute,
		},
	}
}

func buckets() []Bucket {
	return []Bucket{
		{Name: wire.BucketCursor, Description: "What the ingestor has seen, by series", History: 1, MaxBytes: 256 * mib},
		{Name: wire.BucketAlert, Description: "Open alerts, silences, groups of receivers", History: 1, MaxBytes: 512 * mib},
		{Name: wire.BucketLease, Description: "Which replica has which share of the work", History: 1, MaxBytes: 8 * mib, Markers: true},
		{Name: wire.BucketArtifact, Description: "Fitted models, named model/<sha256>", Objects: true, MaxBytes: 8 * gib},
	}
}
