package chio

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
