package benchtables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
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

	stage     *chio.Store            // of the staging database
	instances map[string][]*instance // by table
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

// run measures every table and returns the results by table.
func (b *bench) run(ctx context.Context) (map[string][]*result, error) {
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.load(ctx); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	out := make(map[string][]*result)
	for _, table := range tables() {
		for _, in := range b.instances[table] {
			out[table] = append(out[table], b.taken[in])
		}
		if err := b.measure(ctx, table, out[table]); err != nil {
			return nil, fmt.Errorf("measure %s: %w", table, err)
		}
	}
	return out, nil
}

func (b *bench) wanted(table string) bool {
	return table == "observations" || len(b.Tables) == 0 || slices.Contains(b.Tables, table)
}

const staging = "staging"

// prepare makes the variants, and the staging tables in which the rows of an insert are put into the store's own format
// before they go to all variants.
func (b *bench) prepare(ctx context.Context) error {
	b.instances, b.taken = make(map[string][]*instance), make(map[*instance]*result)
	if err := b.store.exec(ctx, "default", "CREATE DATABASE "+staging); err != nil {
		return err
	}
	for _, table := range tables() {
		if !b.wanted(table) {
			continue
		}
		for n, v := range variantsOf(table) {
			in, err := v.create(ctx, b.store, n)
			if err != nil {
				return err
			}
			if in == nil {
				continue
			}
			b.instances[table] = append(b.instances[table], in)
			b.taken[in] = &result{instance: in, unmerged: make(map[string]timing), merged: make(map[string]timing)}
		}
		b.say("%s: %d variants", table, len(b.instances[table]))
		like := b.instances[table][0]
		if err := b.store.exec(ctx, staging, fmt.Sprintf("CREATE TABLE %s AS %s.%[1]s ENGINE = Memory", table, like.database)); err != nil {
			return err
		}
	}
	var err error
	b.stage, err = chio.New(b.store.config(staging), nil)
	return err
}

func (b *bench) close() {
	_ = b.stage.Close()
	for _, all := range b.instances {
		for _, in := range all {
			_ = in.reader.Close()
		}
	}
}

// load writes the whole story to all variants.
func (b *bench) load(ctx context.Context) error {
	buffers := make(map[string][]stage.Row)
	put := func(rows ...stage.Row) error {
		for _, row := range rows {
			table := row.Table()
			if !b.wanted(table) {
				continue
			}
			if buffers[table] = append(buffers[table], row); len(buffers[table]) < batch {
				continue
			}
			if err := b.insert(ctx, buffers[table]); err != nil {
				return err
			}
			buffers[table] = buffers[table][:0]
		}
		return ctx.Err()
	}
	b.say("observations, revisions and verdicts of %d series", len(b.story.plots))
	for a := range b.story.arrivals {
		if err := put(a.judged()...); err != nil {
			return err
		}
	}
	if b.wanted("forecasts") || b.wanted("scores") {
		b.say("training, then %d days of forecasts and scores", b.ForecastDays)
		o, err := newOffice(ctx, b.story, b.ForecastDays)
		if err != nil {
			return err
		}
		if err := o.rows(func(rows []stage.Row) error { return put(rows...) }); err != nil {
			return err
		}
	}
	if b.wanted("events") {
		b.say("%d days of events", b.EventDays)
		if err := b.story.events(b.EventDays, func(row stage.Row) error { return put(row) }); err != nil {
			return err
		}
	}
	for _, rest := range buffers {
		if err := b.insert(ctx, rest); err != nil {
			return err
		}
	}
	return b.describe(ctx)
}

// insert writes one batch to all variants of its table, each time beginning with another one.
func (b *bench) insert(ctx context.Context, rows []stage.Row) error {
	if len(rows) == 0 {
		return nil
	}
	table := rows[0].Table()
	b.inserts++
	token := fmt.Sprint(b.inserts)
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
	all := b.instances[table]
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

// describe gives the variants of other tables a day of observations: the readers look there for unit and step of a
// series.
func (b *bench) describe(ctx context.Context) error {
	from := b.instances["observations"][0].database
	for table, all := range b.instances {
		for _, in := range all {
			if table == "observations" {
				continue
			}
			q := fmt.Sprintf("INSERT INTO observations SELECT * FROM %s.observations WHERE ts >= '%s'", from, hour(hours-24).Format(time.DateTime))
			if err := b.store.exec(ctx, in.database, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure asks all questions of a table, before and after the parts are merged, and weighs it.
func (b *bench) measure(ctx context.Context, table string, results []*result) error {
	if len(results) == 0 {
		return nil
	}
	b.say("%s: queries on what no merge has touched", table)
	if err := b.ask(ctx, table, results, func(r *result) map[string]timing { return r.unmerged }); err != nil {
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
	return b.ask(ctx, table, results, func(r *result) map[string]timing { return r.merged })
}

// ask goes round the variants with each question.
func (b *bench) ask(ctx context.Context, table string, results []*result, into func(*result) map[string]timing) error {
	for _, q := range questionsOf(table) {
		took := make(map[*result]*timing)
		for round := range b.Rounds + 1 {
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
