package ingestor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const (
	keysPerRequest = 40 // keeps URLs and answers moderate
	inFlight       = 8  // cursors and reports on their way to the bus at once
)

// Refresh brings every series up to asOf: it goes on with unfinished backfills and asks for news of all others. It
// writes one line of the refresh log and reports lag and errors.
//
// Trouble with the source for one series does not keep the others from being refreshed. The error then names it, the
// returned run is "failed", and the next refresh asks again. A zero asOf means now.
func (r *Runner) Refresh(ctx context.Context, asOf time.Time) (record.IngestRun, error) {
	unlock, err := r.lock(ctx)
	if err != nil {
		return record.IngestRun{}, err
	}
	defer unlock()

	started := r.deps.Now()
	if asOf.IsZero() {
		asOf = started
	}
	run := newRun(r.spec.Name, asOf.UTC().Truncate(time.Millisecond), started.UTC()) // the store keeps milliseconds
	cursors := make(map[string]cursor, len(r.keys))
	loaded, err := r.loadCursors(ctx, r.keys)
	if err != nil {
		return r.finish(ctx, run, cursors, err)
	}
	for i, key := range r.keys {
		cursors[key] = loaded[i]
	}
	return r.finish(ctx, run, cursors, r.refresh(ctx, run, cursors))
}

// refresh updates cursors as it goes. Its error is not the source's, which is kept in run.
func (r *Runner) refresh(ctx context.Context, run *run, cursors map[string]cursor) error {
	var begun, complete []string
	for _, key := range r.keys {
		if cursors[key].Complete {
			complete = append(complete, key)
		} else {
			begun = append(begun, key)
		}
	}
	// News first: a backfill may take minutes, and live series should not wait for it.
	for _, g := range r.groups(complete, cursors, run.asOf) {
		if run.lockedOut() {
			break
		}
		if err := r.news(ctx, run, cursors, g); err != nil {
			return err
		}
	}
	done := make([]cursor, len(begun))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.spec.Concurrency)
	for i, key := range begun {
		c := cursors[key]
		group.Go(func() error {
			if done[i] = c; run.lockedOut() {
				return nil
			}
			var err error
			done[i], err = r.backfill(gctx, run, r.id(key), c)
			return run.sift(err)
		})
	}
	err := group.Wait()
	for i, key := range begun {
		cursors[key] = done[i]
	}
	return err
}

// groups puts keys together that are asked for from the same period on.
func (r *Runner) groups(keys []string, cursors map[string]cursor, asOf time.Time) []Window {
	byFrom := map[int64][]string{}
	for _, key := range keys {
		c := cursors[key]
		from := c.Last
		if from.IsZero() {
			from = c.Next
		}
		from = from.Add(-r.spec.Repull).Truncate(step)
		byFrom[from.Unix()] = append(byFrom[from.Unix()], key)
	}
	var out []Window
	for from, keys := range byFrom {
		for some := range slices.Chunk(keys, keysPerRequest) {
			out = append(out, Window{From: time.Unix(from, 0).UTC(), To: asOf.Truncate(step), Keys: some})
		}
	}
	slices.SortFunc(out, func(a, b Window) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return slices.Compare(a.Keys, b.Keys)
	})
	return out
}

// news publishes what the source says of the keys of w that the cursors have not seen.
func (r *Runner) news(ctx context.Context, run *run, cursors map[string]cursor, w Window) error {
	if w.To.Before(w.From) {
		return nil // asOf lies before everything that is asked for again
	}
	fetched, err := r.source.Fetch(ctx, w)
	if err != nil {
		return run.sift(err)
	}
	run.fetched(fetched)
	_, err = r.publishNews(ctx, run, cursors, w.Keys, fetched)
	return err
}

// publishNews publishes what fetched says of keys that the cursors have not seen, and saves and updates the cursors.
func (r *Runner) publishNews(ctx context.Context, run *run, cursors map[string]cursor, keys []string, fetched Fetched) (news, error) {
	var msgs []stage.Message
	var said []news
	next := map[string]cursor{}
	for _, key := range keys {
		id, c := r.id(key), cursors[key]
		rows := c.prefer(fetched.Keys[key])
		n := c.compare(rows)
		absorbed := c.absorb(rows, run.asOf, r.spec.Repull)
		if !n.empty() {
			origin := r.origin(c, n, run.asOf)
			msgs = append(msgs, messages(r.template(id, run, origin), n, c.Seq, origin == series.Backfill)...)
			absorbed.Seq++
		}
		if !n.empty() || !slices.Equal(c.Bad, absorbed.Bad) {
			next[key] = absorbed
		}
		said = append(said, n)
	}
	var all news
	if err := r.publish(ctx, msgs); err != nil {
		return all, err
	}
	for _, n := range said {
		run.published(n)
		all.fresh, all.revised = all.fresh+n.fresh, all.revised+n.revised
	}
	maps.Copy(cursors, next)
	return all, r.saveCursors(ctx, next)
}

func (r *Runner) saveCursors(ctx context.Context, changed map[string]cursor) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for key, c := range changed {
		group.Go(func() error { return r.saveCursor(ctx, r.id(key), c) })
	}
	return group.Wait()
}

func (r *Runner) publish(ctx context.Context, msgs []stage.Message) error {
	if len(msgs) == 0 {
		return nil
	}
	if err := r.deps.Publisher.Publish(ctx, msgs...); err != nil {
		return &publishError{n: len(msgs), err: err}
	}
	r.deps.Log.Debug("published", zap.Int("messages", len(msgs)))
	return nil
}

// isSource reports whether err is trouble with the source, which is reported and tried again, as against trouble with
// our own bus and store, which ends the run.
func isSource(err error) bool {
	for _, kind := range []error{ErrUnavailable, ErrSchema, ErrRejected, ErrConfig} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
