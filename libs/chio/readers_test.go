package chio

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

func TestPendingForecasts(t *testing.T) {
	s := open(t)
	write(t, s, "t", fixture()...)
	got, err := s.PendingForecasts(t.Context(), pjm, hour(50))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("%d forecasts issued since hour 50, want 2", len(got))
	}
	for i, cut := range []int{59, 71} {
		want := forecast.Forecast{
			Series: pjm, IssuedAt: hour(cut).Add(11 * time.Minute), DataCut: hour(cut), Step: time.Hour, Unit: "MWh", ModelID: "m2", ModelKind: "ar_ridge",
			Quantiles: make([][]float64, 5),
		}
		for h := 1; h <= 48; h++ {
			mean := demand(cut+h) + 1
			want.Mean = append(want.Mean, mean)
			want.Scale = append(want.Scale, float64(h))
			for level, d := range []float64{-4, -2, 0, 2, 4} {
				want.Quantiles[level] = append(want.Quantiles[level], mean+d)
			}
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("forecast %d mismatch (-want +got):\n%s", i, diff)
		}
	}
	all, err := s.PendingForecasts(t.Context(), pjm, time.Time{})
	if err != nil || len(all) != 3 {
		t.Errorf("%d forecasts since ever and %v, want 3", len(all), err)
	}
}

// Two batches can become known together: the forecast that saw more data is the one of that time.
func TestForecastsIssuedTogether(t *testing.T) {
	s := open(t)
	issued := hour(10)
	for _, cut := range []time.Time{hour(9), hour(8)} { // whatever comes last
		for _, row := range points(issued, cut, "m1", 4) {
			write(t, s, row.TargetTS.String()+cut.String(), row)
		}
	}
	write(t, s, "obs", observed("eia.PJM", 9, 1)...)
	got, err := s.PendingForecasts(t.Context(), pjm, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !got[0].DataCut.Equal(hour(9)) || len(got[0].Mean) != 4 {
		t.Errorf("pending are %+v, want one forecast with cut %s and 4 points", got, hour(9))
	}
	if n := count(t, s, "v_forecasts_latest"); n != 4 {
		t.Errorf("v_forecasts_latest shows %d points, want those of the newest forecast, 4", n)
	}
}

func TestChampion(t *testing.T) {
	s := open(t)
	if _, ok, err := s.Champion(t.Context(), pjm); ok || err != nil {
		t.Errorf("Champion of an empty store is %t, %v", ok, err)
	}
	write(t, s, "t", fixture()...)
	got, ok, err := s.Champion(t.Context(), pjm)
	if err != nil || !ok {
		t.Fatalf("Champion is %t, %v", ok, err)
	}
	want := forecast.Model{
		Series: pjm, ID: "m2", Kind: "ar_ridge", Params: `{"season":24}`, Artifact: "model/a1", ArtifactSHA256: "a1", Seed: math.MaxUint64,
		TrainStart: hour(0), TrainEnd: hour(48), DataSHA256: "d1", CodeVersion: "v1.0.0", ParentID: "m1", CreatedAt: hour(60),
		MAE: 5, MAPE: 2.5, MASE: 0.9, Reason: forecast.Schedule,
		Observations: 48, Stage: forecast.Champion, StageAt: hour(60), Decision: "ar_ridge is better", PValue: 0.01,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("champion mismatch (-want +got):\n%s", diff)
	}
	_, rows, err := s.Query(t.Context(), "SELECT model_id, is_champion FROM v_models WHERE series = 'eia.PJM' ORDER BY model_id")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]any{{"m1", false}, {"m2", true}}, rows); diff != "" {
		t.Errorf("v_models mismatch (-want +got):\n%s", diff)
	}
}

func TestModels(t *testing.T) {
	s := open(t)
	write(t, s, "t", fixture()...)
	challenger := record.Model{Series: "eia.PJM", ModelID: "m3", Kind: "lear", Stage: "challenger", CreatedAt: hour(60), StageAt: hour(60), PValue: 0.4}
	older := challenger
	older.ModelID, older.StageAt = "m4", hour(50)
	write(t, s, "t2", challenger, older)
	for name, tc := range map[string]struct {
		q    ModelsQuery
		want []string
	}{
		"of a series, newest first": {ModelsQuery{Series: "eia.PJM"}, []string{"m3 challenger", "m2 champion", "m4 retired", "m1 retired"}},
		"the newest":                {ModelsQuery{Series: "eia.PJM", Limit: 1}, []string{"m3 challenger"}},
		"by identity":               {ModelsQuery{Series: "eia.PJM", ID: "m1"}, []string{"m1 retired"}},
		"by stage":                  {ModelsQuery{Series: "eia.PJM", Stage: forecast.Champion}, []string{"m2 champion"}},
		"of no such series":         {ModelsQuery{Series: "eia.XXX"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := s.Models(t.Context(), tc.q)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range found {
				got = append(got, m.ID+" "+string(m.Stage))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("models mismatch (-want +got):\n%s", diff)
			}
		})
	}
	if m, ok, err := s.ChampionBefore(t.Context(), pjm, hour(60)); err != nil || !ok || m.ID != "m1" {
		t.Errorf("champion before m2 is %s, %t, %v; want m1", m.ID, ok, err)
	}
	if m, ok, err := s.ChampionBefore(t.Context(), pjm, hour(48)); err != nil || ok {
		t.Errorf("champion before the first is %s, %v; want none", m.ID, err)
	}
	for i, id := range []string{"r1", "r2", "r3"} {
		retired := challenger
		retired.ModelID, retired.Stage, retired.StageAt, retired.Artifact = id, "champion", hour(10+i), "model/"+id
		write(t, s, id, retired)
	}
	// Oracle: m4 (hour 50) and m1 (48) are newer than r3 (12); r2 and r1 are older. m1 to m4 share one artifact, or have none.
	old, err := s.Superseded(t.Context(), pjm, 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"model/r1", "model/r2"}, old); diff != "" {
		t.Errorf("superseded artifacts (-want +got):\n%s", diff)
	}
	if old, err := s.Superseded(t.Context(), pjm, 0); err != nil || slices.Contains(old, "model/a1") || len(old) != 3 {
		t.Errorf("superseded are %v, %v; want those of r1 to r3, and not the one that the champion uses", old, err)
	}
	got, ok, err := s.Challenger(t.Context(), pjm)
	if err != nil || !ok || got.ID != "m3" {
		t.Errorf("Challenger is %s, %t, %v; want m3", got.ID, ok, err)
	}
}

func TestOpenAlerts(t *testing.T) {
	s := open(t)
	write(t, s, "t", fixture()...)
	got, err := s.OpenAlerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []event.Alert{{
		Fingerprint: "f1", ID: "a2", Name: "upstream_unavailable", Severity: event.Critical, Class: event.DataIntegrity, State: event.Firing,
		Labels: map[string]string{"source": "eia"}, Summary: "eia does not answer", Cause: "HTTP 503 six times", Runbook: "see docs",
		StartedAt: hour(24), At: hour(30), Events: 2,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("open alerts mismatch (-want +got):\n%s", diff)
	}
	_, rows, err := s.Query(t.Context(), "SELECT alert_id, state, resolved_at FROM v_alerts ORDER BY alert_id")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]any{{"a1", "resolved", hour(5)}, {"a2", "firing", epoch1970()}}, rows); diff != "" {
		t.Errorf("v_alerts mismatch (-want +got):\n%s", diff)
	}
}

func TestStatus(t *testing.T) {
	s := open(t)
	if got, err := s.Status(t.Context()); err != nil || len(got.Series) != 0 || got.Totals != (Totals{}) {
		t.Errorf("Status of an empty store is %+v, %v", got, err)
	}
	write(t, s, "t", fixture()...)
	write(t, s, "lone", observed("csv.lone", 3, 1)...)
	got, err := s.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The scores are of hours 48..71 from the first forecast and 60..71 from the second, each with an error of 1.
	live := 0.0
	for i := 48; i < 72; i++ {
		live += 100 / demand(i) / 36
		if i >= 60 {
			live += 100 / demand(i) / 36
		}
	}
	one := SeriesStatus{
		ID: pjm, Observations: 72, First: hour(0), Last: hour(71), ForecastAt: hour(71).Add(11 * time.Minute), Champion: "ar_ridge", BacktestMAPE: 2.5, LiveMAPE: live,
	}
	other := one
	other.ID.Key = "CISO"
	want := Status{
		Series: []SeriesStatus{
			{ID: series.ID{Source: "csv", Key: "lone"}, Observations: 1, First: hour(3), Last: hour(3), BacktestMAPE: math.NaN(), LiveMAPE: math.NaN()},
			other, one,
		},
		Totals: Totals{Series: 3, Observations: 145, Revisions: 145, Held: 2, Forecasts: 288, Scores: 72, Models: 4, AlertsOpen: 1},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("status mismatch (-want +got):\n%s", diff)
	}
}

// The oracle is the definition, computed point by point from the fixture.
func TestAccuracy(t *testing.T) {
	s := open(t)
	write(t, s, "t", fixture()...)
	var n, mape, naive, mae, naiveMAE float64
	for _, cut := range []int{47, 59} {
		for h := 1; cut+h < 72; h++ {
			i := cut + h
			if i < 50 || i >= 70 {
				continue
			}
			lag := 24 * ((h + 23) / 24)
			e := math.Abs(demand(i-lag) - demand(i))
			n++
			mape += 100 / demand(i)
			naive += 100 * e / demand(i)
			mae++
			naiveMAE += e
		}
	}
	got, err := s.Accuracy(t.Context(), hour(50), hour(70))
	if err != nil {
		t.Fatal(err)
	}
	one := SeriesAccuracy{ID: pjm, N: uint64(n), MAPE: mape / n, NaiveMAPE: naive / n, MAE: mae / n, NaiveMAE: naiveMAE / n, Coverage80: 1, Coverage90: 1}
	other := one
	other.ID.Key = "CISO"
	want := Accuracy{
		N: uint64(2 * n), MAPE: mape / n, NaiveMAPE: naive / n, RelMAE: mae / naiveMAE, Coverage80: 1, Coverage90: 1, Series: []SeriesAccuracy{other, one},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0), cmpopts.IgnoreUnexported(SeriesAccuracy{})); diff != "" {
		t.Errorf("accuracy mismatch (-want +got):\n%s", diff)
	}
	empty, err := s.Accuracy(t.Context(), hour(500), hour(600))
	if err != nil || empty.N != 0 || !math.IsNaN(empty.MAPE) {
		t.Errorf("accuracy of no points is %+v, %v", empty, err)
	}
}

func TestQuery(t *testing.T) {
	s := open(t)
	write(t, s, "t", fixture()...)
	columns, rows, err := s.Query(t.Context(), `
		SELECT series, ts, value, step_seconds, [1.5, nan] AS a, map('k', 'v') AS m, true AS b, toDate(ts) AS d
		FROM v_observations WHERE series = 'eia.PJM' ORDER BY ts LIMIT 2`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"series", "ts", "value", "step_seconds", "a", "m", "b", "d"}, columns); diff != "" {
		t.Errorf("columns mismatch (-want +got):\n%s", diff)
	}
	row := func(i int) []any {
		return []any{"eia.PJM", hour(i), demand(i), uint32(3600), []float64{1.5, math.NaN()}, map[string]string{"k": "v"}, true, hour(0)}
	}
	if diff := cmp.Diff([][]any{row(0), row(1)}, rows, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}

	if _, rows, err = s.Query(t.Context(), "SELECT series, ts FROM v_observations WHERE series = 'nobody'"); err != nil || len(rows) != 0 {
		t.Errorf("a query without rows returned %d rows, %v", len(rows), err)
	}
	for _, statement := range []string{
		"DROP TABLE observations", "INSERT INTO events (id) VALUES ('x')", "TRUNCATE TABLE scores", "ALTER TABLE models DELETE WHERE true",
	} {
		if _, _, err := s.Query(t.Context(), statement); err == nil || errors.Is(err, ErrUnavailable) {
			t.Errorf("Query(%q) returned %v, want a refusal", statement, err)
		}
	}
	if n := count(t, s, "observations"); n != 144 {
		t.Errorf("%d observations after statements that were refused, want 144", n)
	}
}

func TestCount(t *testing.T) {
	s := open(t)
	if _, err := s.Count(t.Context(), "observations; DROP TABLE models"); !errors.Is(err, errName) {
		t.Errorf("Count returned %v, want it to refuse the name", err)
	}
	if _, err := s.Count(t.Context(), "nothing"); err == nil {
		t.Error("Count of a table that does not exist succeeded")
	}
}

func TestOutcomes(t *testing.T) {
	s := open(t)
	score := func(target, horizon int, model string, issued, scored time.Time, mean float64) record.Score {
		return record.Score{
			Series: "eia.PJM", TargetTS: hour(target), Horizon: uint16(horizon), ModelID: model, IssuedAt: issued, ScoredAt: scored,
			Actual: 100, Mean: mean, Covered80: mean > 95, Covered90: mean > 90,
		}
	}
	write(t, s, "t",
		score(10, 6, "m1", hour(4), hour(10), 91), score(10, 5, "m1", hour(5), hour(10), 92), // one bucket
		score(10, 5, "m2", hour(6), hour(10), 93), // issued again, later
		score(10, 7, "m1", hour(3), hour(10), 97), // the next bucket
		score(10, 4, "fallback.snaive_24", hour(6), hour(10), 80),
		score(11, 1, "m1", hour(10), hour(11), 89),
		score(11, 1, "m1", hour(10), hour(30), 89), // scored again, after a revision
		score(9, 1, "m1", hour(8), hour(9), 99),
	)
	got, err := s.Outcomes(t.Context(), pjm, hour(10), hour(29), 6)
	if err != nil {
		t.Fatal(err)
	}
	want := []forecast.Outcome{
		{Target: hour(10), Horizon: 5, Actual: 100, Mean: 93, Missed80: true},
		{Target: hour(10), Horizon: 7, Actual: 100, Mean: 97},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes known at hour 29 (-want +got):\n%s", diff)
	}
	if got, err = s.Outcomes(t.Context(), pjm, hour(10), hour(30), 6); err != nil || len(got) != 3 || !got[2].Missed90 {
		t.Errorf("outcomes known at hour 30: %+v, %v; want the revised one too", got, err)
	}
}
