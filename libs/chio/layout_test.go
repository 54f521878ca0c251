package chio

import (
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
	want := "INSERT INTO `alerts` (`fingerprint`, `alert_id`, `name`, `severity`, `class`, `state`, `labels`, `summary`, `cause`, `runbook`, `started_at`, `at`, `events`)"
	if diff := cmp.Diff(want, l.insert); diff != "" {
		t.Errorf("insert mismatch (-want +got):\n%s", diff)
	}
	if got := l.columns[6].Type; got != "Map(String, String)" {
		t.Errorf("labels travel as %s, want Map(String, String)", got)
	}
	for _, row := range []stage.Row{badRow{}, untagged{}} {
		if _, err := newLayout(row.Table(), reflect.TypeOf(row)); err == nil || errors.Is(err, stage.ErrPermanent) {
			t.Errorf("newLayout(%T) returned %v, want an error of the program, not of the data", row, err)
		}
	}
}

func TestCheckTimes(t *testing.T) {
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
			if err := checkTimes([]time.Time{tc.t}); (err == nil) != tc.ok {
				t.Errorf("checkTimes(%s) = %v, want ok %t", tc.t, err, tc.ok)
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
	rows := inserts[0].rows
	field := func(name string) any {
		t.Helper()
		f, ok := reflect.TypeFor[record.Forecast]().FieldByName(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		values, err := column(rows, f.Index[0])
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	for name, want := range map[string]any{
		"Horizon":  []uint16{1, 2},
		"Mean":     []float64{2.5, 0},
		"Fallback": []bool{true, false},
		"Reason":   []string{"", "stale"},
		"IssuedAt": []time.Time{at, {}},
	} {
		if diff := cmp.Diff(want, field(name)); diff != "" {
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
		got = append(got, fmt.Sprint(in.table, " ", in.token, " ", len(in.rows)))
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
