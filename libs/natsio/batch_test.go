package natsio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// jetStream returns a client of its own for a server.
func jetStream(tb testing.TB, url string) jetstream.JetStream {
	tb.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatal(err)
	}
	return js
}

// allowBatches sets whether a stream takes batches. A server that has no batches shows its streams like one that does
// not allow them.
func allowBatches(tb testing.TB, url, stream string, allowed bool) {
	tb.Helper()
	js := jetStream(tb, url)
	s, err := js.Stream(tb.Context(), stream)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.AllowAtomicPublish = allowed
	if _, err := js.UpdateStream(tb.Context(), cfg); err != nil {
		tb.Fatal(err)
	}
}

// openProvisioned returns a provisioned bus and the address of its server.
func openProvisioned(tb testing.TB) (*natsio.Bus, string) {
	tb.Helper()
	url := openServer(tb).URL()
	b := connect(tb, url)
	if _, err := natsio.Provision(tb.Context(), b, natsio.ProvisionOptions{}); err != nil {
		tb.Fatal(err)
	}
	return b, url
}

// burst returns n messages of as many subjects, with ids from first on.
func burst(first, n int) []stage.Message {
	msgs := make([]stage.Message, n)
	for i := range msgs {
		msgs[i] = stage.Message{Subject: fmt.Sprintf("bw.obs.raw.test.%d", i%7), ID: fmt.Sprintf("b%d", first+i), Data: fmt.Append(nil, first+i)}
	}
	return msgs
}

func ids(msgs []stage.Message) []string {
	var out []string
	for _, m := range msgs {
		out = append(out, m.ID)
	}
	return out
}

// stored returns the ids of the messages of a stream, in order, and how many of them came in a batch.
func stored(tb testing.TB, js jetstream.JetStream, stream string) (ids []string, batched int) {
	tb.Helper()
	s, err := js.Stream(tb.Context(), stream)
	if err != nil {
		tb.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(tb.Context(), seq)
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, m.Header.Get(jetstream.MsgIDHeader))
		if m.Header.Get("Nats-Batch-Id") != "" {
			batched++
		}
	}
	return ids, batched
}

func publish(tb testing.TB, b *natsio.Bus, msgs ...stage.Message) {
	tb.Helper()
	if err := b.Publish(tb.Context(), msgs...); err != nil {
		tb.Fatal(err)
	}
}

// Messages of one stream are stored by batches and in order, whatever lies between them and however many there are.
func TestBatches(t *testing.T) {
	b, url := openProvisioned(t)
	var msgs []stage.Message
	obs := burst(0, 2500)
	for i, m := range obs {
		msgs = append(msgs, m)
		if i%500 == 0 {
			msgs = append(msgs, stage.Message{Subject: "bw.event.lag.test", ID: fmt.Sprint("e", i)})
		}
	}
	publish(t, b, msgs...)
	js := jetStream(t, url)
	got, batched := stored(t, js, wire.StreamObs)
	if diff := cmp.Diff(ids(obs), got); diff != "" {
		t.Errorf("observations mismatch (-want +got):\n%s", diff)
	}
	if batched != len(obs) {
		t.Errorf("%d of %d observations came in batches", batched, len(obs))
	}
	if got, batched := stored(t, js, wire.StreamEvent); len(got) != 5 || batched > 0 {
		t.Errorf("events %v, %d of them in batches; want 5, sent one by one", got, batched)
	}
}

func TestFewMessagesMakeNoBatch(t *testing.T) {
	b, url := openProvisioned(t)
	publish(t, b, burst(0, 5)...)
	if got, batched := stored(t, jetStream(t, url), wire.StreamObs); len(got) != 5 || batched > 0 {
		t.Errorf("%v, %d of them in a batch; want 5, sent one by one", got, batched)
	}
}

// What the stream has already counts as stored, and what it does not have is stored in order.
func TestBatchWithDuplicates(t *testing.T) {
	all := burst(0, 200)
	for name, calls := range map[string][][]stage.Message{
		"the whole batch again":  {all, all},
		"the begin again":        {all[:80], all},
		"the end again":          {all[:120], all[60:]},
		"one message in between": {all[:1], all},
		"twice in one call":      {append(slices.Clone(all), all[:100]...)},
	} {
		t.Run(name, func(t *testing.T) {
			b, url := openProvisioned(t)
			for _, msgs := range calls {
				publish(t, b, msgs...)
			}
			got, _ := stored(t, jetStream(t, url), wire.StreamObs)
			if diff := cmp.Diff(ids(all), got); diff != "" {
				t.Errorf("stored ids mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// A stream without batches, as on a server that has none, takes messages one by one; so does one that no longer
// allows them.
func TestStreamWithoutBatches(t *testing.T) {
	for name, before := range map[string]int{"never had them": 0, "had them": 100} {
		t.Run(name, func(t *testing.T) {
			b, url := openProvisioned(t)
			publish(t, b, burst(0, before)...)
			allowBatches(t, url, wire.StreamObs, false)
			publish(t, b, burst(before, 100)...)
			got, batched := stored(t, jetStream(t, url), wire.StreamObs)
			if diff := cmp.Diff(ids(burst(0, before+100)), got); diff != "" {
				t.Errorf("stored ids mismatch (-want +got):\n%s", diff)
			}
			if batched != before {
				t.Errorf("%d came in a batch, want %d", batched, before)
			}
		})
	}
}

// One series with an open job does not keep the jobs of others from being stored.
func TestJobsAreDiscardedOneByOne(t *testing.T) {
	b, url := openProvisioned(t)
	jobs := make([]stage.Message, 60)
	for i := range jobs {
		jobs[i] = stage.Message{Subject: fmt.Sprintf("bw.job.train.test.%d", i), ID: fmt.Sprint("j", i)}
	}
	publish(t, b, stage.Message{Subject: jobs[30].Subject, ID: "open"})
	if err := b.Publish(t.Context(), jobs...); !errors.Is(err, natsio.ErrDiscarded) {
		t.Errorf("Publish = %v, want ErrDiscarded", err)
	}
	if got, _ := stored(t, jetStream(t, url), wire.StreamJob); len(got) != len(jobs) {
		t.Errorf("%d jobs stored, want %d", len(got), len(jobs))
	}
}

// What comes before a message that cannot be sent is stored, what comes after it is not.
func TestBadMessageEndsABatch(t *testing.T) {
	b, url := openProvisioned(t)
	msgs := burst(0, 100)
	msgs[70].ID = ""
	if err := b.Publish(t.Context(), msgs...); !errors.Is(err, stage.ErrPermanent) {
		t.Errorf("Publish = %v, want a permanent error", err)
	}
	got, _ := stored(t, jetStream(t, url), wire.StreamObs)
	if diff := cmp.Diff(ids(msgs[:70]), got); diff != "" {
		t.Errorf("stored ids mismatch (-want +got):\n%s", diff)
	}
}

// Several publishers at once all get through, also when there are more of them than the server has open batches for.
func TestManyPublishers(t *testing.T) {
	b, url := openProvisioned(t)
	var g errgroup.Group
	for p := range 80 {
		g.Go(func() error { return b.Publish(t.Context(), burst(p*50, 50)...) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	got, _ := stored(t, jetStream(t, url), wire.StreamObs)
	want := ids(burst(0, 80*50))
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored ids mismatch (-want +got):\n%s", diff)
	}
}

// A batch to a server that is away is an outage, and the same call succeeds when the server is back.
func TestBatchWhileTheServerIsAway(t *testing.T) {
	dir := t.TempDir()
	s := openServerAt(t, dir, "127.0.0.1:0")
	b := connectWith(t, natsio.Config{URL: s.URL(), Timeout: time.Second})
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	publish(t, b, burst(0, 100)...)
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), burst(100, 100)...); !errors.Is(err, natsio.ErrUnavailable) || !natsio.Outage("publish", err) {
		t.Fatalf("Publish without a server = %v, want ErrUnavailable", err)
	}
	s = openServerAt(t, dir, strings.TrimPrefix(s.URL(), "nats://"))
	eventually(t, "connected again", func() bool { return b.Ready() == nil })
	publish(t, b, burst(100, 100)...)
	got, _ := stored(t, jetStream(t, s.URL()), wire.StreamObs)
	if diff := cmp.Diff(ids(burst(0, 200)), got); diff != "" {
		t.Errorf("stored ids mismatch (-want +got):\n%s", diff)
	}
}
