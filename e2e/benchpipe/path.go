package benchpipe

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
	"github.com/bellwether-forecast/bellwether/services/validator"
)

// ingestors is how many series are published at the same time, as the ingestor's default concurrency.
const ingestors = 4

// gatherFor is how long the rows of one partition wait for those of others, as in the services.
const gatherFor = 20 * time.Millisecond

// pathResult is what the backfill took.
type pathResult struct {
	cost
	forwarded, observations, held, missing uint64
	memory                                 [4]int64 // highest resident bytes of each quarter of the time
}

// measurePath publishes two years of many series as the ingestor packs them. The validator as it is reads them from the
// bus, writes them to the store and publishes what passed, which a reader decodes as the forecaster would. It is done
// when everything is acknowledged, and every row is accounted for.
func measurePath(ctx context.Context, w *world, d demand, many, years int) (pathResult, error) {
	var r pathResult
	store, err := chio.Open(ctx, w.store, nil)
	if err != nil {
		return r, err
	}
	w.app.OnStop("path store", func(context.Context) error { return store.Close() })
	p := path{world: w, store: store, demand: d, series: many, hours: years * yearHours}
	if err := p.connect(ctx); err != nil {
		return r, err
	}
	memory := sample(ctx, 100*time.Millisecond)
	r.cost, err = measure(many*p.hours, func() error { return p.run(ctx) })
	memory.stop()
	if err != nil {
		return r, err
	}
	r.memory, r.forwarded = memory.quarters(), p.rows.Load()
	return r, p.account(ctx, &r)
}

// path is one run of the backfill.
type path struct {
	*world
	store  *chio.Store
	demand demand
	series int
	hours  int // of each series

	in, validate, read *natsio.Bus
	sent               atomic.Int64 // messages published raw
	passed             atomic.Int64 // messages published valid
	rows               atomic.Uint64
}

func (p *path) connect(ctx context.Context) error {
	url, err := p.bus(ctx, "nats-path")
	if err != nil {
		return err
	}
	for _, to := range []**natsio.Bus{&p.in, &p.validate, &p.read} {
		if *to, err = p.dial(ctx, url); err != nil {
			return err
		}
	}
	return nil
}

func (p *path) run(ctx context.Context) error {
	stopJudge := p.judge(ctx)
	stopRead := consuming(ctx, p.read, stage.Subscription{
		Stream: wire.StreamObs, Consumer: "reader", Filters: []string{wire.AllValid}, Handler: stage.HandlerFunc(p.decode),
	})
	err := p.ingest(ctx)
	if err == nil {
		err = p.until(ctx, "the validator", func() (bool, error) { return p.validate.Processed() >= uint64(p.sent.Load()), nil })
	}
	if err == nil {
		err = p.until(ctx, "the reader", func() (bool, error) { return p.read.Processed() >= uint64(p.passed.Load()), nil })
	}
	return errors.Join(err, stopJudge(), stopRead())
}

// judge runs the validator's partitions as one replica does that has all of them.
func (p *path) judge(ctx context.Context) (stop func() error) {
	rows := stage.Gather(p.store, gatherFor)
	stops := make([]func() error, wire.Partitions)
	for part := range stops {
		s := validator.Subscription(validator.DefaultConfig(), p.store, part)
		s.Partition, s.Exclusive = strconv.Itoa(part), true
		s.Sink, s.Linger = rows, -1
		s.Handler = counting{s.Handler, &p.passed}
		stops[part] = consuming(ctx, p.validate, s)
	}
	return func() error {
		var errs []error
		for _, stop := range stops {
			errs = append(errs, stop())
		}
		return errors.Join(errs...)
	}
}

// ingest publishes all series, some at a time.
func (p *path) ingest(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(ingestors)
	for k := range p.series {
		g.Go(func() error {
			msgs := ingestor.Pack(batch(k), p.demand.observations(make([]series.Observation, 0, p.hours), k, p.hours), 0, true)
			p.sent.Add(int64(len(msgs)))
			return p.in.Publish(ctx, msgs...)
		})
	}
	return g.Wait()
}

func (p *path) decode(_ context.Context, in stage.Message) (stage.Result, error) {
	b, err := wire.DecodeBatch(in.Data)
	p.rows.Add(uint64(len(b.Obs)))
	return stage.Result{}, err
}

// account checks that every observation published is in the record as an observation, kept back, or a missing value,
// and that each observation of the record was forwarded once.
func (p *path) account(ctx context.Context, r *pathResult) error {
	for query, to := range map[string]*uint64{
		"SELECT uniqExact(series, ts) FROM observations":                                &r.observations,
		"SELECT count() FROM v_quarantine WHERE status = 'held'":                        &r.held,
		"SELECT count() FROM v_verdicts WHERE outcome = 'flag' AND has(checks, 'null')": &r.missing,
	} {
		if err := p.conn.QueryRow(ctx, query).Scan(to); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	if got, want := r.observations+r.held+r.missing, uint64(r.cost.rows); got != want {
		return fmt.Errorf("%d observations in the record, %d kept back, %d without a value: %d, but %d were published", r.observations, r.held, r.missing, got, want)
	}
	if r.forwarded != r.observations {
		return fmt.Errorf("%d observations forwarded, %d in the record", r.forwarded, r.observations)
	}
	return nil
}

// counting counts the batches that a handler passes on.
type counting struct {
	stage.Handler
	passed *atomic.Int64
}

// Handle implements stage.Handler.
func (c counting) Handle(ctx context.Context, in stage.Message) (stage.Result, error) {
	res, err := c.Handler.Handle(ctx, in)
	for _, m := range res.Out {
		if strings.HasPrefix(m.Subject, strings.TrimSuffix(wire.AllValid, ">")) {
			c.passed.Add(1)
		}
	}
	return res, err
}

// Forget implements stage.Forgetter.
func (c counting) Forget() {
	if f, ok := c.Handler.(stage.Forgetter); ok {
		f.Forget()
	}
}
