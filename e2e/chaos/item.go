package chaos

import (
	"math"
	"time"
)

// Kind says what an item is.
type Kind string

// Kinds of items.
const (
	Direct   Kind = "direct"   // an observation published on bw.obs.raw
	Upstream Kind = "upstream" // an observation that the ingestor fetches
	Job      Kind = "job"      // a training job
	Event    Kind = "event"    // an error event
	Poison   Kind = "poison"   // a payload nobody can read
)

// Item is one numbered thing that the run told the pipeline.
type Item struct {
	Seq    uint64    `json:"seq"` // over all items, in order of sending
	Kind   Kind      `json:"kind"`
	Series string    `json:"series,omitempty"`
	TS     time.Time `json:"ts,omitzero"` // grid point of an observation
	// KnownAt is the stamp of a direct observation. That of an upstream one is given by the ingestor.
	KnownAt time.Time `json:"known_at,omitzero"`
	// Message is the id of the message that carried the item; empty for upstream items.
	Message string `json:"message,omitempty"`
	// Skewed says that the clock which stamped the item had jumped: it may be kept back as being of the future.
	Skewed bool `json:"skewed,omitempty"`
}

// Values carry the number of their item: base + number/scale, exact in a float64, positive, and so close together that
// no check of the validator takes them for corrupt.
const (
	base  = 10_000
	scale = 1 << 10
)

// Value returns the value of an observation with that number.
func Value(seq uint64) float64 { return base + float64(seq)/scale }

// Number returns the number that a value carries, and false for a value that carries none.
func Number(v float64) (uint64, bool) {
	n := (v - base) * scale
	if !(n >= 1) || n != math.Trunc(n) || n > 1<<40 {
		return 0, false
	}
	return uint64(n), true
}
