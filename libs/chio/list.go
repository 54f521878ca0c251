package chio

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// SeriesIDs returns the names of all series with observations, sorted.
func (s *Store) SeriesIDs(ctx context.Context) ([]series.ID, error) {
	var out []series.ID
	const query = `SELECT series FROM observations GROUP BY series ORDER BY series`
	err := s.each(ctx, query, nil, func(rows driver.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("series: %w", err)
		}
		id, err := series.ParseID(name)
		out = append(out, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list series: %w", err)
	}
	return out, nil
}

// LastObserved returns the grid point of the newest observation of every series, UTC.
func (s *Store) LastObserved(ctx context.Context) (map[series.ID]time.Time, error) {
	out := map[series.ID]time.Time{}
	const query = `SELECT series, max(ts) AS last FROM observations GROUP BY series`
	err := s.each(ctx, query, nil, func(rows driver.Rows) error {
		var name string
		var last time.Time
		if err := rows.Scan(&name, &last); err != nil {
			return fmt.Errorf("last observation: %w", err)
		}
		id, err := series.ParseID(name)
		out[id] = last.UTC()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("last observations: %w", err)
	}
	return out, nil
}

// OpenAlerts returns the alerts that are pending or firing, each as its last transition, oldest first.
func (s *Store) OpenAlerts(ctx context.Context) ([]event.Alert, error) {
	const query = `
		SELECT fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, updated_at, events
		FROM v_alerts_open
		ORDER BY started_at, fingerprint, alert_id`
	var out []event.Alert
	err := s.each(ctx, query, nil, func(rows driver.Rows) error {
		var a event.Alert
		var severity, class, state string
		err := rows.Scan(&a.Fingerprint, &a.ID, &a.Name, &severity, &class, &state, &a.Labels, &a.Summary, &a.Cause, &a.Runbook, &a.StartedAt, &a.At, &a.Events)
		a.Severity, a.Class, a.State = event.Severity(severity), event.Class(class), event.State(state)
		out = append(out, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read open alerts: %w", err)
	}
	return out, nil
}

// Count returns how many rows a table or view shows: those that were replaced do not count.
func (s *Store) Count(ctx context.Context, table string) (uint64, error) {
	if err := checkName(table); err != nil {
		return 0, fmt.Errorf("count rows of table %w", err)
	}
	query := "SELECT count() FROM `" + table + "`"
	if !strings.HasPrefix(table, "v_") {
		query += " FINAL"
	}
	var n uint64
	err := s.each(ctx, query, nil, func(rows driver.Rows) error { return rows.Scan(&n) })
	if err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", table, err)
	}
	return n, nil
}
