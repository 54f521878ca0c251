package natsio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// BenchmarkPublish publishes messages by batches and one by one, in turn, to two servers that sync to disk before they
// acknowledge. The ratio of the rates says what batches gain; the rates themselves depend on the disk.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"200B", 200}, {"4KiB", 4096}} {
		for _, n := range []int{32, 64, 250, 1000} {
			b.Run(fmt.Sprintf("%s/%d", size.name, n), func(b *testing.B) { benchmarkPublish(b, n, size.bytes) })
		}
	}
}

func benchmarkPublish(b *testing.B, n, bytes int) {
	b.Helper()
	batched := openBus(b)
	plain, url := openProvisioned(b)
	allowBatches(b, url, wire.StreamObs, false)
	data := make([]byte, bytes)
	took := map[*natsio.Bus]time.Duration{}
	rounds := 0
	for b.Loop() {
		rounds++
		for _, bus := range []*natsio.Bus{batched, plain} {
			msgs := make([]stage.Message, n)
			for i := range msgs {
				msgs[i] = stage.Message{Subject: fmt.Sprintf("bw.obs.raw.bench.%d", i), ID: fmt.Sprint(rounds, ".", i), Data: data}
			}
			start := time.Now()
			if err := bus.Publish(b.Context(), msgs...); err != nil {
				b.Fatal(err)
			}
			took[bus] += time.Since(start)
		}
	}
	rate := func(bus *natsio.Bus) float64 { return float64(rounds*n) / took[bus].Seconds() }
	b.ReportMetric(rate(batched), "batch-msg/s")
	b.ReportMetric(rate(plain), "plain-msg/s")
	b.ReportMetric(rate(batched)/rate(plain), "ratio")
}

// BenchmarkLatency is the time from the call of Publish to the call of the handler, one message at a time.
func BenchmarkLatency(b *testing.B) {
	bus := openBus(b)
	got := make(chan struct{}, 1)
	consume(b, bus, stage.Subscription{
		Stream: wire.StreamObs, Consumer: "bench", Filters: []string{wire.AllRaw}, Linger: time.Millisecond,
		Handler: stage.HandlerFunc(func(context.Context, stage.Message) (stage.Result, error) {
			got <- struct{}{}
			return stage.Result{}, nil
		}),
	})
	n := 0
	for b.Loop() {
		n++
		if err := bus.Publish(b.Context(), rawMessage(n)); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

// BenchmarkConsume reads a backlog through an empty handler.
func BenchmarkConsume(b *testing.B) {
	bus := openBus(b)
	var msgs []stage.Message
	for i := range 2000 {
		msgs = append(msgs, rawMessage(i))
	}
	if err := bus.Publish(b.Context(), msgs...); err != nil {
		b.Fatal(err)
	}
	round := 0
	for b.Loop() {
		round++
		handled, done := 0, make(chan struct{})
		stop := consume(b, bus, stage.Subscription{
			Stream: wire.StreamObs, Consumer: fmt.Sprint("bench", round), Filters: []string{wire.AllRaw},
			Handler: stage.HandlerFunc(func(context.Context, stage.Message) (stage.Result, error) {
				if handled++; handled == len(msgs) {
					close(done)
				}
				return stage.Result{}, nil
			}),
		})
		<-done
		stop()
	}
	b.ReportMetric(float64(round*len(msgs))/b.Elapsed().Seconds(), "msg/s")
}
