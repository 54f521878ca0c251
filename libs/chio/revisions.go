package chio

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
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

// Outcomes returns what became of the forecasts of a series, as it was known at asOf: for each target at or after since
// and each bucket of so many horizons the score of the newest forecast, ordered by target. Fallbacks do not count.
func (s *Store) Outcomes(ctx context.Context, id series.ID, since, asOf time.Time, bucket int) ([]forecast.Outcome, error) {
	const query = `
		SELECT
			target_ts AS target,
			min(horizon) AS h,
			argMin((actual, mean, covered_80, covered_90), (horizon, -toUnixTimestamp64Milli(issued_at))) AS newest
		FROM scores FINAL
		WHERE series = {series:String} AND target_ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
			AND scored_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC') AND NOT startsWith(model_id, 'fallback.')
		GROUP BY target_ts, intDiv(horizon - 1, {bucket:UInt16})
		ORDER BY target_ts, h
		SETTINGS do_not_merge_across_partitions_select_final = 1`
	rows, err := selectAll[outcomeRow](ctx, s, "SELECT target, h AS horizon, newest.1 AS actual, newest.2 AS mean, newest.3 AS covered_80, newest.4 AS covered_90 FROM ("+query+")",
		params{"series": id.String(), "since": millis(since), "as_of": asOf.UnixMilli(), "bucket": uint16(bucket)}) //nolint:gosec // a small number
	if err != nil {
		return nil, fmt.Errorf("outcomes of %s: %w", id, err)
	}
	out := make([]forecast.Outcome, len(rows))
	for i, r := range rows {
		out[i] = forecast.Outcome{Target: r.Target.UTC(), Horizon: int(r.Horizon), Actual: r.Actual, Mean: r.Mean, Missed80: !r.Covered80, Missed90: !r.Covered90}
	}
	return out, nil
}

type outcomeRow struct {
	Target    time.Time `ch:"target"`
	Horizon   uint16    `ch:"horizon"`
	Actual    float64   `ch:"actual"`
	Mean      float64   `ch:"mean"`
	Covered80 bool      `ch:"covered_80"`
	Covered90 bool      `ch:"covered_90"`
}
