package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// poison makes dead letters of messages: a consumer that can handle none of them gives each up at once.
func poison(t *testing.T, b *natsio.Bus, consumer string, msgs ...stage.Message) {
	t.Helper()
	stop := consume(t, b, stage.Subscription{
		Stream: wire.StreamObs, Consumer: consumer, Filters: []string{wire.AllRaw},
		Handler: stage.HandlerFunc(func(context.Context, stage.Message) (stage.Result, error) {
			return stage.Result{}, fmt.Errorf("not a batch: %w", stage.ErrPermanent)
		}),
	})
	if err := b.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all given up", func() bool {
		list, err := b.DeadLetters(t.Context(), consumer)
		lag, lagErr := b.Lag(t.Context(), wire.StreamObs, consumer)
		return err == nil && lagErr == nil && len(list) == len(msgs) && lag.Pending+lag.AckPending == 0
	})
	stop()
}

func seqs(t *testing.T, b *natsio.Bus, consumer string) []uint64 {
	t.Helper()
	list, err := b.DeadLetters(t.Context(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	var out []uint64
	for _, d := range list {
		out = append(out, d.Seq)
	}
	return out
}

func TestDeadLetters(t *testing.T) {
	b := openBus(t)
	if list, err := b.DeadLetters(t.Context(), ""); len(list) != 0 || err != nil {
		t.Fatalf("DeadLetters of an empty stream = %v, %v", list, err)
	}
	m := rawMessage(42)
	m.Header = map[string]string{"ce-id": "x"}
	poison(t, b, "one", m, rawMessage(7))
	foreign := stage.Message{Subject: wire.DLQ("X", "stranger"), ID: "foreign", Data: []byte("?")}
	if err := b.Publish(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint64{1, 2, 3}, seqs(t, b, "")); diff != "" {
		t.Errorf("sequences mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{3}, seqs(t, b, "stranger")); diff != "" {
		t.Errorf("sequences of one consumer mismatch (-want +got):\n%s", diff)
	}

	list, err := b.DeadLetters(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	want := natsio.DeadLetter{
		Seq: 1, Stream: wire.StreamObs, Consumer: "one", Class: event.DataIntegrity, Reason: "not a batch: permanent", Stage: "handle", Attempts: 1,
		Subject: m.Subject, ID: "m42", Header: map[string]string{"ce-id": "x"}, Size: 2,
	}
	ignoreTime := cmpopts.IgnoreFields(natsio.DeadLetter{}, "FailedAt")
	if diff := cmp.Diff(want, list[0], ignoreTime); diff != "" {
		t.Errorf("first of the list mismatch (-want +got):\n%s", diff)
	}
	if age := time.Since(list[0].FailedAt); age < 0 || age > time.Minute {
		t.Errorf("given up %s ago, want some ms", age)
	}
	one, err := b.DeadLetter(t.Context(), 1)
	want.Data = []byte("42")
	if diff := cmp.Diff(want, one, ignoreTime); err != nil || diff != "" {
		t.Errorf("DeadLetter = %v, mismatch (-want +got):\n%s", err, diff)
	}
	for _, seq := range []uint64{0, 4} {
		if _, err := b.DeadLetter(t.Context(), seq); !errors.Is(err, natsio.ErrNotFound) {
			t.Errorf("DeadLetter %d = %v, want ErrNotFound", seq, err)
		}
	}
	if _, err := b.Replay(t.Context(), 3); !errors.Is(err, natsio.ErrNoOrigin) {
		t.Errorf("Replay of a message somebody put there = %v, want ErrNoOrigin", err)
	}
}

// A listing is complete beyond one fetch.
func TestDeadLettersOfALongOutage(t *testing.T) {
	b := openBus(t)
	const n = 1203 // two fetches and a bit
	msgs := make([]stage.Message, n)
	for i := range msgs {
		msgs[i] = stage.Message{Subject: wire.DLQ(wire.StreamObs, "x"), ID: fmt.Sprint(i), Data: []byte("x")}
	}
	if err := b.Publish(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
	if got := seqs(t, b, ""); len(got) != n || got[0] != 1 || got[n-1] != n {
		t.Errorf("%d dead letters, want %d from 1 to %d", len(got), n, n)
	}
}

// What was mended goes the way of a new message, and is no dead letter any more.
func TestReplay(t *testing.T) {
	b := openBus(t)
	m := rawMessage(42)
	m.Header = map[string]string{"ce-id": "x"}
	poison(t, b, "one", m)

	got := make(chan stage.Message, 10)
	mended := stage.Subscription{
		Stream: wire.StreamObs, Consumer: "one", Filters: []string{wire.AllRaw},
		Handler: stage.HandlerFunc(func(_ context.Context, in stage.Message) (stage.Result, error) {
			got <- in
			return stage.Result{}, nil
		}),
	}
	consume(t, b, mended)
	if d, err := b.Replay(t.Context(), 1); err != nil || d.ID != "m42" {
		t.Fatalf("Replay = %+v, %v", d, err)
	}
	in := <-got
	want := stage.Message{Subject: m.Subject, ID: "m42.replay.1", Header: m.Header, Data: m.Data, Attempt: 1}
	if diff := cmp.Diff(want, in, cmpopts.IgnoreFields(stage.Message{}, "Time")); diff != "" {
		t.Errorf("message mismatch (-want +got):\n%s", diff)
	}
	if left := seqs(t, b, ""); len(left) != 0 {
		t.Errorf("dead letters %v are left, want none", left)
	}
	if _, err := b.Replay(t.Context(), 1); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("Replay again = %v, want ErrNotFound", err)
	}
	if _, err := b.Discard(t.Context(), 1); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("Discard after Replay = %v, want ErrNotFound", err)
	}
}

// A replay that ended after publishing and before removing is repeated: there is one message all the same.
func TestReplayCutShort(t *testing.T) {
	b := openBus(t)
	poison(t, b, "one", rawMessage(42))
	first := rawMessage(42)
	first.ID = "m42.replay.1"
	if err := b.Publish(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Replay(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	var ids []string
	err := b.Follow(t.Context(), natsio.FollowOptions{Stream: wire.StreamObs, From: natsio.FromAll, CaughtUp: true}, func(m stage.Message) error {
		ids = append(ids, m.ID)
		return nil
	})
	if diff := cmp.Diff([]string{"m42", "m42.replay.1"}, ids); err != nil || diff != "" {
		t.Errorf("stream: %v, mismatch (-want +got):\n%s", err, diff)
	}
	if left := seqs(t, b, ""); len(left) != 0 {
		t.Errorf("dead letters %v are left, want none", left)
	}
}

// Two people who replay the same dead letter at once get no error but that it is gone.
func TestReplayAtOnce(t *testing.T) {
	b := openBus(t)
	poison(t, b, "one", rawMessage(42))
	const people = 8
	done := make(chan error, people)
	for range people {
		go func() {
			_, err := b.Replay(context.Background(), 1)
			done <- err
		}()
	}
	for range people {
		if err := <-done; err != nil && !errors.Is(err, natsio.ErrNotFound) {
			t.Errorf("Replay = %v, want nil or ErrNotFound", err)
		}
	}
	if m, _, err := b.Last(t.Context(), wire.StreamObs, wire.AllRaw); err != nil || m.ID != "m42.replay.1" {
		t.Errorf("last message %+v, %v, want the replay", m, err)
	}
}

// Given up again it is a dead letter of its own.
func TestReplayOfWhatIsNotMended(t *testing.T) {
	b := openBus(t)
	poison(t, b, "one", rawMessage(42))
	if _, err := b.Replay(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	poison(t, b, "one", rawMessage(42)) // the same id, which the stream drops: what it gives up is the replay
	list, err := b.DeadLetters(t.Context(), "one")
	if err != nil || len(list) != 1 || list[0].Seq != 2 || list[0].ID != "m42.replay.1" {
		t.Errorf("DeadLetters = %+v, %v, want m42.replay.1 as 2", list, err)
	}
}

// A training job whose series has an open one is not lost: it stays a dead letter.
func TestReplayRefused(t *testing.T) {
	b := openBus(t)
	job := stage.Message{Subject: "bw.job.train.test.A", ID: "j1", Data: []byte("1")}
	dead := stage.Message{
		Subject: wire.DLQ(wire.StreamJob, "trainer"), ID: "d1", Data: []byte("2"),
		Header: map[string]string{natsio.HeaderSubject: job.Subject, natsio.HeaderMessageID: "j0"},
	}
	if err := b.Publish(t.Context(), job, dead); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Replay(t.Context(), 1); !errors.Is(err, natsio.ErrDiscarded) {
		t.Errorf("Replay = %v, want ErrDiscarded", err)
	}
	if left := seqs(t, b, ""); !cmp.Equal(left, []uint64{1}) {
		t.Errorf("dead letters %v, want 1", left)
	}
}

func TestDiscard(t *testing.T) {
	b := openBus(t)
	poison(t, b, "one", rawMessage(1), rawMessage(2))
	d, err := b.Discard(t.Context(), 1)
	if err != nil || d.ID != "m1" || string(d.Data) != "1" {
		t.Errorf("Discard = %+v, %v, want m1", d, err)
	}
	if left := seqs(t, b, ""); !cmp.Equal(left, []uint64{2}) {
		t.Errorf("dead letters %v are left, want 2", left)
	}
	if _, err := b.Discard(t.Context(), 1); !errors.Is(err, natsio.ErrNotFound) {
		t.Errorf("Discard again = %v, want ErrNotFound", err)
	}
}
