package chio

import (
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// newYear is the last hour of a year: the hour after it lies in another partition, by year and by month.
var newYear = time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC)

func viewCases() map[string]viewCase {
	return map[string]viewCase{
		"v_observations":     observationsCase(),
		"v_revisions":        revisionsCase(),
		"v_verdicts":         verdictsCase(),
		"v_quarantine":       quarantineCase(),
		"v_ingest_runs":      ingestRunsCase(),
		"v_models":           modelsCase(),
		"v_backtests":        backtestsCase(),
		"v_forecasts":        forecastsCase(),
		"v_forecasts_latest": forecastsLatestCase(),
		"v_scores":           scoresCase(),
		"v_scores_daily":     scoresDailyCase(),
		"v_events":           eventsCase(),
		"v_alerts":           alertsCase(),
		"v_alerts_open":      alertsOpenCase(),
		"v_alert_history":    alertHistoryCase(),
		"v_alert_response":   alertResponseCase(),
		"v_alert_noise":      alertNoiseCase(),
	}
}

func observationsCase() viewCase {
	at := func(ts time.Time, value float64, known time.Time, outcome string) stage.Row {
		return record.Observation{Series: "eia.PJM", TS: ts, Value: value, KnownAt: known, Outcome: outcome, Unit: "MWh", Zone: "UTC", StepS: 3600}
	}
	other := record.Observation{Series: "eia.PJM2", TS: newYear, Value: 7, KnownAt: hour(0), Outcome: "pass"}
	return viewCase{
		rows: []stage.Row{
			at(newYear, 1, hour(0), "pass"), at(newYear, 3, hour(2), "flag"), at(newYear, 2, hour(1), "pass"), // the newest is not the last
			at(newYear.Add(time.Hour), 4, hour(0), "pass"), at(newYear.Add(time.Hour), 5, hour(0).Add(time.Millisecond), "pass"),
			at(hour(0), 6, hour(1), "pass"), at(hour(0), math.NaN(), hour(2), "pass"), // corrected to missing
			other,
		},
		columns: "series, ts, value, known_at, outcome",
		want: [][]any{
			{"eia.PJM", newYear, 3.0, hour(2), "flag"},
			{"eia.PJM", newYear.Add(time.Hour), 5.0, hour(0).Add(time.Millisecond), "pass"},
			{"eia.PJM", hour(0), math.NaN(), hour(2), "pass"},
			{"eia.PJM2", newYear, 7.0, hour(0), "pass"},
		},
	}
}

func revisionsCase() viewCase {
	at := func(ts time.Time, value float64, known time.Time) stage.Row {
		return record.Revision{Series: "eia.PJM", TS: ts, KnownAt: known, Value: value, RunID: "r"}
	}
	return viewCase{
		rows: []stage.Row{
			at(newYear, 1, hour(0)), at(newYear, 2, hour(1)), at(newYear, 1, hour(2)), // back to the first value is a revision too
			at(newYear.Add(time.Hour), 4, hour(0)),
		},
		columns: "series, ts, known_at, value, revision",
		want: [][]any{
			{"eia.PJM", newYear, hour(0), 1.0, uint64(1)},
			{"eia.PJM", newYear, hour(1), 2.0, uint64(2)},
			{"eia.PJM", newYear, hour(2), 1.0, uint64(3)},
			{"eia.PJM", newYear.Add(time.Hour), hour(0), 4.0, uint64(1)},
		},
	}
}

func verdictsCase() viewCase {
	at := func(ts, known time.Time, outcome, message string, checks ...string) stage.Row {
		return record.Verdict{Series: "eia.PJM", TS: ts, KnownAt: known, Value: 1, Outcome: outcome, Checks: checks, MessageID: message}
	}
	return viewCase{
		rows: []stage.Row{
			at(newYear, hour(0), "pass", "m1"), at(newYear, hour(1), "flag", "m2", "range", "jump"), // of a revision
			at(newYear.Add(time.Hour), hour(0), "quarantine", "m1", "range"),
			at(newYear.Add(time.Hour), hour(0), "pass", "m3"), // another message, known at the same time
		},
		columns: "series, ts, known_at, message_id, outcome, checks",
		want: [][]any{
			{"eia.PJM", newYear, hour(0), "m1", "pass", []string{}},
			{"eia.PJM", newYear, hour(1), "m2", "flag", []string{"range", "jump"}},
			{"eia.PJM", newYear.Add(time.Hour), hour(0), "m1", "quarantine", []string{"range"}},
			{"eia.PJM", newYear.Add(time.Hour), hour(0), "m3", "pass", []string{}},
		},
	}
}

func quarantineCase() viewCase {
	at := func(id, status string, updated time.Time) stage.Row {
		return record.Quarantine{Series: "eia.PJM", RecordID: id, TS: hour(0), Value: 9, Reason: "range", Payload: "{}", KnownAt: hour(0), Status: status, UpdatedAt: updated}
	}
	return viewCase{
		rows:    []stage.Row{at("q1", "held", hour(0)), at("q1", "released", hour(5)), at("q2", "held", hour(0)), at("q3", "discarded", hour(7)), at("q3", "held", hour(0))},
		columns: "series, record_id, status, updated_at",
		want: [][]any{
			{"eia.PJM", "q1", "released", hour(5)},
			{"eia.PJM", "q2", "held", hour(0)},
			{"eia.PJM", "q3", "discarded", hour(7)},
		},
	}
}

func ingestRunsCase() viewCase {
	at := func(id, status string, finished time.Time, fetched uint64) stage.Row {
		return record.IngestRun{RunID: id, Source: "eia", Origin: "refresh", AsOf: hour(0), StartedAt: hour(0), FinishedAt: finished, Fetched: fetched, Status: status}
	}
	return viewCase{
		rows:    []stage.Row{at("r1", "failed", hour(1), 10), at("r1", "ok", hour(2), 20), at("r2", "ok", hour(0).Add(1500*time.Millisecond), 3)},
		columns: "source, run_id, status, rows_fetched, duration_seconds",
		want:    [][]any{{"eia", "r1", "ok", uint64(20), 7200.0}, {"eia", "r2", "ok", uint64(3), 1.5}},
	}
}

func modelsCase() viewCase {
	at := func(name, id, stage string, since time.Time) record.Model {
		return record.Model{Series: name, ModelID: id, Kind: "ar_ridge", Stage: stage, CreatedAt: hour(0), StageAt: since}
	}
	return viewCase{
		rows: []stage.Row{
			at("eia.PJM", "m1", "champion", hour(1)),
			at("eia.PJM", "m2", "challenger", hour(1)), at("eia.PJM", "m2", "champion", hour(10)), // promoted
			at("eia.PJM", "m3", "champion", hour(5)),
			at("eia.PJM", "m4", "challenger", hour(6)),
			at("eia.PJM", "m5", "challenger", hour(5)),
			at("eia.MISO", "m1", "champion", hour(9)), at("eia.MISO", "m1", "champion", hour(3)), at("eia.MISO", "m2", "champion", hour(5)), // put back
			at("eia.CISO", "m1", "champion", hour(0)),
		},
		columns: "series, model_id, stage, is_champion",
		want: [][]any{
			{"eia.CISO", "m1", "champion", true},
			{"eia.MISO", "m1", "champion", true},
			{"eia.MISO", "m2", "retired", false},
			{"eia.PJM", "m1", "retired", false},
			{"eia.PJM", "m2", "champion", true},
			{"eia.PJM", "m3", "retired", false},
			{"eia.PJM", "m4", "challenger", false},
			{"eia.PJM", "m5", "retired", false},
		},
	}
}

func backtestsCase() viewCase {
	at := func(job, candidate string, origin time.Time, mae float64) stage.Row {
		return record.Backtest{Series: "eia.PJM", JobID: job, Candidate: candidate, Origin: origin, Horizon: 48, N: 48, MAE: mae, CreatedAt: hour(9)}
	}
	return viewCase{
		rows:    []stage.Row{at("j1", "ar_ridge", hour(0), 1), at("j1", "ar_ridge", hour(1), 2), at("j1", "snaive_24", hour(0), 3), at("j2", "ar_ridge", hour(0), 4)},
		columns: "series, job_id, candidate, origin, mae",
		want: [][]any{
			{"eia.PJM", "j1", "ar_ridge", hour(0), 1.0},
			{"eia.PJM", "j1", "ar_ridge", hour(1), 2.0},
			{"eia.PJM", "j1", "snaive_24", hour(0), 3.0},
			{"eia.PJM", "j2", "ar_ridge", hour(0), 4.0},
		},
	}
}

// twoCuts are two forecasts of three hours that were issued together, from data up to hour 8 and up to hour 9. Every
// mean says which one it is of.
func twoCuts(issued time.Time, model string) []stage.Row {
	var rows []stage.Row
	for _, cut := range []int{8, 9} {
		for h := 1; h <= 3; h++ {
			rows = append(rows, record.Forecast{
				Series: "eia.PJM", IssuedAt: issued, TargetTS: hour(cut + h), Horizon: uint16(h), Mean: float64(100*cut + h), ModelID: model, DataCut: hour(cut),
			})
		}
	}
	return rows
}

func forecastsCase() viewCase {
	return viewCase{
		rows:    append(twoCuts(hour(10), "m1"), twoCuts(newYear, "m1")[0], twoCuts(hour(10), "m2")[0]),
		columns: "series, issued_at, target_ts, model_id, mean, data_cut",
		want: [][]any{
			{"eia.PJM", newYear, hour(9), "m1", 801.0, hour(8)},
			{"eia.PJM", hour(10), hour(9), "m1", 801.0, hour(8)}, // not among the targets of the later cut
			{"eia.PJM", hour(10), hour(9), "m2", 801.0, hour(8)},
			{"eia.PJM", hour(10), hour(10), "m1", 901.0, hour(9)},
			{"eia.PJM", hour(10), hour(11), "m1", 902.0, hour(9)},
			{"eia.PJM", hour(10), hour(12), "m1", 903.0, hour(9)},
		},
	}
}

func forecastsLatestCase() viewCase {
	rows := append(twoCuts(newYear, "m9"), twoCuts(hour(9), "m9")...) // older
	rows = append(rows, twoCuts(hour(10), "m1")...)
	rows = append(rows, twoCuts(hour(10), "m0")...) // the same instant and data, by another model
	other := record.Forecast{Series: "eia.CISO", IssuedAt: hour(1), TargetTS: hour(2), Horizon: 1, Mean: 5, ModelID: "m1", DataCut: hour(1)}
	return viewCase{
		rows:    append(rows, other),
		columns: "series, target_ts, issued_at, model_id, mean",
		want: [][]any{
			{"eia.CISO", hour(2), hour(1), "m1", 5.0},
			{"eia.PJM", hour(10), hour(10), "m1", 901.0},
			{"eia.PJM", hour(11), hour(10), "m1", 902.0},
			{"eia.PJM", hour(12), hour(10), "m1", 903.0},
		},
	}
}

// rescored are scores of four points of one day, two of them made again after a revision, and of one each on the days after.
func rescored() []stage.Row {
	at := func(target, issued int, actual float64, scored time.Time) stage.Row {
		return record.Score{
			Series: "eia.PJM", TargetTS: hour(target), IssuedAt: hour(issued), Horizon: uint16(target - issued), ModelID: "m1", Actual: actual, Mean: 100,
			ScaledError: 1, Pinball: 1,
			Covered80: actual == 100, Covered90: true, ScoredAt: scored,
		}
	}
	return []stage.Row{
		at(10, 1, 80, hour(11)), at(10, 1, 125, hour(20)), // actual revised from 80 to 125
		at(10, 2, 80, hour(11)), at(10, 2, 125, hour(20)),
		at(11, 1, 100, hour(12)),
		at(11, 2, 200, hour(12)),
		at(24, 2, 50, hour(25)),
		at(48, 2, 0, hour(49)), // of nothing there is no percentage
	}
}

func scoresCase() viewCase {
	return viewCase{
		rows:    rescored(),
		columns: "series, target_ts, issued_at, model_id, actual, error, abs_error, pct_error, scored_at",
		want: [][]any{
			{"eia.PJM", hour(10), hour(1), "m1", 125.0, -25.0, 25.0, 20.0, hour(20)},
			{"eia.PJM", hour(10), hour(2), "m1", 125.0, -25.0, 25.0, 20.0, hour(20)},
			{"eia.PJM", hour(11), hour(1), "m1", 100.0, 0.0, 0.0, 0.0, hour(12)},
			{"eia.PJM", hour(11), hour(2), "m1", 200.0, -100.0, 100.0, 50.0, hour(12)},
			{"eia.PJM", hour(24), hour(2), "m1", 50.0, 50.0, 50.0, 100.0, hour(25)},
			{"eia.PJM", hour(48), hour(2), "m1", 0.0, 100.0, 100.0, math.NaN(), hour(49)},
		},
	}
}

// The first day has errors of 25, 25, 0 and 100, of 20, 20, 0 and 50 percent, and one point of four covered.
func scoresDailyCase() viewCase {
	return viewCase{
		rows:    rescored(),
		columns: "series, day, model_id, n, mae, mape, coverage_80, coverage_90",
		want: [][]any{
			{"eia.PJM", hour(0), "m1", uint64(4), 37.5, 22.5, 0.25, 1.0},
			{"eia.PJM", hour(24), "m1", uint64(1), 50.0, 100.0, 0.0, 1.0},
			{"eia.PJM", hour(48), "m1", uint64(1), 100.0, math.NaN(), 0.0, 1.0},
		},
	}
}

func eventsCase() viewCase {
	at := func(id, kind, service string, ts time.Time) stage.Row {
		return record.Event{ID: id, Kind: kind, Service: service, At: ts, Attributes: map[string]string{"k": id}}
	}
	return viewCase{
		rows:    []stage.Row{at("e1", "error", "ingestor", newYear), at("e2", "error", "ingestor", newYear), at("e1", "lag", "validator", hour(0))},
		columns: "kind, service, at, id, attributes",
		want: [][]any{
			{"error", "ingestor", newYear, "e1", map[string]string{"k": "e1"}},
			{"error", "ingestor", newYear, "e2", map[string]string{"k": "e2"}},
			{"lag", "validator", hour(0), "e1", map[string]string{"k": "e1"}},
		},
	}
}

// transitions are an occurrence that came and went, the same alert again, which fires at the instant it is pending and
// is told twice with more events behind it, and another one that is pending.
func transitions() []stage.Row {
	at := func(fingerprint, id, state, cause string, ts time.Time, events uint64) stage.Row {
		return record.Alert{
			Fingerprint: fingerprint, AlertID: id, Name: "lag", State: state, Cause: cause, StartedAt: hour(0), At: ts, Events: events, Labels: map[string]string{},
		}
	}
	return []stage.Row{
		at("f1", "a1", "pending", "p", hour(1), 1), at("f1", "a1", "firing", "why", hour(2), 2), at("f1", "a1", "resolved", "over", hour(3), 3),
		at("f1", "a2", "pending", "p", hour(9), 1), at("f1", "a2", "firing", "again", hour(9), 2), at("f1", "a2", "firing", "again and again", hour(9), 5),
		at("f2", "a1", "pending", "maybe", hour(4), 1),
	}
}

func alertsCase() viewCase {
	return viewCase{
		rows:    transitions(),
		columns: "fingerprint, alert_id, state, cause, resolution, events, updated_at, resolved_at",
		want: [][]any{
			{"f1", "a1", "resolved", "why", "over", uint64(3), hour(3), hour(3)},
			{"f1", "a2", "firing", "again and again", "", uint64(5), hour(9), epoch1970()},
			{"f2", "a1", "pending", "maybe", "", uint64(1), hour(4), epoch1970()},
		},
	}
}

func alertsOpenCase() viewCase {
	return viewCase{
		rows:    transitions(),
		columns: "fingerprint, alert_id, state, cause, events, updated_at",
		want: [][]any{
			{"f1", "a2", "firing", "again and again", uint64(5), hour(9)},
			{"f2", "a1", "pending", "maybe", uint64(1), hour(4)},
		},
	}
}

func alertHistoryCase() viewCase {
	return viewCase{
		rows:    transitions(),
		columns: "fingerprint, alert_id, at, state, cause, events",
		want: [][]any{
			{"f1", "a1", hour(1), "pending", "p", uint64(1)},
			{"f1", "a1", hour(2), "firing", "why", uint64(2)},
			{"f1", "a1", hour(3), "resolved", "over", uint64(3)},
			{"f1", "a2", hour(9), "firing", "again and again", uint64(5)},
			{"f1", "a2", hour(9), "pending", "p", uint64(1)},
			{"f2", "a1", hour(4), "pending", "maybe", uint64(1)},
		},
	}
}

func alertResponseCase() viewCase {
	at := func(id, state string, ts time.Time) stage.Row {
		return record.Alert{Fingerprint: "f", AlertID: id, Name: "n", State: state, At: ts, Labels: map[string]string{}, Evidence: []string{}}
	}
	return viewCase{
		rows: []stage.Row{
			at("a1", "firing", hour(1)), at("a1", "acknowledged", hour(2)), at("a1", "resolved", hour(4)),
			at("a2", "silenced", hour(1)), at("a2", "resolved", hour(2)), // never told
			at("a3", "inhibited", hour(1)), at("a3", "firing", hour(3)), at("a3", "firing", hour(5)), // counted from when it was told
		},
		columns: "fingerprint, alert_id, fired_at, ack_seconds, resolve_seconds",
		want: [][]any{
			{"f", "a1", hour(1), 3600.0, 3 * 3600.0},
			{"f", "a3", hour(3), math.NaN(), math.NaN()},
		},
	}
}

func alertNoiseCase() viewCase {
	// The view looks back from now.
	ago := func(d time.Duration) time.Time { return time.Now().UTC().Truncate(time.Second).Add(-d) }
	at := func(name, id, state string, ts time.Time) stage.Row {
		return record.Alert{Fingerprint: name, AlertID: id, Name: name, State: state, At: ts, Labels: map[string]string{}, Evidence: []string{}}
	}
	return viewCase{
		rows: []stage.Row{
			at("n", "a1", "firing", ago(2*time.Hour)), at("n", "a1", "resolved", ago(119*time.Minute)),
			at("n", "a2", "flapping", ago(time.Hour)), at("n", "a2", "acknowledged", ago(time.Hour)), at("n", "a2", "resolved", ago(59*time.Minute)),
			at("n", "a3", "silenced", ago(time.Minute)),
			at("n", "old", "firing", ago(31*24*time.Hour)),
		},
		columns: "name, occurrences, alerts, held_back, flapping, acknowledged, short",
		want:    [][]any{{"n", uint64(3), uint64(1), uint64(1), uint64(1), uint64(1), uint64(1)}},
	}
}
