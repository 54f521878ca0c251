package chio

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Revisions returns every revision of the points from..to, for backtests on what was known at many origins. It leaves
// out the revisions that became known after asOf, but never a point's first one: a point that was backfilled counts as
// known from the start, as series.Revised says. An unknown series is empty and has the step 0.
func (s *Store) Revisions(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Revised, error) {
	const query = `
		SELECT toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(known_at), value
		FROM observation_revisions FINAL
		WHERE series = {series:String} AND ts BETWEEN fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND fromUnixTimestamp64Milli({to:Int64}, 'UTC')
		ORDER BY ts, known_at
		SETTINGS max_threads = 1, do_not_merge_across_partitions_select_final = 1`
	y, _, err := s.describe(ctx, id)
	if err != nil {
		return series.Revised{}, err
	}
	out := series.Revised{ID: id, Unit: y.Unit, Zone: y.Zone, Step: y.Step}
	var ts, known int64
	var value float64
	last := int64(math.MinInt64)
	err = s.each(ctx, query, params{"series": id.String(), "from": millis(from), "to": to.UnixMilli()}, func(rows driver.Rows) error {
		if err := rows.Scan(&ts, &known, &value); err != nil {
			return err
		}
		if ts != last || known <= asOf.UnixMilli() {
			out.Revs = append(out.Revs, series.Revision{TS: time.UnixMilli(ts).UTC(), KnownAt: time.UnixMilli(known).UTC(), Value: value})
		}
		last = ts
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
	const query = `
		SELECT target_ts, avg(scaled_error)
		FROM scores FINAL
		WHERE series = {series:String} AND target_ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND NOT isNaN(scaled_error)
		GROUP BY target_ts
		ORDER BY target_ts
		SETTINGS do_not_merge_across_partitions_select_final = 1`
	var out []series.Observation
	err := s.each(ctx, query, params{"series": id.String(), "since": millis(since)}, func(rows driver.Rows) error {
		var o series.Observation
		err := rows.Scan(&o.TS, &o.Value)
		o.TS = o.TS.UTC()
		out = append(out, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("scaled errors of %s: %w", id, err)
	}
	return out, nil
}
