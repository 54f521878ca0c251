package bellwether

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func answer() ([]string, [][]any) {
	noon := time.Date(2026, 3, 1, 7, 0, 0, 0, time.FixedZone("EST", -5*3600))
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	note := "it's, \"quoted\" <&>"
	return []string{"ts", "day", "mape", "levels", "labels", "note", "n"}, [][]any{
		{noon, day, 2.5, []float64{0.1, math.NaN()}, map[string]string{"b": "it's", "a": "x"}, &note, uint64(math.MaxUint64)},
		{noon.Add(time.Hour), day, math.NaN(), []float64{}, map[string]string{}, (*string)(nil), uint64(1)},
	}
}

// printAll prints rows as a query does.
func printAll(t *testing.T, p printer, columns []string, rows [][]any) {
	t.Helper()
	for _, row := range rows {
		err := p.row(columns, row)
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
		t.Errorf("output mismatch (-want +got):\n%s", diff)
	}
}

func TestWriteTable(t *testing.T) {
	var out bytes.Buffer
	columns, rows := answer()
	printAll(t, &tablePrinter{w: &out}, columns, rows)
	check(t, `
┌─────────────────────┬────────────┬──────┬────────────┬──────────────────────────┬────────────────────┬──────────────────────┐
│ ts                  │ day        │ mape │ levels     │ labels                   │ note               │ n                    │
├─────────────────────┼────────────┼──────┼────────────┼──────────────────────────┼────────────────────┼──────────────────────┤
│ 2026-03-01 12:00:00 │ 2026-03-01 │ 2.5  │ [0.1, NaN] │ {'a': 'x', 'b': 'it\'s'} │ it's, "quoted" <&> │ 18446744073709551615 │
│ 2026-03-01 13:00:00 │ 2026-03-01 │ NaN  │ []         │ {}                       │ NULL               │ 1                    │
└─────────────────────┴────────────┴──────┴────────────┴──────────────────────────┴────────────────────┴──────────────────────┘
`, out.String())
}

func TestWriteTableEnds(t *testing.T) {
	rows := make([][]any, maxTableRows+1)
	for i := range rows {
		rows[i] = []any{i}
	}
	for n, want := range map[int]bool{maxTableRows: false, maxTableRows + 1: true} {
		var out bytes.Buffer
		printAll(t, &tablePrinter{w: &out}, []string{"n"}, rows[:n])
		if got := strings.Contains(out.String(), "the first 1000 rows; --csv prints all\n"); got != want {
			t.Errorf("%d rows: told of an end %v, want %v", n, got, want)
		}
		if lines := strings.Count(out.String(), "│\n"); lines != 1001 {
			t.Errorf("%d rows: %d lines in the table, want a header and 1000", n, lines)
		}
	}
}

func TestWriteCSV(t *testing.T) {
	var out bytes.Buffer
	columns, rows := answer()
	printAll(t, (&SQL{CSV: true}).printer(&out), columns, rows)
	check(t, `
ts,day,mape,levels,labels,note,n
2026-03-01T12:00:00Z,2026-03-01T00:00:00Z,2.5,"[0.1, NaN]","{'a': 'x', 'b': 'it\'s'}","it's, ""quoted"" <&>",18446744073709551615
2026-03-01T13:00:00Z,2026-03-01T00:00:00Z,NaN,[],{},,1
`, out.String())
}

func TestWriteJSON(t *testing.T) {
	var out bytes.Buffer
	columns, rows := answer()
	rows = append(rows, []any{time.Time{}, nil, math.Inf(1), [][]float32{{0.1}}, map[string]float64{"x": math.Inf(-1)}, "", 7})
	printAll(t, (&SQL{JSON: true}).printer(&out), columns, rows)
	check(t, `
{"ts":"2026-03-01T12:00:00Z","day":"2026-03-01T00:00:00Z","mape":2.5,"levels":[0.1,null],"labels":{"a":"x","b":"it's"},"note":"it's, \"quoted\" <&>","n":18446744073709551615}
{"ts":"2026-03-01T13:00:00Z","day":"2026-03-01T00:00:00Z","mape":null,"levels":[],"labels":{},"note":null,"n":1}
{"ts":null,"day":null,"mape":null,"levels":[[0.1]],"labels":{"x":null},"note":"","n":7}
`, out.String())
}

func TestNumbersAreReadable(t *testing.T) {
	for want, v := range map[string]any{
		"12345678.9": 12345678.9, "0.1": float32(0.1), "1e+20": 1e20, "1e-09": 1e-9, "0": 0.0, "+Inf": math.Inf(1), "true": true, "1h0m0s": time.Hour,
	} {
		if got := text(v, time.DateTime); got != want {
			t.Errorf("text(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestQueryText(t *testing.T) {
	for arg, want := range map[string]string{"SELECT 1": "SELECT 1", " SELECT 1 ;\n": "SELECT 1", "-": "SELECT 2", "": "SELECT 2"} {
		if got, err := queryText(arg, strings.NewReader("SELECT 2;\n")); err != nil || got != want {
			t.Errorf("queryText(%q) = %q, %v, want %q", arg, got, err, want)
		}
	}
	if _, err := queryText("-", strings.NewReader(" ;\n")); err == nil {
		t.Error("an empty query is taken")
	}
	if _, err := queryText("SELECT 1 format Pretty;", nil); err == nil || !strings.Contains(err.Error(), "--csv") {
		t.Errorf("a query with FORMAT: %v, want it refused with what to do", err)
	}
}

func TestRefusalIsOneLineOfTheEngine(t *testing.T) {
	err := errors.New("query: store unavailable: send: code: 60, message: Unknown table\n  t. (UNKNOWN_TABLE); lay out the store with: bellwether migrate")
	if got, want := refusal(err), "query: code: 60, message: Unknown table t. (UNKNOWN_TABLE)"; got != want {
		t.Errorf("refusal = %q, want %q", got, want)
	}
	if got, want := refusal(errors.New("query: connection refused")), "query: connection refused"; got != want {
		t.Errorf("refusal = %q, want %q", got, want)
	}
}

// watchedWriter counts lines and looks at the heap now and then.
type watchedWriter struct{ lines, writes, heap int }

func (w *watchedWriter) Write(p []byte) (int, error) {
	w.lines += bytes.Count(p, []byte("\n"))
	if w.writes++; w.writes%100 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.heap = max(w.heap, int(m.HeapAlloc))
	}
	return len(p), nil
}

// A result of 60 MB passes through without being kept, on both sides of the wire: they are in this process.
func TestSQLStreams(t *testing.T) {
	const rows, limit = 30_000, 30 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // what is counted is mostly what is kept, not what is left to collect
	cfg := embeddedStore(t, storeFlags{})
	cfg.QueryTimeout = 5 * time.Minute // the machine may be busy
	query := fmt.Sprintf("SELECT number, repeat('x', 2000) AS s FROM numbers(%d) SETTINGS max_block_size = 1000", rows)
	for name, tc := range map[string]struct {
		command SQL
		lines   int
	}{
		"csv":   {SQL{CSV: true}, rows + 1},
		"json":  {SQL{JSON: true}, rows},
		"table": {SQL{}, 3 + maxTableRows + 2},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			w := &watchedWriter{}
			tc.command.Store, tc.command.Query = cfg, query
			if err := tc.command.Run(t.Context(), Output{Out: w, Err: w}); err != nil {
				t.Fatal(err)
			}
			grown := w.heap - int(before.HeapAlloc)
			t.Logf("heap grown by %d MB at most", grown>>20)
			if w.lines != tc.lines || grown > limit {
				t.Errorf("%d lines, and the heap grew by %d MB, want %d lines and at most %d MB", w.lines, grown>>20, tc.lines, limit>>20)
			}
		})
	}
}

// What came before the error is printed; the error is the engine's, with its code.
func TestSQLTellsOfErrors(t *testing.T) {
	cfg := embeddedStore(t, storeFlags{})
	for name, tc := range map[string]struct{ query, want string }{
		"at once": {query: "SELECT * FROM nosuch", want: "query: code: 60, message:"},
		"late":    {query: "SELECT throwIf(number = 150000), repeat('x', 10) FROM numbers(200000) SETTINGS max_block_size = 1000", want: "query: code: 395, message:"},
		"write":   {query: "DROP TABLE observations", want: "query: code: 164, message:"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watchedWriter{}
			err := (&SQL{Store: cfg, Query: tc.query, CSV: true}).Run(t.Context(), Output{Out: w, Err: w})
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error %v, want it to begin with %q", err, tc.want)
			}
			if (name == "late") != (w.lines > 1) {
				t.Errorf("%d lines printed before the error", w.lines)
			}
		})
	}
}
