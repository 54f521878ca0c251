package chio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

type badRow struct {
	Ratio float32 `ch:"ratio"`
}

func (badRow) Table() string { return "ratios" }

type untagged struct{ Name string }

func (untagged) Table() string { return "names" }

func TestLayout(t *testing.T) {
	l, err := newLayout("alerts", reflect.TypeFor[record.Alert]())
	if err != nil {
		t.Fatal(err)
	}
	want := "INSERT INTO `alerts` (`fingerprint`, `alert_id`, `name`, `severity`, `class`, `state`, `labels`, `summary`, `cause`, `runbook`, `started_at`, `at`, `events`, " +
		"`previous`, `reason`, `value`, `threshold`, `evidence`)"
	if diff := cmp.Diff(want, l.statement("alerts")); diff != "" {
		t.Errorf("insert mismatch (-want +got):\n%s", diff)
	}
	if got := l.fields[6].typ; got != "Map(String, String)" {
		t.Errorf("labels travel as %s, want Map(String, String)", got)
	}
	for _, row := range []stage.Row{badRow{}, untagged{}} {
		if _, err := newLayout(row.Table(), reflect.TypeOf(row)); err == nil || errors.Is(err, stage.ErrPermanent) {
			t.Errorf("newLayout(%T) returned %v, want an error of the program, not of the data", row, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for name, tc := range map[string]struct {
		t  time.Time
		ok bool
	}{
		"zero":          {ok: true},
		"today":         {t: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), ok: true},
		"first":         {t: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), ok: true},
		"too early":     {t: time.Date(1899, 12, 31, 23, 0, 0, 0, time.UTC)},
		"typing error":  {t: time.Date(20260, 1, 1, 0, 0, 0, 0, time.UTC)},
		"last":          {t: time.Date(2261, 12, 31, 0, 0, 0, 0, time.UTC), ok: true},
		"just too late": {t: time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			inserts, err := new(Store).inserts("t", []stage.Row{record.Revision{TS: tc.t}}, maxInsert)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := inserts[0].columns(); (err == nil) != tc.ok {
				t.Errorf("columns with the time %s: %v, want ok %t", tc.t, err, tc.ok)
			}
		})
	}
}

// Rows may come as values or as pointers.
func TestColumn(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	inserts, err := new(Store).inserts("t", []stage.Row{
		record.Forecast{Horizon: 1, Mean: 2.5, Fallback: true, IssuedAt: at}, &record.Forecast{Horizon: 2, Reason: "stale"},
	}, maxInsert)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := inserts[0].columns()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for i, f := range inserts[0].layout.fields {
		got[f.name] = columns[i].values
		if columns[i].native != nil {
			got[f.name] = columns[i].native
		}
	}
	ms := binary.LittleEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	for name, want := range map[string]any{
		"horizon":   []uint16{1, 2},
		"mean":      []float64{2.5, 0},
		"fallback":  []bool{true, false},
		"reason":    []string{"", "stale"},
		"issued_at": append(ms, make([]byte, 8)...), // the zero time is the epoch
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("column %s mismatch (-want +got):\n%s", name, diff)
		}
	}
}

func TestInserts(t *testing.T) {
	rows := []stage.Row{record.Score{}, record.Forecast{}, record.Score{}}
	rows = append(rows, slices.Repeat([]stage.Row{record.Revision{}}, 7)...)
	inserts, err := new(Store).inserts("BW_OBS:1-3", rows, 3)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range inserts {
		got = append(got, fmt.Sprint(in.table, " ", in.token, " ", in.rows))
	}
	want := []string{
		"forecasts BW_OBS:1-3:forecasts 1",
		"observation_revisions BW_OBS:1-3:observation_revisions 3",
		"observation_revisions BW_OBS:1-3:observation_revisions+ 3",
		"observation_revisions BW_OBS:1-3:observation_revisions++ 1",
		"scores BW_OBS:1-3:scores 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inserts mismatch (-want +got):\n%s", diff)
	}
}

// Rows that stand for many go the way of rows that come alone, in the order of all of them.
func TestManyRows(t *testing.T) {
	row := func(v float64) record.Revision { return record.Revision{Value: v} }
	inserts, err := new(Store).inserts("t", []stage.Row{
		row(1), row(2), record.Rows[record.Revision]{row(3), row(4), row(5)}, row(6), record.Rows[record.Revision]{},
	}, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]float64
	for _, in := range inserts {
		got = append(got, gather[float64](in, in.layout.fields[3]))
	}
	if diff := cmp.Diff([][]float64{{1, 2, 3, 4}, {5, 6}}, got); diff != "" {
		t.Errorf("values mismatch (-want +got):\n%s", diff)
	}
	_, err = new(Store).inserts("t", []stage.Row{record.Rows[other]{{}}, row(1)}, 4)
	if err == nil {
		t.Error("rows of two types went into one table")
	}
}

// Slices of one series come to lie together, in the order they came.
func TestSeriesTogether(t *testing.T) {
	rows := func(series string, values ...float64) record.Rows[record.Revision] {
		var out record.Rows[record.Revision]
		for _, v := range values {
			out = append(out, record.Revision{Series: series, Value: v})
		}
		return out
	}
	inserts, err := new(Store).inserts("t", []stage.Row{rows("b", 1, 2), rows("a", 3), rows("b", 4), rows("a"), rows("a", 5)}, maxInsert)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{3, 5, 1, 2, 4}, gather[float64](inserts[0], inserts[0].layout.fields[3])); diff != "" {
		t.Errorf("values mismatch (-want +got):\n%s", diff)
	}
}

// other is another row of the table of record.Revision.
type other struct {
	Series string `ch:"series"`
}

func (other) Table() string { return record.Revision{}.Table() }

// Texts come back as they were, with few and with many different ones among them: as dictionaries of one and of two bytes
// a row, and as they are.
func TestDictionaries(t *testing.T) {
	s := open(t)
	for name, different := range map[string]int{"few": 7, "hundreds": 700, "thousands": 7000} {
		t.Run(name, func(t *testing.T) {
			const n = 10_000
			rows := make(record.Rows[record.Revision], n)
			for i := range rows {
				rows[i] = record.Revision{Series: fmt.Sprint(name, ".", i%different), TS: hour(i), KnownAt: hour(i), Value: float64(i), RunID: []string{"", "r"}[i%2]}
			}
			write(t, s, name, rows)
			_, got, err := s.Query(t.Context(), "SELECT count(), uniqExact(series), countIf(series = concat('"+name+".', toString(toUInt32(value) % "+
				fmt.Sprint(different)+"))), countIf((run_id = '') = (value % 2 = 0)) FROM observation_revisions WHERE startsWith(series, '"+name+".')")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{uint64(n), uint64(different), uint64(n), uint64(n)}, got[0]); diff != "" {
				t.Errorf("rows, series, rows with their series, rows with their run mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
