package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Known returns the grid points from..to of a series as they were known at asOf; see History.
func (s *Store) Known(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Series, error) {
	return s.History(ctx, id, HistoryQuery{From: from, To: to, AsOf: asOf})
}

// Revisions returns every revision of the points from..to, for backtests on what was known at many origins. Of the
// points up to asOf it leaves out the revisions that became known later, but never a point's first one: a point that
// was backfilled counts as known from the start, as series.Revised says.
func (s *Store) Revisions(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Revised, error) {
	y, _, err := s.describe(ctx, id)
	if err != nil {
		return series.Revised{}, err
	}
	out := series.Revised{ID: id, Unit: y.Unit, Zone: y.Zone, Step: y.Step}
	err = s.each(ctx, `
SELECT toUnixTimestamp(ts) AS t, toUnixTimestamp64Milli(known_at) AS k, value
FROM observation_revisions FINAL
WHERE series = {series:String} AND ts BETWEEN fromUnixTimestamp64Milli({from:Int64}) AND fromUnixTimestamp64Milli({to:Int64})
ORDER BY ts, known_at`,
		params{"series": id.String(), "from": millis(from), "to": millis(to)},
		func(rows driver.Rows) error {
			var (
				t uint32
				k int64
				v float64
			)
			if err := rows.Scan(&t, &k, &v); err != nil {
				return err
			}
			r := series.Revision{TS: time.Unix(int64(t), 0).UTC(), KnownAt: time.UnixMilli(k).UTC(), Value: v}
			n := len(out.Revs)
			if r.KnownAt.After(asOf) && n > 0 && out.Revs[n-1].TS.Equal(r.TS) {
				return nil
			}
			out.Revs = append(out.Revs, r)
			return nil
		})
	if err != nil {
		return series.Revised{}, fmt.Errorf("revisions of %s: %w", id, err)
	}
	return out, nil
}

// ScaledErrors returns, for each target at or after since that has scores, the mean of their scaled errors, in order.
// Scores without a scale do not count.
func (s *Store) ScaledErrors(ctx context.Context, id series.ID, since time.Time) ([]series.Observation, error) {
	var out []series.Observation
	err := s.each(ctx, `
SELECT toUnixTimestamp(target_ts) AS t, avg(scaled_error) AS e
FROM scores FINAL
WHERE series = {series:String} AND target_ts >= fromUnixTimestamp64Milli({since:Int64}) AND NOT isNaN(scaled_error)
GROUP BY target_ts ORDER BY target_ts`,
		params{"series": id.String(), "since": millis(since)},
		func(rows driver.Rows) error {
			var (
				t uint32
				e float64
			)
			if err := rows.Scan(&t, &e); err != nil {
				return err
			}
			out = append(out, series.Observation{TS: time.Unix(int64(t), 0).UTC(), Value: e})
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("scaled errors of %s: %w", id, err)
	}
	return out, nil
}
