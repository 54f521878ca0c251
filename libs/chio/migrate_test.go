package chio

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/record"
)

func TestMigrateTwice(t *testing.T) {
	cfg := config(t)
	first, err := Migrate(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range first {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"00001_tables.sql", "00002_views.sql", "00003_queries.sql", "00004_alerting.sql"}, names); diff != "" {
		t.Errorf("applied migrations mismatch (-want +got):\n%s", diff)
	}
	s := connect(t, cfg)
	write(t, s, "t", fixture()...)
	before := count(t, s, "observations")

	again, err := Migrate(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != 0 {
		t.Errorf("the second Migrate applied %v, want nothing", again)
	}

	// An interrupted migration is one whose statements ran but were not noted.
	if err := s.conn.Exec(t.Context(), "TRUNCATE TABLE "+versionTable); err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(t.Context(), cfg, Options{}); err != nil {
		t.Errorf("a migration cannot be repeated: %v", err)
	}
	if after := count(t, s, "observations"); after != before {
		t.Errorf("%d observations after migrating again, %d before", after, before)
	}
}

func TestMigrateRefusesNames(t *testing.T) {
	cfg := config(t)
	if _, err := Migrate(t.Context(), cfg, Options{Cluster: "a' SYNC"}); !errors.Is(err, errName) {
		t.Errorf("Migrate returned %v, want it to refuse the name of the cluster", err)
	}
	cfg.Database = "x; DROP TABLE y"
	if _, err := Migrate(t.Context(), cfg, Options{}); !errors.Is(err, errName) {
		t.Errorf("Migrate returned %v, want it to refuse the name of the database", err)
	}
}

// schema returns the columns of every table and view of the store, in order, as "name type" lists.
func schema(t *testing.T, s *Store) map[string][][2]string {
	t.Helper()
	_, rows, err := s.Query(t.Context(), `
		SELECT table, name, type FROM system.columns
		WHERE database = currentDatabase() AND default_kind != 'MATERIALIZED' AND table != '`+versionTable+`'
		ORDER BY table, position`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][][2]string{}
	for _, row := range rows {
		table := row[0].(string)
		out[table] = append(out[table], [2]string{row[1].(string), row[2].(string)})
	}
	return out
}

// plainType takes away what only the storage knows.
func plainType(s string) string { return strings.ReplaceAll(s, "LowCardinality(String)", "String") }

// computed returns the columns that their table computes from others whenever they are read.
func computed(t *testing.T, s *Store) map[string]bool {
	t.Helper()
	_, rows, err := s.Query(t.Context(), "SELECT table || '.' || name FROM system.columns WHERE database = currentDatabase() AND default_kind = 'ALIAS'")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, row := range rows {
		out[row[0].(string)] = true
	}
	return out
}

// The struct tags of package record are the truth.
func TestTablesAreTheRecords(t *testing.T) {
	s := open(t)
	got, alias := schema(t, s), computed(t, s)
	for _, row := range records() {
		l, err := newLayout(row.Table(), reflect.TypeOf(row))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, f := range l.fields {
			want[f.name] = f.typ
		}
		have := map[string]string{}
		for _, c := range got[row.Table()] {
			if !alias[row.Table()+"."+c[0]] {
				have[c[0]] = plainType(c[1])
			}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("columns of %s mismatch (-record +table):\n%s", row.Table(), diff)
		}
		delete(got, row.Table())
	}
	for table := range got {
		if !strings.HasPrefix(table, "v_") {
			t.Errorf("table %s has no record", table)
		}
	}
}

func TestNothingIsNullable(t *testing.T) {
	s := open(t)
	for table, columns := range schema(t, s) {
		for _, c := range columns {
			if strings.Contains(c[1], "Nullable") {
				t.Errorf("%s.%s is %s", table, c[0], c[1])
			}
		}
	}
}

// Rows that replace each other must meet in one partition, or the setting of the views shows both.
func TestPartitionsAreFunctionsOfTheKey(t *testing.T) {
	s := open(t)
	_, rows, err := s.Query(t.Context(), `
		SELECT name, sorting_key, partition_key, engine FROM system.tables
		WHERE database = currentDatabase() AND engine NOT IN ('View', 'MergeTree')`)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(records()) {
		t.Errorf("%d tables, want %d", len(rows), len(records()))
	}
	for _, row := range rows {
		name, key, partition := row[0].(string), strings.Split(row[1].(string), ", "), row[2].(string)
		if row[3] != "ReplacingMergeTree" {
			t.Errorf("%s has engine %s", name, row[3])
		}
		_, column, ok := strings.Cut(strings.TrimSuffix(partition, ")"), "(")
		if ok && !slices.Contains(key, column) {
			t.Errorf("%s is partitioned by %s, which is not in its key %v", name, partition, key)
		}
	}
}

// retentions returns how long each table keeps a row, as the document says it: "90 days", or nothing for ever.
func retentions(t *testing.T, s *Store) map[string]string {
	t.Helper()
	_, rows, err := s.Query(t.Context(), `
		SELECT name, extract(engine_full, 'TTL stored_at \\+ toInterval(\\w+)'), extract(engine_full, 'TTL stored_at \\+ toInterval\\w+\\((\\d+)\\)')
		FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Replacing%'`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, row := range rows {
		unit, n := strings.ToLower(row[1].(string)), row[2].(string)
		if out[row[0].(string)] = ""; n != "" {
			out[row[0].(string)] = n + " " + unit + "s"
		}
	}
	return out
}

// What a table keeps for a time only is dropped then, and what it keeps is written in the document.
func TestRetention(t *testing.T) {
	s := open(t)
	parts := sections(t)
	limited := 0
	for table, kept := range retentions(t, s) {
		if kept == "" {
			if !strings.Contains(parts[table], "Kept without end.") {
				t.Errorf("%s does not say that %s is kept without end", document, table)
			}
			continue
		}
		limited++
		if !strings.Contains(parts[table], "Kept "+kept+" after it was stored") {
			t.Errorf("%s does not say that a row of %s is kept %s after it was stored", document, table, kept)
		}
		for age, want := range map[string]uint64{kept: 0, "1 day": 1} {
			execute(t, s, "TRUNCATE TABLE "+table)
			execute(t, s, "INSERT INTO "+table+" (stored_at) SETTINGS insert_allow_materialized_columns = 1 VALUES (now() - INTERVAL "+age+" - INTERVAL 1 HOUR)")
			execute(t, s, "OPTIMIZE TABLE "+table+" FINAL")
			if n := stored(t, s, table); n != want {
				t.Errorf("%d rows of %s that were stored %s and an hour ago, want %d", n, table, age, want)
			}
		}
	}
	if limited < 3 {
		t.Errorf("%d tables keep rows for a time only, want forecasts, scores and events at least", limited)
	}
}

// Replayed history is kept for as long as what happens today.
func TestRowsOfThePastAreKept(t *testing.T) {
	s := open(t)
	past := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	write(t, s, "t", record.Event{ID: "e1", Kind: "error", Service: "ingestor", At: past},
		record.Forecast{Series: "eia.PJM", IssuedAt: past, TargetTS: past, DataCut: past}, record.Score{Series: "eia.PJM", TargetTS: past, IssuedAt: past, ScoredAt: past})
	for _, table := range []string{"events", "forecasts", "scores"} {
		execute(t, s, "OPTIMIZE TABLE "+table+" FINAL")
		if n := count(t, s, "v_"+table); n != 1 {
			t.Errorf("%d rows of the past in v_%s after the merge, want 1", n, table)
		}
	}
}
