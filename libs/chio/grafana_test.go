package chio

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
)

// grafana connects as Grafana's ClickHouse data source does with protocol HTTP (grafana/clickhouse-datasource,
// pkg/plugin/driver.go): database/sql, gzip, the panel's settings on every statement.
func grafana(t *testing.T, cfg Config, user, password string, settings clickhouse.Settings) *sql.DB {
	t.Helper()
	info := clickhouse.ClientInfo{}
	info.Products = append(info.Products, struct{ Name, Version string }{"grafana", "12.0.0"}, struct{ Name, Version string }{"clickhouse-datasource", "4.11.0"})
	db := clickhouse.OpenDB(&clickhouse.Options{
		Addr:        []string{cfg.Addr},
		Auth:        clickhouse.Auth{Database: cfg.Database, Username: user, Password: password},
		ClientInfo:  info,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionGZIP},
		DialTimeout: 10 * time.Second,
		HttpHeaders: map[string]string{"X-Dashboard-Uid": "abc"},
		Protocol:    clickhouse.HTTP,
		ReadTimeout: 60 * time.Second,
		Settings:    settings,
	})
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// all returns the rows of a query as text.
func all(ctx context.Context, t *testing.T, db *sql.DB, query string) [][]string {
	t.Helper()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return nil
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		cells, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, cell := range cells {
			if at, ok := cell.(time.Time); ok {
				cell = at.UTC().Format(time.DateTime)
			}
			row = append(row, fmt.Sprint(cell))
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return out
}

// What the data source asks when it is configured, when somebody builds a query, and when a panel is drawn. The oracle is
// the fixture.
func TestGrafana(t *testing.T) {
	s := open(t)
	cfg := config(t)
	write(t, s, "t", fixture()...)
	for user, password := range map[string]string{"default": "", "analyst": "reads"} {
		t.Run(user, func(t *testing.T) {
			db := grafana(t, cfg, user, password, clickhouse.Settings{"limit": 1_000_000})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // which becomes max_execution_time
			defer cancel()
			if err := db.PingContext(ctx); err != nil {
				t.Fatal(err)
			}
			if got := all(ctx, t, db, "SELECT version()"); len(got) != 1 {
				t.Errorf("version: %v", got)
			}
			tables := all(ctx, t, db, "SELECT database, name FROM system.tables ORDER BY database, name")
			if len(tables) < len(records()) {
				t.Errorf("%d tables", len(tables))
			}
			columns := all(ctx, t, db, fmt.Sprintf("SELECT database, table, name, type, comment FROM system.columns WHERE (database, table) IN (('%s', 'v_observations')) ORDER BY database, table, position", cfg.Database))
			described := all(ctx, t, db, fmt.Sprintf(`DESCRIBE TABLE "%s"."v_observations"`, cfg.Database))
			if len(columns) != 8 || len(described) != len(columns) || described[1][1] != "DateTime64(3, 'UTC')" {
				t.Errorf("columns of v_observations: %v and %v", columns, described)
			}
			panel := all(clickhouse.Context(ctx, clickhouse.WithUserLocation(time.UTC)), t, db, fmt.Sprintf(`SELECT toStartOfInterval(toDateTime(ts), INTERVAL 86400 second) AS time, count() AS "hours"
				FROM "%s"."v_observations" WHERE ( ts >= toDateTime(%d) AND ts <= toDateTime(%d) ) AND ( series = 'eia.PJM' ) GROUP BY time ORDER BY time ASC LIMIT 1000`,
				cfg.Database, epoch.Unix(), epoch.Add(24*time.Hour-time.Second).Unix()))
			if diff := cmp.Diff([][]string{{"2026-03-01 00:00:00", "24"}}, panel); diff != "" {
				t.Errorf("panel (-want +got):\n%s", diff)
			}
			var exception *clickhouse.Exception
			if err := db.QueryRowContext(ctx, "SELECT nosuch FROM v_observations").Err(); !errors.As(err, &exception) || exception.Code != 47 {
				t.Errorf("a wrong column: %v, want an exception with code 47", err)
			}
		})
	}
}

// The data source can force its own user to read only. Then it checks that the setting holds and cannot be overridden
// (pkg/plugin/health.go).
func TestGrafanaForcesReadOnly(t *testing.T) {
	open(t)
	db := grafana(t, config(t), "default", "", nil)
	if got := all(t.Context(), t, db, "SELECT value FROM system.settings WHERE name='readonly'"); len(got) != 1 || got[0][0] != "0" {
		t.Errorf("readonly at the start: %v, want 0", got)
	}
	forced := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_result_rows": clickhouse.CustomSetting{Value: "7"}, "readonly": 1}))
	if got := all(forced, t, db, "SELECT toString(getSetting('max_result_rows'))"); len(got) != 1 || got[0][0] != "7" {
		t.Errorf("the setting reads %v, want 7", got)
	}
	var exception *clickhouse.Exception
	if err := db.QueryRowContext(forced, "SELECT 1 SETTINGS max_result_rows = '8'").Err(); !errors.As(err, &exception) || exception.Code != 164 {
		t.Errorf("overriding it: %v, want code 164", err)
	}
	if got := all(t.Context(), t, db, "SELECT value FROM system.settings WHERE name='readonly'"); len(got) != 1 || got[0][0] != "0" {
		t.Errorf("readonly afterwards: %v, want 0", got)
	}
}
