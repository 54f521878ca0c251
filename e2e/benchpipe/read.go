package benchpipe

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
)

// readCosts are the times of reading one series in full.
type readCosts struct {
	bare, ours []time.Duration
	points     int // of one series
}

// measureReads reads series at random, in turn with bare SQL and with libs/chio. The tables are those that the backfill
// left.
func measureReads(ctx context.Context, w *world, many, times int) (readCosts, error) {
	var c readCosts
	store, err := chio.Open(ctx, w.store, nil)
	if err != nil {
		return c, err
	}
	w.app.OnStop("read store", func(context.Context) error { return store.Close() })
	if err := w.settle(ctx); err != nil {
		return c, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range times + 4 {
		id := batch(rng.IntN(many)).Series
		start := time.Now()
		n, err := bareRead(ctx, w, id.String())
		bare := time.Since(start)
		if err != nil {
			return c, fmt.Errorf("bare read: %w", err)
		}
		start = time.Now()
		y, err := store.History(ctx, id, chio.HistoryQuery{})
		ours := time.Since(start)
		if err != nil {
			return c, err
		}
		if y.Observed() != n {
			return c, fmt.Errorf("%s: %d values by chio, %d by SQL", id, y.Observed(), n)
		}
		if i < 4 {
			continue // opens connections and caches
		}
		c.bare, c.ours, c.points = append(c.bare, bare), append(c.ours, ours), max(c.points, n)
	}
	return c, nil
}

// bareRead reads the points of one series as they lie in the table.
func bareRead(ctx context.Context, w *world, name string) (n int, err error) {
	rows, err := w.conn.Query(ctx, "SELECT ts, value FROM observations WHERE series = $1 ORDER BY ts", name)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var ts time.Time
	var value float64
	for rows.Next() {
		if err := rows.Scan(&ts, &value); err != nil {
			return n, err
		}
		if !math.IsNaN(value) {
			n++
		}
	}
	return n, rows.Err()
}
