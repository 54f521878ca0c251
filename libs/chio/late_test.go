package chio

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Four series with forecasts from the data of hours 100 (on time), 97 (late), 60 (abandoned) and, issued again since, 96.
func TestLate(t *testing.T) {
	s := open(t)
	id := func(key string) series.ID { return series.ID{Source: "eia", Key: key} }
	for _, f := range []struct {
		key      string
		cut      int
		issuedAt time.Time
	}{
		{"ONTIME", 100, hour(101)}, {"LATE", 97, hour(98)}, {"GONE", 60, hour(61)}, {"SERVED", 96, hour(97)}, {"SERVED", 96, hour(101)},
	} {
		name := id(f.key).String()
		write(t, s, f.key+f.issuedAt.String()+"obs", observed(name, f.cut, 1)...)
		for _, row := range points(f.issuedAt, hour(f.cut), "m1", 2) {
			row.Series = name
			write(t, s, f.key+f.issuedAt.String()+row.TargetTS.String(), row)
		}
	}
	batch := func(key string, at time.Time) series.Batch {
		return series.Batch{
			Series: id(key), SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "America/New_York", Step: time.Hour, KnownAt: at,
			Origin: series.Reminder,
		}
	}
	overdue, abandoned := 70*time.Minute, 24*time.Hour
	now := hour(101).Add(20 * time.Minute)
	for name, tc := range map[string]struct {
		now  time.Time
		want []series.Batch
	}{
		"live":                 {now, []series.Batch{batch("LATE", now)}},
		"an hour later":        {now.Add(time.Hour), []series.Batch{batch("LATE", now.Add(time.Hour)), batch("ONTIME", now.Add(time.Hour)), batch("SERVED", now.Add(time.Hour))}},
		"a history, years ago": {now.AddDate(3, 0, 0), []series.Batch{batch("LATE", hour(101))}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Late(t.Context(), tc.now, overdue, abandoned)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Late mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLateOfAnEmptyRecord(t *testing.T) {
	if got, err := open(t).Late(t.Context(), hour(0), time.Hour, time.Hour); len(got) != 0 || err != nil {
		t.Errorf("Late = %v, %v; want nothing", got, err)
	}
}

func TestLastObserved(t *testing.T) {
	s := open(t)
	write(t, s, "a", observed("eia.PJM", 7, 1)...)
	write(t, s, "b", append(observed("eia.TVA", 1, 1), observed("eia.TVA", 2, 1)...)...)
	got, err := s.LastObserved(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[series.ID]time.Time{pjm: hour(7), {Source: "eia", Key: "TVA"}: hour(2)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("LastObserved mismatch (-want +got):\n%s", diff)
	}
}
