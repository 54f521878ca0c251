package natsio

import (
	"math/rand/v2"
	"time"
)

const jitter = 0.2

// backoff chooses how long to wait after a failure.
type backoff struct {
	waits []time.Duration
	rand  func() float64 // uniform in [0, 1)
}

func newBackoff(waits []time.Duration) backoff { return backoff{waits: waits, rand: rand.Float64} }

// after returns the wait after failure n = 1, 2, ..., within 20 % of the configured one, so that messages that
// failed together do not come back together for ever.
func (b backoff) after(n int) time.Duration {
	d := b.waits[min(max(n, 1), len(b.waits))-1]
	return time.Duration(float64(d) * (1 - jitter + 2*jitter*b.rand()))
}
