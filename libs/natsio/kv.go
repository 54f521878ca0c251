package natsio

import (
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// KV is a key-value bucket. Keys are tokens joined by dots, see wire.Key. It is safe for concurrent use.
type KV struct {
	bucket string
	kv     jetstream.KeyValue
}

// KV opens a bucket. The error wraps ErrNotFound when the bus is not provisioned.
func (b *Bus) KV(ctx context.Context, bucket string) (*KV, error) {
	kv, err := b.js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, apiError("open bucket "+bucket, err)
	}
	return &KV{bucket: bucket, kv: kv}, nil
}

// Get returns the value of key, and false when it has none.
func (k *KV) Get(ctx context.Context, key string) ([]byte, bool, error) {
	e, err := k.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, k.error("get", key, err)
	}
	return e.Value(), true, nil
}

// Put sets the value of key.
func (k *KV) Put(ctx context.Context, key string, value []byte) error {
	_, err := k.kv.Put(ctx, key, value)
	return k.error("put", key, err)
}

// Create sets the value of key and returns true, or returns false when key has a value already.
func (k *KV) Create(ctx context.Context, key string, value []byte) (bool, error) {
	_, err := k.kv.Create(ctx, key, value)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return false, nil
	}
	return err == nil, k.error("create", key, err)
}

// Delete removes key; it does nothing when key has no value.
func (k *KV) Delete(ctx context.Context, key string) error {
	return k.error("delete", key, k.kv.Delete(ctx, key))
}

// Keys returns all keys that have a value, sorted.
func (k *KV) Keys(ctx context.Context) ([]string, error) {
	keys, err := k.kv.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil, nil
	}
	slices.Sort(keys)
	return keys, k.error("list", "keys", err)
}

func (k *KV) error(verb, key string, err error) error {
	return apiError(verb+" "+key+" in bucket "+k.bucket, err)
}
