package natsio

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// Objects is an object store for values too big for a message. It is safe for concurrent use.
type Objects struct {
	bucket string
	store  jetstream.ObjectStore
}

// Objects opens an object store. The error wraps ErrNotFound when the bus is not provisioned.
func (b *Bus) Objects(ctx context.Context, bucket string) (*Objects, error) {
	store, err := b.js.ObjectStore(ctx, bucket)
	if err != nil {
		return nil, apiError("open object store "+bucket, err)
	}
	return &Objects{bucket: bucket, store: store}, nil
}

// Put stores data under name. Storing the same data again does nothing; other data replaces it.
func (o *Objects) Put(ctx context.Context, name string, data []byte) error {
	h := sha256.New()
	h.Write(data)
	info, err := o.store.GetInfo(ctx, name)
	if err == nil && info.Digest == jetstream.GetObjectDigestValue(h) && info.Size == uint64(len(data)) {
		return nil
	}
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return o.error("look up", name, err)
	}
	_, err = o.store.PutBytes(ctx, name, data)
	return o.error("put", name, err)
}

// Get returns the data stored under name, checked against its digest. The error wraps ErrNotFound when there is none.
func (o *Objects) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := o.store.GetBytes(ctx, name)
	if err != nil {
		return nil, o.error("get", name, err)
	}
	return data, nil
}

// Delete removes what is stored under name. It is no error when there is nothing.
func (o *Objects) Delete(ctx context.Context, name string) error {
	err := o.store.Delete(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	return o.error("delete", name, err)
}

func (o *Objects) error(verb, name string, err error) error {
	return apiError(verb+" "+name+" in object store "+o.bucket, err)
}
