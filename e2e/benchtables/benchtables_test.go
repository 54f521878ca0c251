package benchtables

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/record"
)

// A statement as system.tables shows it, with what the edits have to cope with.
const statement = "CREATE TABLE d.t (`series` LowCardinality(String) CODEC(ZSTD(1)), `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)), " +
	"`value` Float64 CODEC(ZSTD(1)), `sum` Float64 ALIAS if(value = 1, 2, 3), `stored_at` DateTime('UTC') MATERIALIZED now() CODEC(DoubleDelta, ZSTD(1))) ENGINE = ReplacingMergeTree " +
	"PARTITION BY toYear(ts) ORDER BY (series, ts) TTL stored_at + toIntervalDay(90) SETTINGS index_granularity = 8192"

func TestEdits(t *testing.T) {
	for name, tc := range map[string]struct {
		edit     edit
		old, new string // part of the statement
	}{
		"codec":            {codec("Gorilla, ZSTD(1)", "value"), "`value` Float64 CODEC(ZSTD(1))", "`value` Float64 CODEC(Gorilla, ZSTD(1))"},
		"codec of a type":  {codec("T64", "ts"), "CODEC(DoubleDelta, ZSTD(1)), `value`", "CODEC(T64), `value`"},
		"type":             {retype("String", "series"), "LowCardinality(String)", "String"},
		"stored":           {stored("sum", "stored_at"), "`sum` Float64 ALIAS if(value = 1, 2, 3)", "`sum` Float64 MATERIALIZED if(value = 1, 2, 3) CODEC(ZSTD(1))"},
		"key":              {orderBy("(ts, series)"), "ORDER BY (series, ts)", "ORDER BY (ts, series)"},
		"partitions":       {partitionBy("toYYYYMM(ts)"), "toYear(ts)", "toYYYYMM(ts)"},
		"one partition":    {unpartitioned(), "PARTITION BY toYear(ts) ", ""},
		"granularity":      {granularity(512), "8192", "512"},
		"setting":          {setting("a = 1"), "8192", "8192, a = 1"},
		"all of one codec": {codec("NONE", "series", "ts"), "`series` LowCardinality(String) CODEC(ZSTD(1)), `ts` DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))", "`series` LowCardinality(String) CODEC(NONE), `ts` DateTime64(3, 'UTC') CODEC(NONE)"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.edit(statement)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Replace(statement, tc.old, tc.new, 1), got); diff != "" {
				t.Errorf("statement mismatch (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := codec("T64", "nothing")(statement); err == nil {
		t.Error("an edit of a column that is not there succeeded")
	}
	if got, err := general("LZ4")(statement); err != nil || strings.Contains(got, "ZSTD") || strings.Count(got, "LZ4") != 4 {
		t.Errorf("general compression: %v from\n%s", err, got)
	}
}

func TestReadSources(t *testing.T) {
	var in strings.Builder
	in.WriteString("series,period,raw_mw,category,cleaned_mw\n")
	for range hours {
		in.WriteString("A,2020-01-01T00,10,OKAY,10\n")
	}
	in.WriteString("A,2020-01-01T00,MISSING,MISSING,10\nA,2020-01-01T00,99,DELTA,10\nSHORT,2020-01-01T00,1,OKAY,1\n")
	for i := range hours {
		in.WriteString([]string{"SILENT,2020-01-01T00,1,OKAY,1\n", "SILENT,2020-01-01T00,EMPTY,MISSING,1\n"}[i%2])
	}
	got, err := readSources(strings.NewReader(in.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].key != "A" || len(got[0].values) != hours+2 {
		t.Fatalf("read %d sources, want A alone: the others are too short or silent", len(got))
	}
	if diff := cmp.Diff([]float64{10, math.NaN(), 99}, got[0].values[hours-1:], cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("values mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]bool{false, false, true}, got[0].odd[hours-1:]); diff != "" {
		t.Errorf("implausible values mismatch (-want +got):\n%s", diff)
	}
}

// The newest revision of every point of a story is the value of the source, and each arrives once it is known.
func TestArrivals(t *testing.T) {
	d, err := generated()
	if err != nil {
		t.Fatal(err)
	}
	s := newStory(d, 3)
	newest := make(map[string][]record.Revision)
	var corrections int
	var before time.Time
	for a := range s.arrivals {
		if a.known.Before(before) {
			t.Fatalf("hour %d became known at %s, after something that became known at %s", a.i, a.known, before)
		}
		before = a.known
		r := a.judged()[1].(record.Revision)
		all := newest[r.Series]
		if !a.first {
			corrections++
			all[a.i] = r
			continue
		}
		newest[r.Series] = append(all, r)
	}
	for _, p := range s.plots {
		got := newest[p.name]
		if len(got) != hours {
			t.Fatalf("%d hours of %s arrived, want %d", len(got), p.name, hours)
		}
		wrong := 0
		for i, r := range got {
			if !cmp.Equal(p.values[i], r.Value, cmpopts.EquateNaNs()) {
				wrong++
			}
		}
		// Corrections that are due after the end of the story do not arrive any more.
		if wrong > 2 {
			t.Errorf("%d hours of %s end with another value than the source's", wrong, p.name)
		}
	}
	if want := revised * live * 3; float64(corrections) < want/2 || float64(corrections) > want*2 {
		t.Errorf("%d corrections, want about %.0f", corrections, want)
	}
}

func TestQuantile(t *testing.T) {
	var x timing
	for i := range 20 {
		x.add(lap{wall: time.Duration(20-i) * time.Millisecond, cpu: time.Millisecond})
	}
	if got := []float64{x.quantile(.5), x.quantile(.95), x.quantile(1), x.perRound()}; !slices.Equal(got, []float64{10, 19, 20, 1}) {
		t.Errorf("median, 95 %%, largest and processor time are %v, want 10, 19, 20 and 1", got)
	}
}

// Every layout can be made from the statement that ships, and only those that ship already are left out.
func TestLayouts(t *testing.T) {
	ctx := t.Context()
	s, err := openStore(ctx, filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	if _, err := chio.Migrate(ctx, s.config(shippedIn), chio.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables() {
		var same []string
		for n, v := range variantsOf(table) {
			in, err := v.create(ctx, s, n)
			if err != nil {
				t.Fatal(err)
			}
			if in == nil {
				same = append(same, v.name)
			} else if err := in.drop(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if len(same) > 2 {
			t.Errorf("layouts %q of %s change nothing", same, table)
		}
	}
}

// The whole command on little data: layouts of the observations are made, filled and asked on the real engine, and those
// that are lossless show the same.
func TestMeasure(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report.md")
	var stdout, stderr bytes.Buffer
	code := Main([]string{
		"--data=generated", "--series=2", "--rounds=1", "--tables=observations", "--variants=by month|Float32", "--out=" + report, "--dir=" + t.TempDir(),
	}, &stdout, &stderr)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	line := regexp.MustCompile(`^bench_tables: variants=(\d+) best_bytes_per_row=[\d.]+ current_bytes_per_row=[\d.]+ series_2y_p95_ms=[\d.]+ recent_all_p95_ms=[\d.]+\n$`)
	if !line.MatchString(stdout.String()) {
		t.Errorf("stdout is %q", &stdout)
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if !strings.Contains(text, "generated demand") || strings.Contains(text, "not lossless") {
		t.Errorf("the report does not name its data, or some layout lost values:\n%s", text)
	}
	for _, name := range []string{shipped, "by month", "value Float32"} {
		if !strings.Contains(text, "\n| "+name+" | ") {
			t.Errorf("the report has no line about %q:\n%s", name, text)
		}
	}
}

func TestBadFlags(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := Main([]string{"--series=0", "--tables=models", "--forecast-days=3"}, &stdout, &stderr); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, field := range []string{"series", "tables", "forecast-days"} {
		if !strings.Contains(stderr.String(), field) {
			t.Errorf("the error does not name %s: %s", field, &stderr)
		}
	}
}
