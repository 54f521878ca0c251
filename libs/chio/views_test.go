package chio

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// viewCase says what a view shows once rows were written: first versions, later versions that replace them, and rows
// that must stay apart. The wanted rows follow by hand from the written ones.
type viewCase struct {
	rows    []stage.Row // of the tables that the view reads
	columns string      // what to compare, the key of the view first
	want    [][]any
}

// views returns the names of all views in the store.
func views(t *testing.T, s *Store) []string {
	t.Helper()
	_, rows, err := s.Query(t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%View' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, row := range rows {
		out = append(out, row[0].(string))
	}
	return out
}

// The list comes from the store: a view that somebody adds fails here until it has a case. The rows of v_queries are
// not the services', and have a test of their own.
func TestEveryViewHasACase(t *testing.T) {
	cases := slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(viewCases())), "v_queries")))
	if diff := cmp.Diff(views(t, open(t)), cases); diff != "" {
		t.Errorf("views without a case, cases without a view (-store +cases):\n%s", diff)
	}
}

// The store may write a line of its log twice, when it does not know whether the first time succeeded.
func TestQueriesAreShownOnce(t *testing.T) {
	s := open(t)
	execute(t, s, "SYSTEM STOP MERGES query_log")
	for _, token := range []string{"first", "second"} {
		execute(t, s, "INSERT INTO query_log (query_id, started_at, text) SETTINGS insert_deduplication_token = '"+token+"' VALUES ('twice', '2026-01-02 03:04:05.678', 'SELECT 1')")
	}
	_, rows, err := s.Query(t.Context(), "SELECT n FROM (SELECT count() AS n FROM v_queries WHERE query_id = 'twice' UNION ALL SELECT count() FROM query_log WHERE query_id = 'twice') ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]any{{uint64(1)}, {uint64(2)}}, rows); diff != "" {
		t.Errorf("rows of the view and the table mismatch (-want +got):\n%s", diff)
	}
}

// Whatever order the versions of a row arrive in, and however often each of them does, a view shows each key once and
// with its newest version: while every row lies in a part of its own, and after the parts are merged.
func TestViewsShowEachKeyOnceAndNewest(t *testing.T) {
	s := openUnmerged(t)
	for view, tc := range viewCases() {
		t.Run(view, func(t *testing.T) {
			for name, rows := range orders(tc.rows) {
				scatter(t, s, rows)
				compareView(t, s, view+" of rows "+name+", unmerged", view, tc)
				merge(t, s, tc.rows)
				compareView(t, s, view+" of rows "+name+", merged", view, tc)
			}
		})
	}
}

// The test above can fail: what it wants is not what the views show when they do not ask for the newest version. Views that
// a repeated row cannot change have no guard.
func TestViewsNeedTheirGuards(t *testing.T) {
	scripts, err := ddl{}.render()
	if err != nil {
		t.Fatal(err)
	}
	careless := strings.NewReplacer(" FINAL", "", "LIMIT 1 BY", "LIMIT 9 BY", "QUALIFY", "-- ")
	s := openUnmerged(t)
	unguarded := map[string]bool{}
	for _, script := range scripts {
		for statement := range strings.SplitSeq(strings.TrimSuffix(script.sql, ";\n"), ";\n") {
			if strings.Contains(statement, "CREATE OR REPLACE VIEW") {
				execute(t, s, careless.Replace(statement))
				name := regexp.MustCompile(`VIEW (\w+)`).FindStringSubmatch(statement)[1]
				unguarded[name] = careless.Replace(statement) == statement
			}
		}
	}
	for view, tc := range viewCases() {
		if unguarded[view] {
			continue
		}
		t.Run(view, func(t *testing.T) {
			scatter(t, s, tc.rows)
			if cmp.Equal(tc.want, shown(t, s, view, tc), cmpopts.EquateNaNs()) {
				t.Errorf("%s without its guards shows the same: the case has no row that they are needed for", view)
			}
		})
	}
}

// openUnmerged opens a store that leaves the parts of its tables as they are written.
func openUnmerged(t *testing.T) *Store {
	t.Helper()
	s := open(t)
	for _, row := range records() {
		execute(t, s, "SYSTEM STOP MERGES "+row.Table())
	}
	return s
}

func execute(t *testing.T, s *Store, statement string) {
	t.Helper()
	if err := s.conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%v from %s", err, statement)
	}
}

// orders returns the rows as they are given, backwards and shuffled.
func orders(rows []stage.Row) map[string][]stage.Row {
	out := map[string][]stage.Row{"in order": rows}
	backwards := slices.Clone(rows)
	slices.Reverse(backwards)
	out["backwards"] = backwards
	shuffled := slices.Clone(rows)
	rand.New(rand.NewPCG(1, 7)).Shuffle(len(rows), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	out["shuffled"] = shuffled
	return out
}

// tablesOf returns the tables of rows.
func tablesOf(rows []stage.Row) []string {
	names := make(map[string]bool)
	for _, row := range rows {
		names[row.Table()] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func truncate(t *testing.T, s *Store, rows []stage.Row) {
	t.Helper()
	for _, table := range tablesOf(rows) {
		if err := s.conn.Exec(context.WithoutCancel(t.Context()), "TRUNCATE TABLE "+table); err != nil {
			t.Fatal(err)
		}
	}
}

// scatter writes each row in a part of its own, then all of them again as a redelivery that was batched otherwise, then
// the first one once more. The tables are empty before and after the test.
func scatter(t *testing.T, s *Store, rows []stage.Row) {
	t.Helper()
	truncate(t, s, rows)
	t.Cleanup(func() { truncate(t, s, rows) })
	for i, row := range rows {
		write(t, s, fmt.Sprintf("one:%d", i), row)
	}
	write(t, s, "all", rows...)
	write(t, s, "first", rows[0])
	for _, table := range tablesOf(rows) {
		written := uint64(len(slices.DeleteFunc(slices.Clone(rows), func(r stage.Row) bool { return r.Table() != table })))
		_, found, err := s.Query(t.Context(), "SELECT count(), uniqExact(_part) FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		if stored, parts := found[0][0].(uint64), found[0][1].(uint64); stored <= written || parts <= written {
			t.Fatalf("%d rows in %d parts lie in %s after writing %d twice: nothing is put to the test", stored, parts, table, written)
		}
	}
}

func merge(t *testing.T, s *Store, rows []stage.Row) {
	t.Helper()
	for _, table := range tablesOf(rows) {
		execute(t, s, "SYSTEM START MERGES "+table)
		execute(t, s, "OPTIMIZE TABLE "+table+" FINAL")
		execute(t, s, "SYSTEM STOP MERGES "+table)
	}
}

func shown(t *testing.T, s *Store, view string, tc viewCase) [][]any {
	t.Helper()
	_, rows, err := s.Query(t.Context(), "SELECT "+tc.columns+" FROM "+view+" ORDER BY ALL")
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func compareView(t *testing.T, s *Store, what, view string, tc viewCase) {
	t.Helper()
	if diff := cmp.Diff(tc.want, shown(t, s, view, tc), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("%s (-want +shown):\n%s", what, diff)
	}
}
