package chio

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// At every origin the revisions say the same as History does: series.Revised.AsOf is the oracle.
func TestRevisionsAgreeWithHistory(t *testing.T) {
	s := open(t)
	write(t, s, "t", bitemporal()...)
	write(t, s, "again", bitemporal()...)
	for h := -1; h <= 40; h++ {
		asOf := hour(h)
		revised, err := s.Revisions(t.Context(), pjm, hour(0), asOf, asOf)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Known(t.Context(), pjm, hour(0), asOf, asOf)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Values, revised.AsOf(asOf).Values, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("as of hour %d (-History +Revisions):\n%s", h, diff)
		}
	}
}

func TestRevisions(t *testing.T) {
	s := open(t)
	write(t, s, "t", bitemporal()...)
	got, err := s.Revisions(t.Context(), pjm, hour(1), hour(4), hour(5))
	if err != nil {
		t.Fatal(err)
	}
	at := func(h, m int) time.Time { return hour(h).Add(time.Duration(m) * time.Minute) }
	want := []series.Revision{
		{TS: hour(1), KnownAt: at(1, 10), Value: 11},
		{TS: hour(1), KnownAt: at(4, 30), Value: 111},
		{TS: hour(3), KnownAt: at(3, 10), Value: 13},
		{TS: hour(4), KnownAt: at(20, 0), Value: 14}, // the first one counts although it came later
	}
	if diff := cmp.Diff(want, got.Revs); diff != "" {
		t.Errorf("revisions mismatch (-want +got):\n%s", diff)
	}
	if got.ID != pjm || got.Unit != "MWh" || got.Step != time.Hour || got.Zone.String() != "America/New_York" {
		t.Errorf("revisions are of %s in %s, step %s, zone %s", got.ID, got.Unit, got.Step, got.Zone)
	}
}

// Hand-computed: two scores of one target are averaged, NaN is passed over, a score that was rewritten counts once and
// with its newest value.
func TestScaledErrors(t *testing.T) {
	s := open(t)
	score := func(target, issued int, scaled float64, scored time.Time) record.Score {
		return record.Score{Series: "eia.PJM", TargetTS: hour(target), IssuedAt: hour(issued), ModelID: "m1", ScaledError: scaled, ScoredAt: scored}
	}
	write(t, s, "t", score(10, 1, 9, hour(10)), score(11, 1, 1, hour(11)), score(11, 2, 2, hour(11)), score(12, 1, math.NaN(), hour(12)), score(13, 1, 5, hour(13)))
	write(t, s, "u", score(13, 1, 7, hour(14)), score(11, 1, 1, hour(11)))
	got, err := s.ScaledErrors(t.Context(), pjm, hour(11))
	if err != nil {
		t.Fatal(err)
	}
	want := []series.Observation{{TS: hour(11), Value: 1.5}, {TS: hour(13), Value: 7}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ScaledErrors mismatch (-want +got):\n%s", diff)
	}
}

// Hand-computed: the scores of two targets on one local day, in two ranges of horizons, and one of the day after. In New
// York 2023-03-02T05 UTC is midnight.
func TestDayErrors(t *testing.T) {
	s := open(t)
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2023, 3, 2, 5, 0, 0, 0, time.UTC)
	score := func(after, horizon int, mean, scaled float64, covered bool) record.Score {
		target := midnight.Add(time.Duration(after) * time.Hour)
		return record.Score{
			Series: "eia.PJM", TargetTS: target, IssuedAt: target.Add(-time.Duration(horizon) * time.Hour), Horizon: uint16(horizon), ModelID: "m1",
			Actual: 10, Mean: mean, ScaledError: scaled, Covered90: covered, ScoredAt: target,
		}
	}
	write(t, s, "t", score(0, 1, 8, 1, true), score(0, 24, 13, 2, false), score(23, 2, 9, 3, true), score(23, 25, 11, 4, false),
		score(24, 1, 10, 0, true), score(-1, 1, 10, 9, true), score(25, 1, 10, math.NaN(), true))
	got, err := s.DayErrors(t.Context(), pjm, midnight, midnight.AddDate(0, 1, 0), zone, 24)
	if err != nil {
		t.Fatal(err)
	}
	want := []forecast.DayErrors{
		{Day: midnight.In(zone), Targets: 2, Scores: 3, Error: 2, Bias: 2.0 / 3, Covered: 2.0 / 3},
		{Day: midnight.In(zone), Later: true, Targets: 1, Scores: 1, Error: 4, Bias: -4},
		{Day: midnight.AddDate(0, 0, 1).In(zone), Targets: 1, Scores: 1, Covered: 1},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("DayErrors mismatch (-want +got):\n%s", diff)
	}
	if got, err = s.DayErrors(t.Context(), pjm, midnight, midnight, zone, 24); err != nil || len(got) != 1 || got[0].Targets != 1 {
		t.Errorf("as of midnight: %+v, %v, want one target", got, err)
	}
}
