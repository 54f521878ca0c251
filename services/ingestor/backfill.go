package ingestor

import (
	"context"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// backfillWindow is just below one page of the API: 4,992 hours.
const backfillWindow = 208 * day

// backfill goes on with the backfill of one series and returns its cursor as saved. A crash repeats one window at most.
func (r *Runner) backfill(ctx context.Context, run *run, id series.ID, c cursor) (cursor, error) {
	run.isBackfill()
	if c.Start.IsZero() {
		start, err := r.spec.start(run.asOf)
		if err != nil {
			return c, err
		}
		c.Start, c.Next = start, start
	}
	end := run.asOf.Truncate(step)
	if end.Before(c.Start) {
		return c, source.Errorf(ErrConfig, "start: %s lies after the time of the refresh, %s; set an earlier one",
			c.Start.Format(time.RFC3339), end.Format(time.RFC3339))
	}
	var rows uint64
	for !c.Complete && !end.Before(c.Next) {
		to := c.Next.Add(backfillWindow - step)
		final := !to.Before(end)
		if final {
			to = end
		}
		n, next, err := r.backfillWindow(ctx, run, id, c, Window{From: c.Next, To: to, Keys: []string{id.Key}}, final)
		if err != nil {
			return c, err
		}
		c = next
		rows += uint64(len(n.obs))
		r.deps.Progress(Progress{Series: id, From: c.Start, To: end, Done: to, Rows: rows})
	}
	return c, nil
}

// backfillWindow fetches, publishes and saves one window.
func (r *Runner) backfillWindow(
	ctx context.Context, run *run, id series.ID, c cursor, w Window, final bool,
) (news, cursor, error) {
	fetched, err := r.source.Fetch(ctx, w)
	if err != nil {
		return news{}, c, err
	}
	run.fetched(fetched)
	rows := c.prefer(fetched.Keys[id.Key])
	if c.Last.IsZero() && len(rows.Obs) == 0 && len(rows.Malformed) == 0 {
		// Nothing yet: a series that begins later, or a name that nobody knows.
		if err := r.checkKnown(ctx, run, id.Key); err != nil {
			return news{}, c, err
		}
	}
	n := c.compare(rows)
	run.published(n)
	if final && n.empty() && len(c.Recent) > 0 {
		// The end of a backfill has to be said, so the newest point is said again.
		n.obs = []series.Observation{c.Recent[len(c.Recent)-1].observation()}
	}
	if err := r.publish(ctx, messages(r.template(id, run, series.Backfill), n, c.Seq, final)); err != nil {
		return news{}, c, err
	}
	next := c.absorb(rows, run.asOf, r.spec.Repull)
	next.Next, next.Complete = w.To.Add(step), final
	next.Seq++
	if err := r.saveCursor(ctx, id, next); err != nil {
		return news{}, c, err
	}
	return n, next, nil
}

// checkKnown returns an error when the source does not have key. It asks the source once in a run.
func (r *Runner) checkKnown(ctx context.Context, run *run, key string) error {
	unknown, err := run.unknown(func() ([]string, error) { return r.source.Unknown(ctx, r.keys) })
	if err != nil {
		return err
	}
	if slices.Contains(unknown, key) {
		return source.Errorf(ErrConfig, "areas: %q is not known to the source; remove it or correct its spelling", key)
	}
	return nil
}

// age returns how old the newest value of a series is at asOf, or zero when it never had one.
func (c *cursor) age(asOf time.Time) time.Duration {
	if c.Observed.IsZero() {
		return 0
	}
	return max(0, asOf.Sub(c.Observed))
}
