package benchpipe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// The baseline is the pipeline as most teams write it: a JSON document for each value on its way in, a service that
// judges it and passes it on, and a writer that inserts a thousand rows at a time; each message acknowledged by itself.
// It is tuned as such a pipeline can be: messages are published in a window of 1024 without waiting, read ahead by the
// thousand, and the bus keeps its default of syncing to disk every two minutes, which ours does not allow itself.
const (
	baselineWindow = 1024
	baselineInsert = 1000
	baselineAck    = 30 * time.Second
)

// document is one value on the bus of the baseline. A missing value is null.
type document struct {
	Series  string    `json:"series"`
	TS      time.Time `json:"ts"`
	Value   *float64  `json:"value"`
	KnownAt time.Time `json:"known_at"`
	Unit    string    `json:"unit"`
	Outcome string    `json:"outcome,omitempty"`
}

type baseline struct {
	*world
	js   jetstream.JetStream
	rows int
}

// measureBaseline runs so many rows through the baseline.
func measureBaseline(ctx context.Context, w *world, d demand, rows int) (cost, error) {
	b := baseline{world: w, rows: rows}
	if err := b.open(ctx); err != nil {
		return cost{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	took, err := measure(rows, func() error {
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return b.publish(ctx, d) })
		g.Go(func() error { return b.validate(ctx) })
		g.Go(func() error { return b.write(ctx) })
		return g.Wait()
	})
	if err != nil {
		return took, err
	}
	var n uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM baseline").Scan(&n); err != nil {
		return took, err
	}
	if n != uint64(rows) {
		return took, fmt.Errorf("%d rows in the baseline's table, want %d", n, rows)
	}
	return took, nil
}

// open starts a server with default settings and creates streams and table.
func (b *baseline) open(ctx context.Context) error {
	ns, err := server.NewServer(&server.Options{
		ServerName: "baseline", Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: filepath.Join(b.dir, "nats-baseline"), NoSigs: true,
	})
	if err != nil {
		return err
	}
	ns.Start()
	b.app.OnStop("baseline bus", func(context.Context) error { ns.Shutdown(); ns.WaitForShutdown(); return nil })
	if !ns.ReadyForConnections(30 * time.Second) {
		return errors.New("the baseline's bus does not start")
	}
	nc, err := b.raw(ns.ClientURL())
	if err != nil {
		return err
	}
	if b.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(baselineWindow)); err != nil {
		return err
	}
	for _, name := range []string{"raw", "valid"} {
		if _, err := b.js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
			return err
		}
	}
	return b.conn.Exec(ctx, `CREATE TABLE baseline (series LowCardinality(String), ts DateTime64(3, 'UTC'), value Float64, known_at DateTime64(3, 'UTC'),
		unit LowCardinality(String), outcome LowCardinality(String)) ENGINE = ReplacingMergeTree(known_at) ORDER BY (series, ts)`)
}

func (b *baseline) publish(ctx context.Context, d demand) error {
	for k, left := 0, b.rows; left > 0; k++ {
		x := batch(k)
		obs := d.observations(nil, k, min(left, 2*yearHours))
		left -= len(obs)
		for _, o := range obs {
			doc := document{Series: x.Series.String(), TS: o.TS, KnownAt: x.KnownAt, Unit: x.Unit}
			if !math.IsNaN(o.Value) {
				doc.Value = &o.Value
			}
			if err := b.send(ctx, "raw."+strconv.Itoa(k), doc); err != nil {
				return err
			}
		}
	}
	return b.sent(ctx)
}

// send publishes doc without waiting for the answer.
func (b *baseline) send(ctx context.Context, subject string, doc document) error {
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	id := doc.Series + strconv.FormatInt(doc.TS.Unix(), 10)
	_, err = b.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: data, Header: nats.Header{jetstream.MsgIDHeader: {id}}}, jetstream.WithStallWait(time.Minute))
	return errors.Join(err, ctx.Err())
}

func (b *baseline) sent(ctx context.Context) error {
	select {
	case <-b.js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// validate bounds every value by a range alone.
func (b *baseline) validate(ctx context.Context) error {
	n := 0
	err := b.each(ctx, "raw", func(m jetstream.Msg, doc document) error {
		doc.Outcome = "pass"
		if doc.Value == nil || *doc.Value <= 0 {
			doc.Outcome = "flag"
		}
		n++
		return errors.Join(b.send(ctx, "valid."+doc.Series, doc), m.Ack())
	}, func() bool { return n == b.rows })
	return errors.Join(err, b.sent(ctx))
}

// write inserts rows a thousand at a time, then acknowledges their messages.
func (b *baseline) write(ctx context.Context) error {
	n := 0
	var docs []document
	var msgs []jetstream.Msg
	return b.each(ctx, "valid", func(m jetstream.Msg, doc document) error {
		docs, msgs = append(docs, doc), append(msgs, m)
		n++
		if len(docs) < baselineInsert && n < b.rows {
			return nil
		}
		err := b.insert(ctx, docs)
		for _, m := range msgs {
			err = errors.Join(err, m.Ack())
		}
		docs, msgs = docs[:0], msgs[:0]
		return err
	}, func() bool { return n == b.rows })
}

func (b *baseline) insert(ctx context.Context, docs []document) error {
	batch, err := b.conn.PrepareBatch(ctx, "INSERT INTO baseline")
	if err != nil {
		return err
	}
	defer batch.Close()
	for _, d := range docs {
		value := math.NaN()
		if d.Value != nil {
			value = *d.Value
		}
		if err := batch.Append(d.Series, d.TS, value, d.KnownAt, d.Unit, d.Outcome); err != nil {
			return err
		}
	}
	return batch.Send()
}

// each reads the messages of a stream until done, reading a thousand ahead.
func (b *baseline) each(ctx context.Context, stream string, handle func(jetstream.Msg, document) error, done func() bool) error {
	cons, err := b.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: "reader", AckPolicy: jetstream.AckExplicitPolicy, AckWait: baselineAck, MaxAckPending: 4 * baselineInsert,
	})
	if err != nil {
		return err
	}
	msgs, err := cons.Messages(jetstream.PullMaxMessages(baselineInsert))
	if err != nil {
		return err
	}
	defer msgs.Stop()
	defer context.AfterFunc(ctx, msgs.Stop)()
	for !done() {
		m, err := msgs.Next()
		if err != nil {
			return err
		}
		var doc document
		if err := json.Unmarshal(m.Data(), &doc); err != nil {
			return err
		}
		if err := handle(m, doc); err != nil {
			return err
		}
	}
	return nil
}
