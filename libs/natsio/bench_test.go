package natsio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// BenchmarkPublish publishes 12 messages of 1 KiB at a time, as an ingestor does with a page, to a server that syncs
// every message.
func BenchmarkPublish(b *testing.B) {
	bus := openBus(b)
	msgs := make([]stage.Message, 12)
	data := make([]byte, 1024)
	n := 0
	for b.Loop() {
		for i := range msgs {
			n++
			msgs[i] = stage.Message{Subject: fmt.Sprintf("bw.obs.raw.bench.%d", i), ID: fmt.Sprint("b", n), Data: data}
		}
		if err := bus.Publish(b.Context(), msgs...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "msg/s")
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
