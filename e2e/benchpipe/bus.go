package benchpipe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"google.golang.org/protobuf/proto"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	bwpb "github.com/bellwether-forecast/bellwether/proto/gen/bellwether/v1"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// busRounds is how often each way is measured; the ways take turns, so that what else the machine does hits all of them.
const busRounds = 4

// busCosts are those of the bus alone, with messages as the ingestor packs them.
type busCosts struct {
	messages, bytes         int  // of one round; bytes of one message
	async, atomic, ours     cost // publish: raw one by one, raw batches, natsio
	rawReading, oursReading cost // consume
	encode, decode          cost // of the protobuf message alone
}

// best returns the cheaper raw way to publish.
func (c busCosts) best() cost {
	if c.atomic.rate() > c.async.rate() {
		return c.atomic
	}
	return c.async
}

// measureBus publishes and consumes in turn without and with natsio.
func measureBus(ctx context.Context, w *world, d demand, messages int) (busCosts, error) {
	var c busCosts
	nc, err := w.raw(w.url)
	if err != nil {
		return c, err
	}
	bus, err := w.dial(ctx, w.url)
	if err != nil {
		return c, err
	}
	for round := range busRounds {
		msgs, rows := d.pack(round, messages)
		c.messages, c.bytes = len(msgs), len(msgs[0].Data)
		for _, way := range []struct {
			to   *cost
			name string
			work func(context.Context, []stage.Message) error
		}{
			{&c.async, "async", func(ctx context.Context, m []stage.Message) error { return rawAsync(ctx, nc, m) }},
			{&c.atomic, "atomic", func(ctx context.Context, m []stage.Message) error { return rawAtomic(ctx, nc, m) }},
			{&c.ours, "ours", func(ctx context.Context, m []stage.Message) error { return bus.Publish(ctx, m...) }},
		} {
			got, err := measure(rows, func() error { return way.work(ctx, moved(msgs, way.name)) })
			if err != nil {
				return c, fmt.Errorf("publish %s: %w", way.name, err)
			}
			*way.to = way.to.plus(got)
		}
		if err := c.consume(ctx, w, nc, bus, rows, len(msgs), round); err != nil {
			return c, err
		}
	}
	return c, c.codec(d)
}

// pack returns about so many messages, of whole series, and their rows.
func (d demand) pack(round, messages int) (msgs []stage.Message, rows int) {
	for k := 0; len(msgs) < messages; k++ {
		obs := d.observations(nil, round*messages+k, 2*yearHours)
		msgs = append(msgs, ingestor.Pack(batch(k), obs, uint64(round), true)...)
		rows += len(obs)
	}
	return msgs, rows
}

// moved gives msgs subjects and ids of their own.
func moved(msgs []stage.Message, name string) []stage.Message {
	out := make([]stage.Message, len(msgs))
	for i, m := range msgs {
		out[i] = stage.Message{Subject: wire.Raw(series.ID{Source: name, Key: "x"}), ID: name + m.ID, Data: m.Data}
	}
	return out
}

func rawAsync(ctx context.Context, nc *nats.Conn, msgs []stage.Message) error {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1024))
	if err != nil {
		return err
	}
	futures := make([]jetstream.PubAckFuture, len(msgs))
	for i, m := range msgs {
		if futures[i], err = js.PublishAsync(m.Subject, m.Data, jetstream.WithStallWait(time.Minute)); err != nil {
			return err
		}
	}
	for _, f := range futures {
		select {
		case <-f.Ok():
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// rawAtomic publishes batches as large as the server allows.
func rawAtomic(ctx context.Context, nc *nats.Conn, msgs []stage.Message) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	const most = 1000
	for from := 0; from < len(msgs); from += most {
		part := msgs[from:min(len(msgs), from+most)]
		b, err := jetstreamext.NewBatchPublisher(js)
		if err != nil {
			return err
		}
		for i, m := range part {
			msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
			if i == len(part)-1 {
				_, err = b.CommitMsg(ctx, msg)
			} else {
				err = b.AddMsg(msg)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// consume reads what was published in one round, with nats.go and with natsio.
func (c *busCosts) consume(ctx context.Context, w *world, nc *nats.Conn, bus *natsio.Bus, rows, messages, round int) error {
	got, err := measure(rows, func() error { return rawConsume(ctx, nc, messages, round) })
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	c.rawReading = c.rawReading.plus(got)
	got, err = measure(rows, func() error { return oursConsume(ctx, w, bus, messages) })
	c.oursReading = c.oursReading.plus(got)
	return err
}

func rawConsume(ctx context.Context, nc *nats.Conn, messages, round int) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	cons, err := js.CreateOrUpdateConsumer(ctx, wire.StreamObs, jetstream.ConsumerConfig{
		Durable: "raw", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "bw.obs.raw.*.async.>", MaxAckPending: 4096,
	})
	if err != nil {
		return err
	}
	done, n := make(chan error, 1), 0
	reading, err := cons.Consume(func(m jetstream.Msg) {
		err := m.Ack()
		if n++; n == messages || err != nil {
			done <- err
		}
	}, jetstream.PullMaxMessages(1000))
	if err != nil {
		return err
	}
	defer reading.Stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("round %d, %d of %d messages: %w", round, n, messages, ctx.Err())
	}
}

// oursConsume is done when the last message is acknowledged.
func oursConsume(ctx context.Context, w *world, bus *natsio.Bus, messages int) error {
	before := bus.Processed()
	stop := consuming(ctx, bus, stage.Subscription{
		Stream: wire.StreamObs, Consumer: "ours", Filters: []string{"bw.obs.raw.*.ours.>"},
		Handler: stage.HandlerFunc(func(context.Context, stage.Message) (stage.Result, error) { return stage.Result{}, nil }),
	})
	err := w.until(ctx, "consumption", func() (bool, error) { return bus.Processed()-before >= uint64(messages), nil })
	return errors.Join(err, stop())
}

// consuming handles messages until stop is called.
func consuming(ctx context.Context, bus *natsio.Bus, s stage.Subscription) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- bus.Consume(ctx, s) }()
	return func() error { cancel(); return <-done }
}

// codec measures the encoding of the messages alone.
func (c *busCosts) codec(d demand) error {
	obs := d.observations(nil, 0, 2*yearHours)
	m := &bwpb.ObservationBatch{Series: &bwpb.Series{Source: sourceName, Key: "S0000"}, Unit: "MWh", RunId: runID}
	for _, o := range obs[:min(len(obs), c.bytes/13)] {
		m.Ts, m.Value = append(m.Ts, o.TS.Unix()), append(m.Value, o.Value)
	}
	const times = 2000
	rows := times * len(m.GetTs())
	var data []byte
	var err error
	c.encode, err = measure(rows, func() (err error) {
		for range times {
			if data, err = proto.Marshal(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.decode, err = measure(rows, func() error {
		for range times {
			if err := proto.Unmarshal(data, new(bwpb.ObservationBatch)); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}
