package benchtables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

type bench struct {
	flags
	store  *store
	story  story
	stderr io.Writer

	stage     *chio.Store // of the staging database
	instances []*instance // of the table that is measured
	taken     map[*instance]*result
	inserts   int
}

// result is what was measured of a variant.
type result struct {
	instance         *instance
	rows             int
	inserting        time.Duration
	parts            int // before merging
	mergedParts      int
	size             size
	shows            string            // digest of what the view shows
	unmerged, merged map[string]timing // by question
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// run measures one table after the other and calls done with the results of each, the shipped layout first.
func (b *bench) run(ctx context.Context, done func(table string, results []*result) error) (err error) {
	if _, err := chio.Migrate(ctx, b.store.config(shippedIn), chio.Options{}); err != nil {
		return err
	}
	if err := b.store.exec(ctx, "default", "CREATE DATABASE "+staging); err != nil {
		return err
	}
	if b.stage, err = chio.New(b.store.config(staging), nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stage.Close()) }()
	for _, table := range tables() {
		if !b.wanted(table) {
			continue
		}
		results, err := b.table(ctx, table)
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		if err := done(table, results); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) table(ctx context.Context, table string) (results []*result, err error) {
	defer func() {
		for _, in := range b.instances {
			err = errors.Join(err, in.drop(context.WithoutCancel(ctx)))
		}
	}()
	if err := b.prepare(ctx, table); err != nil {
		return nil, err
	}
	if err := b.load(ctx, table); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	for _, in := range b.instances {
		results = append(results, b.taken[in])
	}
	return results, b.measure(ctx, table, results)
}

func (b *bench) wanted(table string) bool {
	return len(b.Tables) == 0 || slices.Contains(b.Tables, table)
}

// staging is a database with tables in memory, in which the rows of an insert are put into the store's own format before
// they go to all variants.
const staging = "staging"

// prepare makes the variants of a table.
func (b *bench) prepare(ctx context.Context, table string) error {
	b.instances, b.taken = nil, make(map[*instance]*result)
	for n, v := range variantsOf(table) {
		if ok, _ := regexp.MatchString(b.Variants, v.name); !ok && v.name != shipped {
			continue
		}
		in, err := v.create(ctx, b.store, n)
		if err != nil {
			return err
		}
		if in == nil {
			continue
		}
		b.instances = append(b.instances, in)
		b.taken[in] = &result{instance: in, unmerged: make(map[string]timing), merged: make(map[string]timing)}
	}
	b.say("%s: %d variants", table, len(b.instances))
	return b.store.exec(ctx, staging, fmt.Sprintf("CREATE TABLE %s AS %s.%[1]s ENGINE = Memory", table, shippedIn))
}

// load writes what the story has for a table to all its variants.
func (b *bench) load(ctx context.Context, table string) error {
	var buffer []stage.Row
	put := func(rows ...stage.Row) error {
		for _, row := range rows {
			if row.Table() != table {
				continue
			}
			if buffer = append(buffer, row); len(buffer) < batch {
				continue
			}
			if err := b.insert(ctx, buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
		return ctx.Err()
	}
	if err := b.tell(ctx, table, put); err != nil {
		return err
	}
	if err := b.insert(ctx, buffer); err != nil {
		return err
	}
	if table == "observations" {
		return nil
	}
	return b.describe(ctx)
}

// tell hands the part of the story in which rows of the table are written to put.
func (b *bench) tell(ctx context.Context, table string, put func(...stage.Row) error) error {
	switch table {
	case "forecasts", "scores":
		o, err := newOffice(ctx, b.story, b.ForecastDays)
		if err != nil {
			return err
		}
		return o.rows(func(rows []stage.Row) error { return put(rows...) })
	case "events":
		return b.story.events(b.EventDays, func(row stage.Row) error { return put(row) })
	}
	for a := range b.story.arrivals {
		if err := put(a.judged()...); err != nil {
			return err
		}
	}
	return nil
}

// insert writes one batch to all variants of its table, each time beginning with another one.
func (b *bench) insert(ctx context.Context, rows []stage.Row) error {
	if len(rows) == 0 {
		return nil
	}
	table := rows[0].Table()
	b.inserts++
	token := strconv.Itoa(b.inserts)
	if err := b.stage.Write(ctx, token, rows); err != nil {
		return err
	}
	native, err := b.store.do(ctx, staging, "SELECT * FROM "+table+" FORMAT Native", nil, "max_block_size", "1000000", "max_threads", "1")
	if err != nil {
		return err
	}
	if err := b.store.exec(ctx, staging, "TRUNCATE TABLE "+table); err != nil {
		return err
	}
	all := b.instances
	for i := range all {
		in := all[(i+b.inserts)%len(all)]
		start := time.Now()
		if err := in.insert(ctx, native, token); err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
		r := b.taken[in]
		r.inserting += time.Since(start)
		r.rows += len(rows)
	}
	return nil
}

// describe gives the variants of other tables an observation of each series: the readers look there for its unit and
// step.
func (b *bench) describe(ctx context.Context) error {
	var rows []stage.Row
	for k := range b.story.plots {
		rows = append(rows, arrival{plot: &b.story.plots[k], i: hours - 1, known: polled(hours - 1)}.judged()[0])
	}
	for _, in := range b.instances {
		if err := in.reader.Write(ctx, "describe", rows); err != nil {
			return err
		}
	}
	return nil
}

// measure asks all questions of a table, before and after the parts are merged, and weighs it.
func (b *bench) measure(ctx context.Context, table string, results []*result) error {
	b.say("%s: queries on what no merge has touched", table)
	few := max(3, b.Rounds/4)
	if err := b.ask(ctx, few, results, func(r *result) map[string]timing { return r.unmerged }); err != nil {
		return err
	}
	for _, r := range results {
		var err error
		if r.parts, err = r.instance.parts(ctx); err != nil {
			return err
		}
		if err := r.instance.settle(ctx); err != nil {
			return err
		}
		if r.mergedParts, err = r.instance.parts(ctx); err != nil {
			return err
		}
		if r.size, err = r.instance.weigh(ctx); err != nil {
			return err
		}
		if r.shows, err = r.instance.digest(ctx, b.story); err != nil {
			return err
		}
	}
	b.say("%s: queries on what is merged", table)
	return b.ask(ctx, b.Rounds, results, func(r *result) map[string]timing { return r.merged })
}

// ask goes round the variants with each question.
func (b *bench) ask(ctx context.Context, rounds int, results []*result, into func(*result) map[string]timing) error {
	for _, q := range questionsOf(results[0].instance.table) {
		took := make(map[*result]*timing)
		for round := range rounds + 1 {
			for i := range results {
				r := results[(i+round)%len(results)]
				if q.reader && r.instance.foreign {
					continue
				}
				t, err := stopwatch(func() error { return q.ask(ctx, r.instance, b.story.chosen(round)) })
				if err != nil {
					return fmt.Errorf("%s: %s: %w", r.instance.name, q.name, err)
				}
				if took[r] == nil {
					took[r] = &timing{} // the first round warms up
					continue
				}
				took[r].add(t)
			}
		}
		for r, t := range took {
			into(r)[q.name] = *t
		}
	}
	return nil
}

// timing is how long a question took, each time.
type timing struct {
	wall []time.Duration
	cpu  time.Duration // all rounds together
}

type lap struct{ wall, cpu time.Duration }

func (t *timing) add(l lap) {
	t.wall = append(t.wall, l.wall)
	t.cpu += l.cpu
}

// quantile returns the smallest duration that is not below the share q of all, in milliseconds.
func (t timing) quantile(q float64) float64 {
	if len(t.wall) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(t.wall))
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return float64(sorted[max(0, i)].Microseconds()) / 1000
}

// perRound returns the processor time of one round in milliseconds: that of this process, engine and reader together.
func (t timing) perRound() float64 {
	return float64(t.cpu.Microseconds()) / 1000 / float64(len(t.wall))
}

func stopwatch(f func() error) (lap, error) {
	before, err := processor()
	if err != nil {
		return lap{}, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return lap{}, err
	}
	wall := time.Since(start)
	after, err := processor()
	return lap{wall, after - before}, err
}

// processor returns the processor time that this process has used.
func processor() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, errors.Join(errors.New("processor time"), err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
