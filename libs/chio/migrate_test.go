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
	if diff := cmp.Diff([]string{"00001_tables.sql", "00002_views.sql"}, names); diff != "" {
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
		for _, c := range l.columns {
			want[c.Name] = c.Type
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

// Events of replayed history are kept for as long as those of today.
func TestEventsOfThePastAreKept(t *testing.T) {
	s := open(t)
	write(t, s, "t", record.Event{ID: "e1", Kind: "error", Service: "ingestor", At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err := s.conn.Exec(t.Context(), "OPTIMIZE TABLE events FINAL"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "v_events"); n != 1 {
		t.Errorf("%d events after the merge, want 1", n)
	}
}
