package ingestor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// BackfillRequest is the payload of a request on bw.ctl.ingestor.backfill, JSON: it asks for the history of some series
// of a source. The ingestor works on it for a few seconds and answers how far it is; whoever asked repeats the request
// until it is done. What is done is kept in the cursors, so that a request after a crash goes on where that ended, and
// one after the end does nothing.
type BackfillRequest struct {
	Source string    `json:"source"`
	Series []string  `json:"series,omitempty"` // keys; empty means all of the source
	From   time.Time `json:"from"`             // first period
	To     time.Time `json:"to"`               // last period
	Again  bool      `json:"again,omitempty"`  // forget that the span was filled before
}

// Backfilled is the answer: how far a backfill is.
type Backfilled struct {
	RunID     string   `json:"run_id"`
	Series    int      `json:"series"`
	Hours     int      `json:"hours"` // series times periods asked for
	Done      int      `json:"done"`  // of which are filled; equal to hours at the end
	Fetched   uint64   `json:"rows_fetched"`
	New       uint64   `json:"rows_new"`
	Revised   uint64   `json:"rows_revised"`
	Missing   uint64   `json:"rows_missing"`
	Malformed uint64   `json:"rows_malformed"`
	Errors    []string `json:"errors,omitempty"` // of the source: worth another try, or a change of the configuration
}

// backfillBudget is how long a request is worked on before no new window is begun. Refreshes come in between requests.
const backfillBudget = 8 * time.Second

// span is a filled part of the history: both ends are periods.
type span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// hours returns the number of periods of s.
func (s span) hours() int { return int(s.To.Sub(s.From)/step) + 1 }

// gaps returns what of s is not in filled, which is in order and does not overlap.
func (s span) gaps(filled []span) []span {
	var out []span
	from := s.From
	for _, f := range filled {
		if f.To.Before(from) || f.From.After(s.To) {
			continue
		}
		if f.From.After(from) {
			out = append(out, span{from, f.From.Add(-step)})
		}
		from = f.To.Add(step)
	}
	if !from.After(s.To) {
		out = append(out, span{from, s.To})
	}
	return out
}

// fill returns filled with s added, in order and joined where spans touch.
func fill(filled []span, s span) []span {
	all := append(slices.Clone(filled), s)
	slices.SortFunc(all, func(a, b span) int { return a.From.Compare(b.From) })
	out := all[:1]
	for _, next := range all[1:] {
		if last := &out[len(out)-1]; !next.From.After(last.To.Add(step)) {
			last.To = later(last.To, next.To)
		} else {
			out = append(out, next)
		}
	}
	return out
}

// empty returns filled without s.
func empty(filled []span, s span) []span {
	var out []span
	for _, f := range filled {
		out = append(out, f.gaps([]span{s})...)
	}
	return out
}

// Backfill works on a request for a few seconds and says how far it is. Windows of several series are fetched at the same
// time, within the rate of the source.
func (r *Runner) Backfill(ctx context.Context, req BackfillRequest) (Backfilled, error) {
	want, keys, err := r.checkBackfill(req)
	if err != nil {
		return Backfilled{}, err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return Backfilled{}, err
	}
	defer unlock()
	started := r.deps.Now().UTC()
	run := newRun(r.spec.Name, started.Truncate(time.Millisecond), started)
	run.isBackfill()
	run.record.Series = uint32(len(keys))
	cursors, err := r.loadCursors(ctx, keys)
	if err != nil {
		return Backfilled{}, err
	}
	if req.Again {
		forgotten := map[string]cursor{}
		for i, key := range keys {
			cursors[i].Filled = empty(cursors[i].Filled, want)
			forgotten[key] = cursors[i]
		}
		if err := r.saveCursors(ctx, forgotten); err != nil { // not all of it may be filled by this request
			return Backfilled{}, err
		}
	}
	deadline := started.Add(backfillBudget)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.spec.Concurrency)
	for i, key := range keys {
		group.Go(func() error {
			return run.sift(r.fillGaps(gctx, run, r.id(key), &cursors[i], want, deadline))
		})
	}
	broken := group.Wait()
	out := Backfilled{RunID: run.id, Series: len(keys), Hours: len(keys) * want.hours()}
	seen := map[string]cursor{}
	for i, key := range keys {
		seen[key] = cursors[i]
		out.Done += want.hours()
		for _, g := range want.gaps(cursors[i].Filled) {
			out.Done -= g.hours()
		}
	}
	if run.record.Pages == 0 && len(run.errs) == 0 && broken == nil {
		return out, nil // all of it was done before
	}
	for _, err := range distinct(run.errs) {
		out.Errors = append(out.Errors, err.Error())
	}
	rec, err := r.finish(ctx, run, seen, broken)
	out.Fetched, out.New, out.Revised, out.Missing, out.Malformed = rec.Fetched, rec.New, rec.Revised, rec.Missing, rec.Malformed
	if len(out.Errors) > 0 && broken == nil {
		return out, nil // said in the answer, with what was done in spite of it
	}
	return out, err
}

// fillGaps fetches and publishes what of want is not filled, window by window, until the deadline.
func (r *Runner) fillGaps(ctx context.Context, run *run, id series.ID, c *cursor, want span, deadline time.Time) error {
	var rows uint64
	for _, gap := range want.gaps(c.Filled) {
		for from := gap.From; !from.After(gap.To); from = from.Add(backfillWindow) {
			if run.lockedOut() || r.deps.Now().After(deadline) {
				return nil
			}
			to := from.Add(backfillWindow - step)
			if to.After(gap.To) {
				to = gap.To
			}
			next, n, err := r.fillWindow(ctx, run, id, *c, span{from, to}, to.Equal(want.To))
			if err != nil {
				return err
			}
			*c = next
			rows += uint64(n)
			r.deps.Progress(Progress{Series: id, From: want.From, To: want.To, Done: to, Rows: rows})
		}
	}
	return nil
}

// fillWindow fetches, publishes and saves one window, and returns how many observations it published. A crash repeats it,
// with the same message ids.
func (r *Runner) fillWindow(ctx context.Context, run *run, id series.ID, c cursor, s span, last bool) (cursor, int, error) {
	fetched, err := r.source.Fetch(ctx, Window{From: s.From, To: s.To, Keys: []string{id.Key}})
	if err != nil {
		return c, 0, err
	}
	rows := c.prefer(fetched.Keys[id.Key])
	n := c.compare(rows)
	if err := r.publish(ctx, messages(r.template(id, run, series.Backfill), n, c.Seq, last)); err != nil {
		return c, 0, err
	}
	run.fetched(fetched)
	run.published(n)
	next := c.absorb(rows, run.asOf, r.spec.Repull)
	next.Bad = c.Bad // what is bad in old rows says nothing about the next refresh
	next.Filled = fill(c.Filled, s)
	next.Seq++
	return next, len(n.obs), r.saveCursor(ctx, id, next)
}

// checkBackfill returns the span and the keys of a request.
func (r *Runner) checkBackfill(req BackfillRequest) (span, []string, error) {
	want := span{req.From.UTC().Truncate(step), req.To.UTC().Truncate(step)}
	bad := func(format string, args ...any) (span, []string, error) {
		return span{}, nil, source.Errorf(source.ErrConfig, format, args...)
	}
	now := r.deps.Now()
	switch {
	case r.source == nil:
		return bad("source: %s is sent its observations and cannot be asked; send the history the same way", r.spec.Name)
	case req.From.Year() < 1970:
		return bad("from: %s is before 1970; name the first period, such as 2023-01-01", req.From.Format(time.DateOnly))
	case want.To.Before(want.From):
		return bad("to: %s is before from, %s; exchange them", want.To.Format(time.RFC3339), want.From.Format(time.RFC3339))
	case want.To.After(now):
		return bad("to: %s is in the future; name a period that is over", want.To.Format(time.RFC3339))
	}
	if len(req.Series) == 0 {
		return want, r.keys, nil
	}
	for _, key := range req.Series {
		if !r.known[key] {
			return bad("series: %q is not a series of %s; use some of %s, or add it to the source first", key, r.spec.Name, strings.Join(r.keys[:min(len(r.keys), 20)], ", "))
		}
	}
	keys := slices.Clone(req.Series)
	slices.Sort(keys)
	return want, slices.Compact(keys), nil
}

func (g *Ingestor) answerBackfill(ctx context.Context, data []byte) ([]byte, error) {
	var req BackfillRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, fmt.Errorf(`backfill: body is not {"source": "eia", "from": "2023-01-01T00:00:00Z", "to": "2023-12-31T23:00:00Z"}: %w`, err)
	}
	r, err := g.Source(req.Source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, stage.ErrPermanent)
	}
	done, err := r.Backfill(ctx, req)
	if errors.Is(err, ErrConfig) {
		err = fmt.Errorf("%w: %w", err, stage.ErrPermanent)
	}
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(done)
	if err != nil {
		return nil, fmt.Errorf("backfill: encode the answer: %w", err)
	}
	return out, nil
}
