package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Late returns an empty batch, origin Reminder, for every series whose newest forecast was issued before known_at less
// overdue and saw data no older than known_at less abandoned, sorted by series. All have the same known_at: now, or, if
// nothing was issued within abandoned of now, because the record is of a history that was replayed, the time of the newest
// forecast of all.
func (s *Store) Late(ctx context.Context, now time.Time, overdue, abandoned time.Duration) ([]series.Batch, error) {
	newest, err := s.lastIssued(ctx)
	if err != nil || newest.IsZero() {
		return nil, err
	}
	at := now.UTC().Truncate(time.Millisecond)
	if d := at.Sub(newest); d > abandoned || d < -abandoned {
		at = newest
	}
	const query = `
		WITH
			overdue AS
			(
				SELECT series, max(data_cut) AS cut
				FROM forecasts
				WHERE issued_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND horizon = 1
				GROUP BY series
				HAVING max(issued_at) < fromUnixTimestamp64Milli({before:Int64}, 'UTC') AND cut >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
			)
		SELECT series, argMax(unit, ts), argMax(zone, ts), argMax(step_seconds, ts)
		FROM observations
		WHERE ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND series IN (SELECT series FROM overdue)
		GROUP BY series
		ORDER BY series`
	var out []series.Batch
	in := params{"since": at.Add(-abandoned).UnixMilli(), "before": at.Add(-overdue).UnixMilli()}
	err = s.each(ctx, query, in, func(rows driver.Rows) error {
		b := series.Batch{SchemaVersion: series.SchemaVersion, Origin: series.Reminder, KnownAt: at}
		var name string
		var step uint32
		if err := rows.Scan(&name, &b.Unit, &b.Zone, &step); err != nil {
			return fmt.Errorf("late series: %w", err)
		}
		b.Step = time.Duration(step) * time.Second
		b.Series, err = series.ParseID(name)
		out = append(out, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("late series: %w", err)
	}
	return out, nil
}

// lastIssued returns when the newest forecast of all was issued, zero if there is none.
func (s *Store) lastIssued(ctx context.Context) (time.Time, error) {
	var last time.Time
	err := s.each(ctx, `SELECT max(issued_at) FROM forecasts HAVING count() > 0`, nil, func(rows driver.Rows) error {
		return rows.Scan(&last)
	})
	if err != nil {
		return last, fmt.Errorf("newest forecast: %w", err)
	}
	return last.UTC(), nil
}
