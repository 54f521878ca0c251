package natsio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// lagOf returns the lag without the age, which is not exact.
func lagOf(t *testing.T, b *natsio.Bus) (pending, ackPending, floor uint64, age time.Duration) {
	t.Helper()
	lag, err := b.Lag(t.Context(), wire.StreamObs, "failure")
	if err != nil {
		t.Fatal(err)
	}
	return lag.Pending, lag.AckPending, lag.AckFloor, lag.Oldest
}

func TestLag(t *testing.T) {
	b := openBus(t)
	if _, err := b.Lag(t.Context(), wire.StreamObs, "failure"); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("Lag of no consumer = %v, want ErrNotFound", err)
	}
	release := make(chan struct{})
	sub := rawSubscription(nil)
	sub.Batch = 1
	sub.Handler = stage.HandlerFunc(func(ctx context.Context, _ stage.Message) (stage.Result, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return stage.Result{}, ctx.Err()
	})
	other := rawMessage(0)
	other.Subject = "bw.obs.valid.test.A" // not in the filter: must not count
	if err := b.Publish(t.Context(), other, rawMessage(1), rawMessage(2), rawMessage(3)); err != nil {
		t.Fatal(err)
	}
	consume(t, b, sub)
	eventually(t, "one message in work", func() bool {
		lag, err := b.Lag(t.Context(), wire.StreamObs, "failure")
		return err == nil && lag.AckPending == 1
	})
	pending, ackPending, floor, age := lagOf(t, b)
	if pending != 2 || ackPending != 1 || floor != 0 || age <= 0 || age > time.Minute {
		t.Errorf("lag: pending %d, ack pending %d, floor %d, oldest %s, want 2, 1, 0, some ms", pending, ackPending, floor, age)
	}
	close(release)
	eventually(t, "nothing behind", func() bool {
		pending, ackPending, floor, age := lagOf(t, b)
		return pending == 0 && ackPending == 0 && floor == 4 && age == 0
	})
	list, err := b.Consumers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Stream != wire.StreamObs || list[0].Name != "failure" || !cmp.Equal(list[0].Filters, []string{wire.AllRaw}) {
		t.Errorf("Consumers = %+v, want failure of BW_OBS", list)
	}
}

func TestLast(t *testing.T) {
	b := openBus(t)
	if _, found, err := b.Last(t.Context(), wire.StreamObs, wire.AllRaw); found || err != nil {
		t.Errorf("Last of nothing = %v, %v", found, err)
	}
	if err := b.Publish(t.Context(), rawMessage(1), rawMessage(2)); err != nil {
		t.Fatal(err)
	}
	m, found, err := b.Last(t.Context(), wire.StreamObs, "bw.obs.raw.test.A")
	if err != nil || !found || m.ID != "m2" || string(m.Data) != "2" || m.Time.IsZero() {
		t.Errorf("Last = %+v, %v, %v, want m2", m, found, err)
	}
}

func TestKV(t *testing.T) {
	b := openBus(t)
	ctx := t.Context()
	if _, err := b.KV(ctx, "nothing"); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("KV of no bucket = %v, want ErrNotFound", err)
	}
	kv, err := b.KV(ctx, wire.BucketCursor)
	if err != nil {
		t.Fatal(err)
	}
	key := "eia.PJM=20A"
	if v, found, err := kv.Get(ctx, key); v != nil || found || err != nil {
		t.Errorf("Get of no key = %q, %v, %v", v, found, err)
	}
	if keys, err := kv.Keys(ctx); len(keys) != 0 || err != nil {
		t.Errorf("Keys of an empty bucket = %v, %v", keys, err)
	}
	if ok, err := kv.Create(ctx, key, []byte("1")); !ok || err != nil {
		t.Errorf("Create = %v, %v, want true", ok, err)
	}
	if ok, err := kv.Create(ctx, key, []byte("2")); ok || err != nil {
		t.Errorf("Create again = %v, %v, want false", ok, err)
	}
	if err := errors.Join(kv.Put(ctx, key, []byte("3")), kv.Put(ctx, "b", nil), kv.Put(ctx, "a", nil)); err != nil {
		t.Fatal(err)
	}
	if v, found, err := kv.Get(ctx, key); string(v) != "3" || !found || err != nil {
		t.Errorf("Get = %q, %v, %v, want 3", v, found, err)
	}
	if err := errors.Join(kv.Delete(ctx, "a"), kv.Delete(ctx, "never")); err != nil {
		t.Fatal(err)
	}
	keys, err := kv.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", key}, keys); diff != "" {
		t.Errorf("Keys mismatch (-want +got):\n%s", diff)
	}
}

func TestObjects(t *testing.T) {
	b := openBus(t)
	o, err := b.Objects(t.Context(), wire.BucketArtifact)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Get(t.Context(), "model/x"); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("Get of no object = %v, want ErrNotFound", err)
	}
	data := make([]byte, 300_000) // more than two chunks
	for i := range data {
		data[i] = byte(i * i)
	}
	for range 2 {
		if err := o.Put(t.Context(), "model/x", data); err != nil {
			t.Fatal(err)
		}
	}
	got, err := o.Get(t.Context(), "model/x")
	if err != nil || !cmp.Equal(got, data) {
		t.Errorf("Get returned %d bytes, %v; want what was put", len(got), err)
	}
	for range 2 {
		if err := o.Delete(t.Context(), "model/x"); err != nil {
			t.Errorf("Delete = %v", err)
		}
	}
	if _, err := o.Get(t.Context(), "model/x"); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("Get of a deleted object = %v, want ErrNotFound", err)
	}
	if err := o.Put(t.Context(), "model/x", data); err != nil {
		t.Error(err)
	}
	if got, err := o.Get(t.Context(), "model/x"); err != nil || !cmp.Equal(got, data) {
		t.Errorf("Get returned %d bytes, %v; want what was put again", len(got), err)
	}
}

func TestFollow(t *testing.T) {
	b := openBus(t)
	other := rawMessage(0)
	other.Subject, other.ID = "bw.obs.raw.test.B", "b0"
	if err := b.Publish(t.Context(), rawMessage(1), other, rawMessage(2)); err != nil {
		t.Fatal(err)
	}
	cutoff := time.Now()
	if err := b.Publish(t.Context(), rawMessage(3)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		o    natsio.FollowOptions
		want []string
	}{
		"all":              {natsio.FollowOptions{Stream: wire.StreamObs, From: natsio.FromAll}, []string{"m1", "b0", "m2", "m3"}},
		"subject":          {natsio.FollowOptions{Subjects: []string{"bw.obs.raw.test.A"}, From: natsio.FromAll}, []string{"m1", "m2", "m3"}},
		"last per subject": {natsio.FollowOptions{Subjects: []string{wire.AllRaw}, From: natsio.FromLastPerSubject}, []string{"b0", "m3"}},
		"since":            {natsio.FollowOptions{Subjects: []string{wire.AllRaw}, Since: cutoff}, []string{"m3"}},
		"nothing there":    {natsio.FollowOptions{Subjects: []string{wire.AllAlerts}, From: natsio.FromAll}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			tc.o.CaughtUp = true
			err := b.Follow(t.Context(), tc.o, func(m stage.Message) error {
				got = append(got, m.ID)
				return nil
			})
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Follow = %v, mismatch (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestFollowNew(t *testing.T) {
	b := openBus(t)
	if err := b.Publish(t.Context(), rawMessage(1)); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	done := make(chan error, 1)
	go func() {
		done <- b.Follow(t.Context(), natsio.FollowOptions{Subjects: []string{wire.AllRaw}, From: natsio.FromNew}, func(m stage.Message) error {
			if m.ID == "m1" {
				return errors.New("m1 is old")
			}
			return enough
		})
	}()
	// When the follower is in place is not visible from outside, so new messages are published until it ends.
	n := 1
	var err error
	eventually(t, "follower ends", func() bool {
		n++
		if err := b.Publish(t.Context(), rawMessage(n)); err != nil {
			t.Fatal(err)
		}
		select {
		case err = <-done:
			return true
		default:
			return false
		}
	})
	if !errors.Is(err, enough) {
		t.Errorf("Follow = %v, want the callback's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Follow(ctx, natsio.FollowOptions{Stream: wire.StreamObs}, nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Follow of a done context = %v", err)
	}
}
