package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// crew counts which replica does which part, and fails the test when two do the same.
type crew struct {
	tb   testing.TB
	mu   sync.Mutex
	does map[int]string
}

func (c *crew) work(name string) func(ctx context.Context, part int) error {
	return func(ctx context.Context, part int) error {
		c.mu.Lock()
		if other, busy := c.does[part]; busy {
			c.tb.Errorf("part %d: %s began while %s was at it", part, name, other)
		}
		c.does[part] = name
		c.mu.Unlock()
		<-ctx.Done()
		c.mu.Lock()
		delete(c.does, part)
		c.mu.Unlock()
		return nil
	}
}

// loads returns how many parts each replica does.
func (c *crew) loads() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	loads := map[string]int{}
	for _, name := range c.does {
		loads[name]++
	}
	return loads
}

// join adds a replica with its own connection. leave ends it in order; die cuts its connection first.
func join(tb testing.TB, url string, s natsio.Share) (leave, die func()) {
	tb.Helper()
	b := connect(tb, url)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Share(ctx, s) }()
	leave = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Share: %v", err)
		}
		b.Close()
	})
	tb.Cleanup(leave)
	return leave, func() { b.Close() }
}

// A group divides its parts evenly, and no part is done twice or by nobody for long, whoever comes, goes or dies.
func TestShare(t *testing.T) {
	s := openServer(t)
	if _, err := natsio.Provision(t.Context(), connect(t, s.URL()), natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	const ttl = time.Second
	c := &crew{tb: t, does: map[int]string{}}
	add := func(name string) (leave, die func()) {
		return join(t, s.URL(), natsio.Share{Group: "test", Parts: 8, TTL: ttl, Run: c.work(name)})
	}
	expect := func(what string, want map[string]int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s: %v", what, want), func() bool { return cmp.Equal(c.loads(), want) })
	}
	leaveA, _ := add("a")
	expect("one replica", map[string]int{"a": 8})
	_, dieB := add("b")
	expect("another comes", map[string]int{"a": 4, "b": 4})
	add("c")
	add("d")
	expect("four", map[string]int{"a": 2, "b": 2, "c": 2, "d": 2})
	start := time.Now()
	leaveA()
	eventually(t, "the parts of who leaves are taken", func() bool { l := c.loads(); return l["b"]+l["c"]+l["d"] == 8 })
	if took := time.Since(start); took > ttl {
		t.Errorf("parts given free were taken after %s, want at once", took)
	}
	start = time.Now()
	dieB()
	expect("one dies", map[string]int{"c": 4, "d": 4})
	if took := time.Since(start); took > 3*ttl {
		t.Errorf("the parts of a dead replica were taken after %s, want within some TTLs of %s", took, ttl)
	}
}

// The bus goes away for longer than a lease lasts, and comes back.
func TestShareSurvivesTheServer(t *testing.T) {
	dir := t.TempDir()
	s := openServerAt(t, dir, "127.0.0.1:0")
	if _, err := natsio.Provision(t.Context(), connect(t, s.URL()), natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	c := &crew{tb: t, does: map[int]string{}}
	for _, name := range []string{"a", "b"} {
		join(t, s.URL(), natsio.Share{Group: "test", Parts: 4, TTL: time.Second, Run: c.work(name)})
	}
	want := map[string]int{"a": 2, "b": 2}
	eventually(t, "divided", func() bool { return cmp.Equal(c.loads(), want) })
	addr := strings.TrimPrefix(s.URL(), "nats://")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "given up", func() bool { return len(c.loads()) == 0 })
	openServerAt(t, dir, addr)
	eventually(t, "divided again", func() bool { return cmp.Equal(c.loads(), want) })
}

func TestShareReturnsTheErrorOfAPart(t *testing.T) {
	b := openBus(t)
	wrong := errors.New("wrong")
	err := b.Share(t.Context(), natsio.Share{Group: "test", Parts: 3, TTL: time.Second, Run: func(ctx context.Context, part int) error {
		if part == 1 {
			return wrong
		}
		<-ctx.Done()
		return nil
	}})
	if !errors.Is(err, wrong) {
		t.Errorf("Share = %v, want %v", err, wrong)
	}
	if err := b.Share(t.Context(), natsio.Share{Group: "test"}); !errors.Is(err, stage.ErrPermanent) {
		t.Errorf("Share of nothing = %v, want a permanent error", err)
	}
}

// forwarder passes raw messages on as valid ones, and fails some of them at first.
type forwarder struct {
	mu     sync.Mutex
	failed map[string]bool
}

func (f *forwarder) Handle(_ context.Context, in stage.Message) (stage.Result, error) {
	n, err := strconv.Atoi(string(in.Data))
	if err != nil {
		return stage.Result{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n%7 == 0 && !f.failed[in.ID] {
		f.failed[in.ID] = true
		return stage.Result{}, errors.New("not now")
	}
	return stage.Result{Out: []stage.Message{{
		Subject: strings.Replace(in.Subject, ".raw.", ".valid.", 1), ID: "v" + in.ID, Data: in.Data,
	}}}, nil
}

// Replicas come, go and die while messages flow: each message of a series is passed on once, and in order.
func TestPartitionsKeepOrder(t *testing.T) {
	s := openServer(t)
	b := connect(t, s.URL())
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	const series, rounds = 24, 60
	f := &forwarder{failed: map[string]bool{}}
	add := func() (leave, die func()) {
		b := connect(t, s.URL())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- b.Share(ctx, natsio.Share{Group: "test", Parts: wire.Partitions, TTL: ms(600), Run: func(ctx context.Context, part int) error {
				return b.Consume(ctx, stage.Subscription{
					Stream: wire.StreamObs, Consumer: "parts", Partition: strconv.Itoa(part), Exclusive: true,
					Filters: []string{wire.RawPart(part)}, Handler: f, Batch: 8, AckWait: 2 * time.Second,
				})
			}})
		}()
		leave = sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil { // of one that died: the connection is closed
				t.Log("ended:", err)
			}
			b.Close()
		})
		t.Cleanup(leave)
		return leave, func() { b.Close(); leave() }
	}
	type replica struct{ leave, die func() }
	var crew []replica
	for range 3 {
		leave, die := add()
		crew = append(crew, replica{leave, die})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range rounds {
		var msgs []stage.Message
		for i := range series {
			msgs = append(msgs, stage.Message{Subject: fmt.Sprintf("bw.obs.raw.test.S%d", i), ID: fmt.Sprintf("S%d.%d", i, n), Data: fmt.Append(nil, n)})
		}
		if err := b.Publish(t.Context(), msgs...); err != nil {
			t.Fatal(err)
		}
		if n%6 != 5 {
			continue
		}
		i := rng.IntN(len(crew))
		if rng.IntN(2) == 0 {
			crew[i].leave()
		} else {
			crew[i].die()
		}
		leave, die := add()
		crew[i] = replica{leave, die}
	}
	eventually(t, "all passed on", func() bool {
		lag, err := b.Lag(t.Context(), wire.StreamObs, "parts")
		return err == nil && lag.Pending+lag.AckPending == 0
	})
	got := map[string][]string{}
	err := b.Follow(t.Context(), natsio.FollowOptions{Subjects: []string{wire.AllValid}, From: natsio.FromAll, CaughtUp: true}, func(m stage.Message) error {
		got[m.Subject] = append(got[m.Subject], string(m.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range rounds {
		want = append(want, strconv.Itoa(n))
	}
	for i := range series {
		subject := fmt.Sprintf("bw.obs.valid.test.S%d", i)
		if diff := cmp.Diff(want, got[subject]); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", subject, diff)
		}
	}
	list, err := b.Consumers(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "parts" || len(list[0].Filters) != wire.Partitions {
		t.Errorf("Consumers = %+v, %v, want the partitions as one", list, err)
	}
}
