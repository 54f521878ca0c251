package chio

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// revised returns a value of hour i as it became known at known; the newest is the observation.
func revised(i int, value float64, known time.Time, newest bool) []stage.Row {
	rows := []stage.Row{record.Revision{Series: "eia.PJM", TS: hour(i), KnownAt: known, Value: value, RunID: "r"}}
	if newest {
		rows = append(rows, record.Observation{
			Series: "eia.PJM", TS: hour(i), KnownAt: known, Value: value, Outcome: "pass", Unit: "MWh", Zone: "America/New_York", StepS: 3600,
		})
	}
	return rows
}

// bitemporal is a series of six hours:
//
//	hour  revisions (value @ known)
//	0     10 @ 0:10
//	1     11 @ 1:10, 111 @ 4:30
//	2     (gap)
//	3     13 @ 3:10, NaN @ 5:30
//	4     14 @ 20:00, 144 @ 30:00   backfilled a day later, then revised
//	5     15 @ 5:10
func bitemporal() []stage.Row {
	at := func(h, m int) time.Time { return hour(h).Add(time.Duration(m) * time.Minute) }
	var rows []stage.Row
	rows = append(rows, revised(0, 10, at(0, 10), true)...)
	rows = append(rows, revised(1, 11, at(1, 10), false)...)
	rows = append(rows, revised(1, 111, at(4, 30), true)...)
	rows = append(rows, revised(3, 13, at(3, 10), false)...)
	rows = append(rows, revised(3, math.NaN(), at(5, 30), true)...)
	rows = append(rows, revised(4, 14, at(20, 0), false)...)
	rows = append(rows, revised(4, 144, at(30, 0), true)...)
	return append(rows, revised(5, 15, at(5, 10), true)...)
}

// The wanted values follow by hand from the table above.
func TestHistory(t *testing.T) {
	s := open(t)
	write(t, s, "t", bitemporal()...)
	write(t, s, "again", bitemporal()...)
	nan := math.NaN()
	for name, tc := range map[string]struct {
		q     HistoryQuery
		start time.Time
		want  []float64
	}{
		"newest":                            {start: hour(0), want: []float64{10, 111, nan, nan, 144, 15}},
		"a part":                            {q: HistoryQuery{From: hour(1), To: hour(4)}, start: hour(1), want: []float64{111, nan, nan, 144}},
		"both ends count":                   {q: HistoryQuery{From: hour(4), To: hour(4)}, start: hour(4), want: []float64{144}},
		"starts at an observation":          {q: HistoryQuery{From: hour(2)}, start: hour(3), want: []float64{nan, 144, 15}},
		"ends at an observation":            {q: HistoryQuery{To: hour(2)}, start: hour(0), want: []float64{10, 111}},
		"ends between grid points":          {q: HistoryQuery{To: hour(1).Add(time.Minute)}, start: hour(0), want: []float64{10, 111}},
		"nothing there":                     {q: HistoryQuery{From: hour(6)}},
		"as of before the revision":         {q: HistoryQuery{AsOf: hour(4)}, start: hour(0), want: []float64{10, 11, nan, 13, 14}},
		"as of the revision":                {q: HistoryQuery{AsOf: hour(4).Add(30 * time.Minute)}, start: hour(0), want: []float64{10, 111, nan, 13, 14}},
		"as of before the value was missed": {q: HistoryQuery{AsOf: hour(5).Add(20 * time.Minute)}, start: hour(0), want: []float64{10, 111, nan, 13, 14, 15}},
		"as of the value's loss":            {q: HistoryQuery{AsOf: hour(6)}, start: hour(0), want: []float64{10, 111, nan, nan, 14, 15}},
		"as of after all":                   {q: HistoryQuery{AsOf: hour(40)}, start: hour(0), want: []float64{10, 111, nan, nan, 144, 15}},
		"as of before anything was known":   {q: HistoryQuery{AsOf: hour(0)}, start: hour(0), want: []float64{10}},
		"as of before the series":           {q: HistoryQuery{AsOf: hour(-1)}},
		"as of, a part":                     {q: HistoryQuery{From: hour(1), To: hour(3), AsOf: hour(4)}, start: hour(1), want: []float64{11, nan, 13}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.History(t.Context(), pjm, tc.q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Values, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("History(%+v) mismatch (-want +got):\n%s", tc.q, diff)
			}
			if !got.Start.Equal(tc.start) {
				t.Errorf("starts at %s, want %s", got.Start, tc.start)
			}
			if got.ID != pjm || got.Unit != "MWh" || got.Step != time.Hour || got.Location().String() != "America/New_York" {
				t.Errorf("series is %s in %s, step %s, zone %s", got.ID, got.Unit, got.Step, got.Location())
			}
		})
	}
}

func TestTail(t *testing.T) {
	s := open(t)
	write(t, s, "t", bitemporal()...)
	nan := math.NaN()
	for name, tc := range map[string]struct {
		n    int
		want []float64
	}{
		"none":                  {n: 0},
		"last":                  {n: 1, want: []float64{15}},
		"two":                   {n: 2, want: []float64{144, 15}},
		"gap at the beginning":  {n: 4, want: []float64{nan, nan, 144, 15}[1:]},
		"more than there is":    {n: 100, want: []float64{10, 111, nan, nan, 144, 15}},
		"exactly what there is": {n: 6, want: []float64{10, 111, nan, nan, 144, 15}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Tail(t.Context(), pjm, tc.n)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Values, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Tail(%d) mismatch (-want +got):\n%s", tc.n, diff)
			}
			if len(tc.want) > 0 && !got.End().Equal(hour(5)) {
				t.Errorf("ends at %s, want the newest observation %s", got.End(), hour(5))
			}
		})
	}
}

// TestNewest also writes an older value after a newer one, which must not win.
func TestNewest(t *testing.T) {
	s := open(t)
	write(t, s, "t", bitemporal()...)
	write(t, s, "late", revised(1, 11, hour(1).Add(10*time.Minute), true)...)
	got, err := s.Newest(t.Context(), pjm, hour(1), hour(4))
	if err != nil {
		t.Fatal(err)
	}
	want := []series.Revision{
		{TS: hour(1), KnownAt: hour(4).Add(30 * time.Minute), Value: 111},
		{TS: hour(3), KnownAt: hour(5).Add(30 * time.Minute), Value: math.NaN()},
		{TS: hour(4), KnownAt: hour(30), Value: 144},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("Newest mismatch (-want +got):\n%s", diff)
	}
}

func TestUnknownSeries(t *testing.T) {
	s := open(t)
	id := series.ID{Source: "csv", Key: "a.b'; DROP TABLE observations"}
	for name, read := range map[string]func() (series.Series, error){
		"History":       func() (series.Series, error) { return s.History(t.Context(), id, HistoryQuery{}) },
		"History as of": func() (series.Series, error) { return s.History(t.Context(), id, HistoryQuery{AsOf: hour(1)}) },
		"Tail":          func() (series.Series, error) { return s.Tail(t.Context(), id, 10) },
	} {
		got, err := read()
		if diff := cmp.Diff(series.Series{ID: id}, got); err != nil || diff != "" {
			t.Errorf("%s returned %v and (-want +got):\n%s", name, err, diff)
		}
	}
}

// A name with every awkward character is one series and stays one.
func TestAwkwardSeriesName(t *testing.T) {
	s := open(t)
	id := series.ID{Source: "csv", Key: "a\tb\n'\"\\{x:String}ü%s"}
	write(t, s, "t", observed(id.String(), 0, 7)...)
	got, err := s.Tail(t.Context(), id, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{7}, got.Values); diff != "" {
		t.Errorf("values mismatch (-want +got):\n%s", diff)
	}
	ids, err := s.SeriesIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]series.ID{id}, ids); diff != "" {
		t.Errorf("SeriesIDs mismatch (-want +got):\n%s", diff)
	}
}
