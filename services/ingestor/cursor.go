package ingestor

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// cursor is what the ingestor has seen of one series. It is written after everything it speaks of is published.
type cursor struct {
	Version  int       `json:"version"`
	Start    time.Time `json:"start"`             // first period of the backfill; zero before the first window
	Next     time.Time `json:"next"`              // the backfill goes on from here
	Complete bool      `json:"complete"`          // the backfill is done
	Last     time.Time `json:"last,omitzero"`     // newest period seen, with or without a value
	Observed time.Time `json:"observed,omitzero"` // newest period with a value
	// Seq counts publications. It is part of message ids: what is published again because the cursor could not be saved
	// gets the id it had, and a value that returns after a revision gets a new one.
	Seq    uint64   `json:"seq"`
	Recent []point  `json:"recent,omitempty"` // what was last seen of the periods that are asked for again
	Bad    []string `json:"bad,omitempty"`    // digests of malformed rows and twins in the last answer
	Filled []span   `json:"filled,omitempty"` // parts of the history that were filled on request, in order
}

const cursorVersion = 1

// point is one value; nil is a missing one, because JSON has no NaN.
type point struct {
	T int64    `json:"t"` // Unix seconds
	V *float64 `json:"v"`
}

func (p point) observation() series.Observation {
	o := series.Observation{TS: time.Unix(p.T, 0).UTC(), Value: math.NaN()}
	if p.V != nil {
		o.Value = *p.V
	}
	return o
}

func (r *Runner) loadCursor(ctx context.Context, id series.ID) (cursor, error) {
	data, err := r.deps.Cursors.Get(ctx, wire.Key(id))
	if err != nil {
		return cursor{}, fmt.Errorf("cursor of %s: get: %w", id, err)
	}
	if len(data) == 0 {
		return cursor{Version: cursorVersion}, nil
	}
	var c cursor
	if err := json.Unmarshal(data, &c); err != nil {
		return cursor{}, fmt.Errorf("cursor of %s: %w", id, err)
	}
	if c.Version != cursorVersion {
		return cursor{}, fmt.Errorf("cursor of %s: version %d, want %d: %w", id, c.Version, cursorVersion, ErrConfig)
	}
	return c, nil
}

// loadCursors returns the cursors of keys, in their order.
func (r *Runner) loadCursors(ctx context.Context, keys []string) ([]cursor, error) {
	out := make([]cursor, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for i, key := range keys {
		group.Go(func() (err error) {
			out[i], err = r.loadCursor(ctx, r.id(key))
			return err
		})
	}
	return out, group.Wait()
}

func (r *Runner) saveCursor(ctx context.Context, id series.ID, c cursor) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("cursor of %s: %w", id, err)
	}
	if err := r.deps.Cursors.Put(ctx, wire.Key(id), data); err != nil {
		return fmt.Errorf("cursor of %s: put: %w", id, err)
	}
	return nil
}

// news is what an answer says that the cursor has not seen.
type news struct {
	obs       []series.Observation
	malformed []series.Malformed
	fresh     int // periods not seen before
	revised   int // periods with another value than before
	missing   int // of obs, without a value
}

func (n *news) empty() bool { return len(n.obs) == 0 && len(n.malformed) == 0 }

// prefer returns rows with what c has seen as the observation wherever the source contradicts itself, so that the order
// of its answer does not look like a revision.
func (c *cursor) prefer(rows Rows) Rows {
	if len(rows.Twins) == 0 {
		return rows
	}
	seen := c.seen()
	rows.Obs, rows.Twins = slices.Clone(rows.Obs), slices.Clone(rows.Twins)
	for i, twin := range rows.Twins {
		old, ok := seen[twin.TS.Unix()]
		if !ok || !source.Same(old.Value, twin.Value) {
			continue
		}
		j := slices.IndexFunc(rows.Obs, func(o series.Observation) bool { return o.TS.Equal(twin.TS) })
		rows.Obs[j], rows.Twins[i] = twin, rows.Obs[j]
	}
	return rows
}

func (c *cursor) seen() map[int64]series.Observation {
	seen := make(map[int64]series.Observation, len(c.Recent))
	for _, p := range c.Recent {
		seen[p.T] = p.observation()
	}
	return seen
}

// compare returns what rows say that c has not seen. A new twin comes together with the observation it contradicts.
func (c *cursor) compare(rows Rows) news {
	seen := c.seen()
	known := make(map[string]bool, len(c.Bad))
	for _, d := range c.Bad {
		known[d] = true
	}
	twins := map[int64][]series.Observation{}
	contradicted := map[int64]bool{}
	for _, o := range rows.Twins {
		twins[o.TS.Unix()] = append(twins[o.TS.Unix()], o)
		contradicted[o.TS.Unix()] = contradicted[o.TS.Unix()] || !known[twinDigest(o)]
	}
	var n news
	for _, o := range rows.Obs {
		t := o.TS.Unix()
		old, ok := seen[t]
		switch same := ok && source.Same(old.Value, o.Value); {
		case same && !contradicted[t]:
			continue
		case !ok:
			n.fresh++
		case !same:
			n.revised++
		}
		if math.IsNaN(o.Value) {
			n.missing++
		}
		n.obs = append(append(n.obs, o), twins[t]...)
	}
	for _, m := range rows.Malformed {
		if !known[digest(m)] {
			n.malformed = append(n.malformed, m)
		}
	}
	return n
}

// absorb returns c after rows were published. Periods after asOf do not count as seen: a source that is ahead of its
// time must not make the next window start there.
func (c cursor) absorb(rows Rows, asOf time.Time, repull time.Duration) cursor {
	values := make(map[int64]point, len(c.Recent)+len(rows.Obs))
	for _, p := range c.Recent {
		values[p.T] = p
	}
	for _, o := range rows.Obs {
		if o.TS.After(asOf) {
			continue
		}
		p := point{T: o.TS.Unix()}
		if !math.IsNaN(o.Value) {
			p.V = &o.Value
			c.Observed = later(c.Observed, o.TS)
		}
		c.Last = later(c.Last, o.TS)
		values[p.T] = p
	}
	c.Recent = c.Recent[:0:0]
	for t := c.Last.Add(-repull).Truncate(step); !t.After(c.Last); t = t.Add(step) {
		if p, ok := values[t.Unix()]; ok {
			c.Recent = append(c.Recent, p)
		}
	}
	c.Bad = nil
	for _, m := range rows.Malformed {
		c.Bad = append(c.Bad, digest(m))
	}
	for _, o := range rows.Twins {
		c.Bad = append(c.Bad, twinDigest(o))
	}
	return c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b.UTC()
	}
	return a
}
