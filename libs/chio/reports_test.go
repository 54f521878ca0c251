package chio

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

func TestReports(t *testing.T) {
	s := open(t)
	revision := func(ts, known int, run string) record.Revision {
		return record.Revision{Series: "eia.PJM", TS: hour(ts), KnownAt: hour(known), Value: 1, RunID: run}
	}
	run := func(id, source, origin string, asOf int, rows uint64) record.IngestRun {
		return record.IngestRun{RunID: id, Source: source, Origin: origin, AsOf: hour(asOf), StartedAt: hour(asOf), FinishedAt: hour(asOf), New: rows}
	}
	write(t, s, "t",
		revision(1, 90, "all"), revision(2, 90, "all"),
		revision(100, 101, "r1"), revision(100, 101, "r1"), revision(99, 101, "r1"),
		revision(101, 103, "r2"),
		run("all", "eia", "backfill", 90, 2), run("r1", "eia", "refresh", 101, 2), run("idle", "eia", "refresh", 102, 0),
		run("r2", "eia", "refresh", 103, 1), run("r2", "eia", "refresh", 103, 1), run("x", "csv", "refresh", 50, 1),
	)
	for name, tc := range map[string]struct {
		since int
		want  []series.Report
	}{
		"all":       {0, []series.Report{{KnownAt: hour(101), Newest: hour(100), Points: 2}, {KnownAt: hour(103), Newest: hour(101), Points: 1}}},
		"newest":    {101, []series.Report{{KnownAt: hour(103), Newest: hour(101), Points: 1}}},
		"too young": {102, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Reports(t.Context(), pjm, hour(tc.since))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Reports mismatch (-want +got):\n%s", diff)
			}
		})
	}
	got, err := s.SourceReports(t.Context(), hour(60))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]time.Time{"eia": {hour(101), hour(103)}}, got); diff != "" {
		t.Errorf("SourceReports mismatch (-want +got):\n%s", diff)
	}
}
