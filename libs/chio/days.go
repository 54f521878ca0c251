package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// DayErrors returns the scores of the targets at or after since and scored by asOf, summed up by local day in zone and by
// horizons up to and beyond a day, which is so many steps; in order of days.
func (s *Store) DayErrors(ctx context.Context, id series.ID, since, asOf time.Time, zone *time.Location, day int) ([]forecast.DayErrors, error) {
	const query = `
		SELECT toInt64(toUnixTimestamp(toStartOfDay(toTimeZone(target_ts, {zone:String})))) AS day, horizon > {steps:UInt16} AS later,
			toInt64(uniqExact(target_ts)), toInt64(count()), avg(scaled_error), avg(sign(actual - mean) * scaled_error), avg(covered_90)
		FROM scores FINAL
		WHERE series = {series:String} AND target_ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
			AND scored_at <= fromUnixTimestamp64Milli({asOf:Int64}, 'UTC') AND NOT isNaN(scaled_error)
		GROUP BY day, later
		ORDER BY day, later
		SETTINGS max_threads = 1, do_not_merge_across_partitions_select_final = 1`
	var out []forecast.DayErrors
	p := params{"series": id.String(), "since": millis(since), "asOf": millis(asOf), "zone": zone.String(), "steps": day}
	err := s.each(ctx, query, p, func(rows driver.Rows) error {
		var at, targets, scores int64
		var later uint8
		var d forecast.DayErrors
		if err := rows.Scan(&at, &later, &targets, &scores, &d.Error, &d.Bias, &d.Covered); err != nil {
			return err
		}
		d.Day, d.Later, d.Targets, d.Scores = time.Unix(at, 0).In(zone), later == 1, int(targets), int(scores)
		out = append(out, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("errors by day of %s: %w", id, err)
	}
	return out, nil
}
