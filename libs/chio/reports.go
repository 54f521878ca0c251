package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Reports returns what became known of a series together, refresh by refresh, of the points since a time, oldest first.
// Backfills, and what was kept back, are left out.
func (s *Store) Reports(ctx context.Context, id series.ID, since time.Time) ([]series.Report, error) {
	const query = `
		SELECT known_at, max(ts), toInt64(uniqExact(ts))
		FROM observation_revisions
		WHERE series = {series:String} AND ts >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
			AND run_id NOT IN (SELECT run_id FROM ingest_runs WHERE origin = 'backfill')
		GROUP BY known_at
		ORDER BY known_at`
	var out []series.Report
	err := s.each(ctx, query, params{"series": id.String(), "since": millis(since)}, func(rows driver.Rows) error {
		var r series.Report
		var n int64
		err := rows.Scan(&r.KnownAt, &r.Newest, &n)
		r.KnownAt, r.Newest, r.Points = r.KnownAt.UTC(), r.Newest.UTC(), int(n)
		out = append(out, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reports of %s: %w", id, err)
	}
	return out, nil
}

// SourceReports returns when each source had something new to say in a refresh, since a time, oldest first.
func (s *Store) SourceReports(ctx context.Context, since time.Time) (map[string][]time.Time, error) {
	const query = `
		SELECT DISTINCT source, as_of
		FROM ingest_runs
		WHERE origin = 'refresh' AND rows_new + rows_revised > 0 AND as_of >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
		ORDER BY source, as_of`
	out := map[string][]time.Time{}
	err := s.each(ctx, query, params{"since": millis(since)}, func(rows driver.Rows) error {
		var source string
		var at time.Time
		err := rows.Scan(&source, &at)
		out[source] = append(out[source], at.UTC())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reports of sources: %w", err)
	}
	return out, nil
}
