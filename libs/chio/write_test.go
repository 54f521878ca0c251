package chio

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// snapshot returns what every table and view shows.
func snapshot(t *testing.T, s *Store) map[string][][]any {
	t.Helper()
	out := map[string][][]any{}
	for table, columns := range schema(t, s) {
		query := "SELECT * FROM " + table
		if !strings.HasPrefix(table, "v_") {
			query += " FINAL"
		}
		var names []string
		for _, c := range columns {
			if !strings.HasPrefix(c[1], "Map") { // maps have no order
				names = append(names, c[0])
			}
		}
		_, rows, err := s.Query(t.Context(), query+" ORDER BY "+strings.Join(names, ", "))
		if err != nil {
			t.Fatal(err)
		}
		out[table] = rows
	}
	return out
}

// The core promise of the record: writing rows again, in any order and under any token, changes nothing that is shown.
func TestRewritingShowsNothingTwice(t *testing.T) {
	s := open(t)
	rows := fixture()
	write(t, s, "BW_OBS:1-9", rows...)
	want := snapshot(t, s)
	for table, shown := range want {
		if len(shown) == 0 && table != "v_alert_noise" { // it shows the last 30 days, of which the fixture has none
			t.Errorf("the fixture shows nothing in %s", table)
		}
	}

	write(t, s, "BW_OBS:3-9", rows[len(rows)/3:]...)
	slices.Reverse(rows)
	write(t, s, "BW_OBS:1-12", rows...)
	for _, row := range rows[:40] {
		write(t, s, "single", row)
	}
	if diff := cmp.Diff(want, snapshot(t, s), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("rewriting rows changed what is shown (-first +later):\n%s", diff)
	}

	for _, row := range records() {
		if err := s.conn.Exec(t.Context(), "OPTIMIZE TABLE "+row.Table()+" FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, snapshot(t, s), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("merging changed what is shown (-first +merged):\n%s", diff)
	}
}

// stored counts rows as they lie in the table, replaced ones included.
func stored(t *testing.T, s *Store, table string) uint64 {
	t.Helper()
	_, rows, err := s.Query(t.Context(), "SELECT count() FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	return rows[0][0].(uint64)
}

func TestTokenIdentifiesTheRows(t *testing.T) {
	s := open(t)
	if err := s.conn.Exec(t.Context(), "SYSTEM STOP MERGES"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.conn.Exec(context.WithoutCancel(t.Context()), "SYSTEM START MERGES"); err != nil {
			t.Error(err)
		}
	}()
	rows := observed("eia.PJM", 0, 1)
	for range 3 {
		write(t, s, "BW_OBS:1-1", rows...)
	}
	if n := stored(t, s, "observations"); n != 1 {
		t.Errorf("%d rows stored under one token, want 1", n)
	}
	if n := stored(t, s, "observation_revisions"); n != 1 {
		t.Errorf("%d revisions stored: a token must count for each table of a write", n)
	}
	write(t, s, "BW_OBS:1-2", rows...)
	if n := stored(t, s, "observations"); n != 2 {
		t.Errorf("%d rows stored under two tokens, want 2: equal content alone is no repetition", n)
	}
	if n := count(t, s, "observations"); n != 1 {
		t.Errorf("%d rows shown, want 1", n)
	}
}

// What goes in comes out: every Go type that records use, with its awkward values.
func TestRoundTrip(t *testing.T) {
	s := open(t)
	verdict := record.Verdict{
		Series: "csv.a \t\n'\"\\ü", TS: hour(0), KnownAt: hour(0).Add(123 * time.Millisecond), Value: math.NaN(), Outcome: "quarantine",
		Checks: []string{"range", ""}, Observed: []float64{math.NaN(), math.Inf(1)}, Expected: []float64{math.Copysign(0, -1), 1e-300},
		Threshold: []float64{}, Details: []string{"größer als 5 %", ""}, MessageID: "m",
	}
	run := record.IngestRun{RunID: "r", Source: "eia", Series: math.MaxUint32, Fetched: math.MaxUint64, Status: "failed", Error: strings.Repeat("x", 100_000)}
	alert := record.Alert{Fingerprint: "f", AlertID: "a", State: "firing", Labels: map[string]string{"series": "eia.PJM", "": "empty"}, At: hour(1), StartedAt: hour(1)}
	point := record.Forecast{Series: "eia.PJM", IssuedAt: hour(1), TargetTS: hour(2), Horizon: math.MaxUint16, Fallback: true, P05: math.Inf(-1)}
	write(t, s, "t", verdict, run, &alert, point)

	check(t, s, "verdicts", verdict)
	run.AsOf, run.StartedAt, run.FinishedAt = epoch1970(), epoch1970(), epoch1970()
	check(t, s, "ingest_runs", run)
	check(t, s, "alerts", alert)
	point.DataCut = epoch1970()
	check(t, s, "forecasts", point)
}

// epoch1970 is how the zero time comes back.
func epoch1970() time.Time { return time.Unix(0, 0).UTC() }

func check[T any](t *testing.T, s *Store, table string, want T) {
	t.Helper()
	got, err := selectAll[T](t.Context(), s, "SELECT * FROM "+table, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]T{want}, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s mismatch (-written +read):\n%s", table, diff)
	}
}

func TestWriteNothing(t *testing.T) {
	if err := open(t).Write(t.Context(), "t", nil); err != nil {
		t.Error(err)
	}
}

// More rows than one insert holds are several inserts, each with a token of its own.
func TestLargeWriteIsSplit(t *testing.T) {
	s := open(t)
	rows := make([]stage.Row, maxInsert+1)
	for i := range rows {
		rows[i] = record.Revision{Series: "eia.PJM", TS: hour(i % 1000), KnownAt: hour(i), Value: float64(i)}
	}
	for range 2 {
		write(t, s, "BW_OBS:1-100", rows...)
	}
	if n := stored(t, s, "observation_revisions"); n != uint64(len(rows)) {
		t.Errorf("%d rows stored, want %d", n, len(rows))
	}
}

type unknownTable struct {
	Name string `ch:"name"`
}

func (unknownTable) Table() string { return "no_such_table" }

// rejectedTable has a constraint by which the server itself refuses rows.
type rejectedTable struct {
	Value float64 `ch:"value"`
}

func (rejectedTable) Table() string { return "positive" }

func TestWriteErrors(t *testing.T) {
	s := open(t)
	if err := s.conn.Exec(t.Context(), "CREATE TABLE positive (value Float64, CONSTRAINT positive CHECK value > 0) ENGINE = MergeTree ORDER BY value"); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx                    context.Context
		row                    stage.Row
		unavailable, permanent bool
		reason                 string
	}{
		"time out of range":    {row: record.Observation{TS: time.Date(20260, 1, 1, 0, 0, 0, 0, time.UTC)}, permanent: true, reason: "20260"},
		"refused by the store": {row: rejectedTable{Value: -1}, permanent: true, reason: "positive"},
		"table is missing":     {row: unknownTable{}, unavailable: true, reason: "no_such_table"},
		"type unknown":         {row: badRow{}, reason: "float32"},
		"cancelled":            {ctx: cancelled, row: record.Observation{}, reason: "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := tc.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			err := s.Write(ctx, "t", []stage.Row{tc.row})
			if err == nil {
				t.Fatal("Write succeeded")
			}
			if errors.Is(err, ErrUnavailable) != tc.unavailable || errors.Is(err, stage.ErrPermanent) != tc.permanent {
				t.Errorf("error is unavailable %t, permanent %t: %v", errors.Is(err, ErrUnavailable), errors.Is(err, stage.ErrPermanent), err)
			}
			if !strings.Contains(err.Error(), tc.reason) {
				t.Errorf("error does not say %q: %v", tc.reason, err)
			}
		})
	}
	if got := s.Breaker(); got != "closed" {
		t.Errorf("bad rows left the breaker %s", got)
	}
}

func TestMetrics(t *testing.T) {
	cfg := config(t)
	if _, err := Migrate(t.Context(), cfg, Options{}); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	s, err := Open(t.Context(), cfg, reg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write(t, s, "t", observed("eia.PJM", 0, 1)...)
	_ = s.Write(t.Context(), "u", []stage.Row{record.Observation{TS: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}})
	want := `
		# HELP bellwether_store_write_errors_total Writes that failed: the store was unavailable, it rejected the rows, or another reason.
		# TYPE bellwether_store_write_errors_total counter
		bellwether_store_write_errors_total{reason="rejected"} 1
		# HELP bellwether_store_written_rows_total Rows written, by table. A write that is repeated counts again.
		# TYPE bellwether_store_written_rows_total counter
		bellwether_store_written_rows_total{table="observation_revisions"} 1
		bellwether_store_written_rows_total{table="observations"} 1
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "bellwether_store_write_errors_total", "bellwether_store_written_rows_total"); err != nil {
		t.Error(err)
	}
}

// The validator takes an observation in the record as the sign that its message was handled. So when the store refuses
// what came with it, the observation must not be there.
func TestObservationsAreWrittenWhenTheRestIs(t *testing.T) {
	s := open(t)
	exec := func(ctx context.Context, ddl string) {
		t.Helper()
		if err := s.conn.Exec(ctx, ddl); err != nil {
			t.Fatal(err)
		}
	}
	exec(t.Context(), "ALTER TABLE verdicts ADD CONSTRAINT refused CHECK series != 'eia.SIGN'")
	mended := false
	mend := func(ctx context.Context) {
		if !mended {
			exec(ctx, "ALTER TABLE verdicts DROP CONSTRAINT refused")
		}
		mended = true
	}
	t.Cleanup(func() { mend(context.WithoutCancel(t.Context())) })
	rows := []stage.Row{
		record.Observation{Series: "eia.SIGN", TS: hour(1), Value: 1, KnownAt: hour(1), Outcome: "pass", Unit: "MWh", Zone: "UTC", StepS: 3600},
		record.Verdict{Series: "eia.SIGN", TS: hour(1), KnownAt: hour(1), Outcome: "pass"},
	}
	stored := func() int {
		t.Helper()
		_, found, err := s.Query(t.Context(), "SELECT ts FROM v_observations WHERE series = 'eia.SIGN'")
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if err := s.Write(t.Context(), "sign", rows); !errors.Is(err, stage.ErrPermanent) {
		t.Fatalf("Write = %v, want the constraint's refusal", err)
	}
	if n := stored(); n != 0 {
		t.Errorf("%d observations without their verdict", n)
	}
	mend(t.Context())
	if err := s.Write(t.Context(), "sign", rows); err != nil {
		t.Fatal(err)
	}
	if n := stored(); n != 1 {
		t.Errorf("%d observations after the second write, want 1", n)
	}
}
