package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// QuarantineQuery chooses rows in quarantine. Empty fields choose all.
type QuarantineQuery struct {
	Series string
	Status string // "held", "released" or "discarded"
	Reason string // name of a check
	IDs    []string
	Limit  int // most rows; 0 means all
}

// Quarantine returns rows in quarantine as they stand, those that became known last first.
func (s *Store) Quarantine(ctx context.Context, q QuarantineQuery) ([]record.Quarantine, error) {
	query := `
		SELECT series, record_id, period, ts, value, reason, detail, payload, known_at, run_id, status, updated_at
		FROM v_quarantine
		WHERE ({series:String} = '' OR series = {series:String})
			AND ({status:String} = '' OR status = {status:String})
			AND ({reason:String} = '' OR reason = {reason:String})
			AND (empty({ids:Array(String)}) OR has({ids:Array(String)}, record_id))
		ORDER BY known_at DESC, series, record_id`
	if q.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	ids := q.IDs
	if ids == nil {
		ids = []string{}
	}
	rows, err := selectAll[record.Quarantine](ctx, s, query, params{"series": q.Series, "status": q.Status, "reason": q.Reason, "ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	for i := range rows {
		rows[i].TS, rows[i].KnownAt, rows[i].UpdatedAt = rows[i].TS.UTC(), rows[i].KnownAt.UTC(), rows[i].UpdatedAt.UTC()
	}
	return rows, nil
}

// Held returns, of the grid points of a series in (from, to], how many have an observation, and how many have none
// because all that was reported of them is in quarantine.
func (s *Store) Held(ctx context.Context, id series.ID, from, to time.Time) (accepted, held uint64, err error) {
	const query = `
		WITH observed AS
		(
			SELECT DISTINCT ts FROM observations
			WHERE series = {series:String} AND ts > fromUnixTimestamp64Milli({from:Int64}) AND ts <= fromUnixTimestamp64Milli({to:Int64})
		)
		SELECT
			(SELECT count() FROM observed) AS accepted,
			(
				SELECT uniqExact(ts) FROM quarantine FINAL
				WHERE series = {series:String} AND status = 'held' AND ts NOT IN (SELECT ts FROM observed)
					AND ts > fromUnixTimestamp64Milli({from:Int64}) AND ts <= fromUnixTimestamp64Milli({to:Int64})
			) AS held`
	err = s.each(ctx, query, params{"series": id.String(), "from": from.UnixMilli(), "to": to.UnixMilli()}, func(rows driver.Rows) error {
		return rows.Scan(&accepted, &held)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count what is held of %s: %w", id, err)
	}
	return accepted, held, nil
}
