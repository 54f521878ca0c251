package lagbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/lag"
)

// slowFor is how long a backlog must grow before anybody is told: the default of the monitor.
const slowFor = 5 * time.Minute

// traffic is what arrives at a healthy consumer and how much of it it can do.
type traffic struct {
	name     string
	trickle  float64 // messages between two reports, on average
	burst    int     // messages at the full hour
	spread   int     // reports over which they come
	capacity int     // messages finished between two reports
	refused  int     // one message of so many is put back once; 0 means none
	backfill int     // messages at once, at a time of day drawn for each
}

// day returns the consumers of a healthy day: hourly sources, a steady one, one with failures that pass, one with a
// backfill that takes an hour.
func day() []traffic {
	return []traffic{
		{name: "hourly", trickle: 0.2, burst: 900, spread: 3, capacity: 120},
		{name: "hourly, slowly", trickle: 1, burst: 600, spread: 40, capacity: 25},
		{name: "steady", trickle: 12, capacity: 40},
		{name: "failures that pass", trickle: 6, burst: 200, spread: 2, capacity: 50, refused: 20},
		{name: "backfill", trickle: 3, burst: 100, spread: 1, capacity: 30, backfill: 15_000},
	}
}

// health replays healthy traffic and returns how many alarms it raised: a bad state, or SLOW for five minutes on end.
func (o options) health(ctx context.Context, w io.Writer, s *server) (int, error) {
	all := day()
	alarms := make([]int, len(all))
	said := make([]map[lag.State]int, len(all))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(o.Workers, 1))
	for i, t := range all {
		g.Go(func() error {
			var err error
			alarms[i], said[i], err = t.run(ctx, s, fmt.Sprintf("day%d", i), o.Seed+uint64(i), o.Healthy)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	total := 0
	for i, t := range all {
		total += alarms[i]
		fmt.Fprintf(w, "healthy for %s: %-18s %d alarms, verdicts %v\n", o.Healthy, t.name, alarms[i], said[i])
	}
	return total, nil
}

func (t traffic) run(ctx context.Context, s *server, stream string, seed uint64, length time.Duration) (alarms int, said map[lag.State]int, err error) {
	r, err := newRig(ctx, s.js, s.bus, stream, seed, 200_000)
	if err != nil {
		return 0, nil, err
	}
	r.cfg.MaxAckPending = 1000
	if _, err := r.js.UpdateConsumer(ctx, stream, r.cfg); err != nil {
		return 0, nil, err
	}
	said = map[lag.State]int{}
	hour := int(time.Hour / every)
	reports := int(length / every)
	backfill := r.rng.IntN(max(1, reports*2/3))
	slow, before := 0, lag.OK
	for i := range reports {
		n := poisson(r.rng.Float64, t.trickle)
		if k := i % hour; t.spread > 0 && k < t.spread {
			n += t.burst / t.spread
		}
		if i == backfill {
			n += t.backfill
		}
		if err := errors.Join(r.publish(n), t.handle(ctx, r)); err != nil {
			return 0, nil, fmt.Errorf("report %d: %w", i, err)
		}
		r.report(ctx)
		if i < lag.Size {
			continue
		}
		v, _ := r.judge()
		said[v.State]++
		slow++
		if v.State != lag.Slow {
			slow = 0
		}
		if v.State.Bad() && v.State != lag.Slow && v.State != before || slow == int(slowFor/every) {
			alarms++
		}
		before = v.State
	}
	return alarms, said, r.close(ctx)
}

// handle does what the consumer can do until the next report. What it puts back comes again and is finished.
func (t traffic) handle(ctx context.Context, r *rig) error {
	if t.refused == 0 {
		return r.work(ctx, t.capacity)
	}
	if err := r.take(ctx, t.capacity/2); err != nil {
		return err
	}
	keep := r.held[:0]
	for _, m := range r.held {
		if r.rng.IntN(t.refused) == 0 {
			if err := m.Nak(); err != nil {
				return err
			}
			continue
		}
		keep = append(keep, m)
	}
	r.held = keep
	if err := r.finish(ctx, len(r.held)); err != nil {
		return err
	}
	return r.work(ctx, t.capacity/2)
}

// poisson draws a count with a mean: Knuth, The Art of Computer Programming, volume 2, 3.4.1.
func poisson(uniform func() float64, mean float64) int {
	limit, n, p := math.Exp(-mean), 0, uniform()
	for p > limit {
		n++
		p *= uniform()
	}
	return n
}
