package validatebench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/validator"
)

// outcome counts what became of one kind of fault.
type outcome struct {
	n, found int
	delays   []int // points from the first bad one to the first that was named
	clean    int   // points outside faults
	falsely  int   // of them quarantined
}

func (o *outcome) add(x outcome) {
	o.n, o.found, o.clean, o.falsely = o.n+x.n, o.found+x.found, o.clean+x.clean, o.falsely+x.falsely
	o.delays = append(o.delays, x.delays...)
}

func (o *outcome) recall() float64 { return float64(o.found) / float64(o.n) }

// each runs f for every series, as many at once as there are processors.
func each(ctx context.Context, data []*demand, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range data {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}

// inject does a fault to all series every three weeks of the measured years, and to moved clocks each time.
func inject(ctx context.Context, data []*demand, f fault) (outcome, error) {
	var mu sync.Mutex
	var all outcome
	err := each(ctx, data, func(ctx context.Context, i int) error {
		rounds := 1
		if f.dst {
			rounds = 5 // four moves in two years, in five ways
		}
		for round := range rounds {
			p, err := newPlay(data, i, round)
			if err != nil {
				return err
			}
			got, err := p.inject(ctx, f)
			if err != nil {
				return fmt.Errorf("%s: %w", data[i].id, err)
			}
			mu.Lock()
			all.add(got)
			mu.Unlock()
		}
		return nil
	})
	return all, err
}

// play feeds one series, and one other of the same source, to a validator a day at a time.
type play struct {
	d, other *demand
	h        *validator.Handler
	rng      *rand.Rand
	zone     *time.Location
	number   int // of the series
	variant  int
	messages int
}

// records gives each series its record.
type records []*demand

// SeriesIDs implements validator.History.
func (r records) SeriesIDs(context.Context) ([]series.ID, error) {
	var out []series.ID
	for _, d := range r {
		out = append(out, d.id)
	}
	return out, nil
}

// Reports implements validator.History.
func (r records) Reports(context.Context, series.ID, time.Time) ([]series.Report, error) {
	return nil, nil
}

// SourceReports implements validator.History.
func (r records) SourceReports(context.Context, time.Time) (map[string][]time.Time, error) {
	return nil, nil
}

// Tail implements validator.History.
func (r records) Tail(ctx context.Context, id series.ID, n int) (series.Series, error) {
	for _, d := range r {
		if d.id == id {
			return d.Tail(ctx, id, n)
		}
	}
	return series.Series{ID: id}, nil
}

// Newest implements validator.History.
func (r records) Newest(ctx context.Context, id series.ID, from, to time.Time) ([]series.Revision, error) {
	for _, d := range r {
		if d.id == id {
			return d.Newest(ctx, id, from, to)
		}
	}
	return nil, nil
}

func newPlay(data []*demand, i, round int) (*play, error) {
	d, other := data[i], data[(i+7)%len(data)]
	zone, err := time.LoadLocation(d.zone)
	if err != nil {
		return nil, err
	}
	cfg := validator.DefaultConfig()
	cfg.Frozen = true // thresholds are those of the record before the measured years
	return &play{
		d: d, other: other, h: validator.New(cfg, records{d, other}), zone: zone, number: i, variant: i + round,
		rng: rand.New(rand.NewPCG(uint64(i), uint64(round))),
	}, nil
}

// batch returns a refresh with n hours from first on.
func (d *demand) batch(first, n int, value func(hour) float64) series.Batch {
	b := series.Batch{
		Series: d.id, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: d.zone, Step: time.Hour,
		KnownAt: d.time(first + n), RunID: strconv.Itoa(first), Origin: series.Refresh,
	}
	for i := first; i < first+n; i++ {
		b.Obs = append(b.Obs, series.Observation{TS: d.time(i), Value: value(d.hours[i])})
	}
	return b
}

func cleaned(h hour) float64 { return h.cleaned }

// tell hands a batch to the validator and returns its rows, with a verdict for each value that passed without findings: of
// those there is only the revision.
func (p *play) tell(ctx context.Context, b series.Batch) ([]stage.Row, error) {
	p.messages++
	in := stage.Message{Subject: wire.Raw(b.Series), ID: strconv.Itoa(p.messages), Data: wire.EncodeBatch(b), Attempt: 1, Time: p.d.start}
	res, err := p.h.Handle(ctx, in)
	rows := slices.Collect(stage.Each(res.Rows))
	found := map[time.Time]bool{}
	for _, row := range rows {
		if v, ok := row.(record.Verdict); ok {
			found[v.TS] = true
		}
	}
	for _, row := range slices.Clone(rows) {
		if r, ok := row.(record.Revision); ok && !found[r.TS] {
			rows = append(rows, record.Verdict{Series: r.Series, TS: r.TS, KnownAt: r.KnownAt, Value: r.Value, Outcome: check.Pass.String()})
		}
	}
	return rows, err
}

const (
	every  = 21 // days from one fault to the next
	warmed = 28 // days before the first, in which habits of batches are learned
)

// inject plays the measured years with the fault.
func (p *play) inject(ctx context.Context, f fault) (outcome, error) {
	var out outcome
	begin := p.d.index(measured())
	for day := 0; begin+24*(day+f.days+1) <= len(p.d.hours); day++ {
		first := begin + 24*day
		if !p.due(f, day, first) {
			if err := p.quiet(ctx, first, &out); err != nil {
				return out, err
			}
			continue
		}
		e := p.episode(first)
		if err := p.play(ctx, f, e, &out); err != nil {
			return out, err
		}
		day += f.days - 1
		if err := p.mend(ctx, first, f.days); err != nil {
			return out, err
		}
	}
	return out, nil
}

// due reports whether the fault happens on a day.
func (p *play) due(f fault, day, first int) bool {
	if f.damage == nil {
		return false
	}
	if f.dst {
		return len(p.moves(first)) > 0
	}
	return day >= warmed && (day+p.number)%every == 0
}

// moves returns the hours of a day beside which clocks are moved.
func (p *play) moves(first int) []int {
	var out []int
	for i := 1; i < 23; i++ {
		_, before := p.d.time(first + i - 1).In(p.zone).Zone()
		_, after := p.d.time(first + i).In(p.zone).Zone()
		if before != after {
			out = append(out, i-1, i)
		}
	}
	return out
}

func (p *play) episode(first int) *episode {
	p.variant++
	return &episode{
		d: p.d, other: p.other, rng: p.rng, first: first, at: 1 + p.rng.IntN(20), variant: p.variant, size: p.rng.Float64(), dst: p.moves(first),
	}
}

// quiet tells an undamaged day of both series and counts what is quarantined of hours that are known to be good.
func (p *play) quiet(ctx context.Context, first int, out *outcome) error {
	rows, err := p.tell(ctx, p.d.batch(first, 24, cleaned))
	if err != nil {
		return err
	}
	for _, row := range rows {
		v, ok := row.(record.Verdict)
		if !ok {
			continue
		}
		if i := p.d.index(v.TS); i < 0 || i >= len(p.d.hours) || p.d.hours[i].category != okay {
			continue
		}
		out.clean++
		if v.Outcome == check.Quarantine.String() {
			out.falsely++
		}
	}
	return p.beside(ctx, first)
}

// beside tells the other series the same day.
func (p *play) beside(ctx context.Context, first int) error {
	i := p.other.index(p.d.time(first))
	if i < 0 || i+24 > len(p.other.hours) {
		return nil
	}
	_, err := p.tell(ctx, p.other.batch(i, 24, cleaned))
	return err
}

// play tells the days of an episode and looks for the check that names it.
func (p *play) play(ctx context.Context, f fault, e *episode, out *outcome) error {
	out.n++
	bad := -1 // damaged points told so far
	for day := range f.days {
		b := p.d.batch(e.first+24*day, 24, cleaned)
		whole := slices.Clone(b.Obs)
		f.damage(e, day, &b)
		rows, err := p.tell(ctx, b)
		if err != nil && !errors.Is(err, stage.ErrPermanent) {
			return err
		}
		if err := p.beside(ctx, e.first+24*day); err != nil {
			return err
		}
		if bad < 0 {
			bad = p.d.index(firstBad(whole, b.Obs)) - e.first
		}
		at, found := named(rows, f.want)
		if !found {
			continue
		}
		out.found++
		delay := p.d.index(at) - e.first - bad
		if delay < 0 || delay >= 24*f.days {
			delay = 0 // the verdict is about a point of another day: the wrongly dated one, or one reported again
		}
		out.delays = append(out.delays, delay)
		return p.rest(ctx, f, e, day+1)
	}
	return nil
}

// rest tells the days of an episode that are left once it was found.
func (p *play) rest(ctx context.Context, f fault, e *episode, day int) error {
	for ; day < f.days; day++ {
		b := p.d.batch(e.first+24*day, 24, cleaned)
		f.damage(e, day, &b)
		if _, err := p.tell(ctx, b); err != nil {
			return err
		}
		if err := p.beside(ctx, e.first+24*day); err != nil {
			return err
		}
	}
	return nil
}

// firstBad returns the time of the first point that was damaged.
func firstBad(whole, damaged []series.Observation) time.Time {
	n := min(len(whole), len(damaged))
	for i := range n {
		if whole[i] != damaged[i] {
			return whole[i].TS
		}
	}
	if len(damaged) > n {
		return damaged[n].TS // said twice
	}
	return whole[0].TS
}

// named returns the time of the first point that one of the checks says something about.
func named(rows []stage.Row, want []check.Name) (time.Time, bool) {
	for _, row := range rows {
		v, ok := row.(record.Verdict)
		if !ok {
			continue
		}
		for _, name := range v.Checks {
			if slices.Contains(want, check.Name(name)) && (name != string(check.Revision) || v.Outcome != check.Pass.String()) {
				return v.TS, true
			}
		}
	}
	return time.Time{}, false
}

// mend has the source report the days again as they should have been.
func (p *play) mend(ctx context.Context, first, days int) error {
	b := p.d.batch(max(first-repull, 0), repull+24*days, cleaned)
	b.KnownAt = b.KnownAt.Add(6 * 24 * time.Hour) // after the latest of the faults
	_, err := p.tell(ctx, b)
	return err
}
