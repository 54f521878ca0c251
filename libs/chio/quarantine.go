package chio

import (
	"context"
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/record"
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
