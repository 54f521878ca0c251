package node

import (
	"context"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// Bucket is a key-value bucket in which what is not there is nil.
type Bucket struct{ *natsio.KV }

// Get returns the value last put, or nil when there is none.
func (b Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	value, _, err := b.KV.Get(ctx, key)
	return value, err
}
