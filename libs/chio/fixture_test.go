package chio

import (
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// records returns a zero row of every table.
func records() []stage.Row {
	return []stage.Row{
		record.Observation{},
		record.Revision{},
		record.Verdict{},
		record.Quarantine{},
		record.IngestRun{},
		record.Model{},
		record.Backtest{},
		record.Forecast{},
		record.Score{},
		record.Event{},
		record.Alert{},
		record.Query{},
	}
}

// demand is the value of hour i: a day's wave on a slow trend, so that naive forecasts err a little.
func demand(i int) float64 { return 100 + 0.1*float64(i) + 20*math.Sin(2*math.Pi*float64(i)/24) }

// observed returns observation and revision of hour i of a series, known ten minutes after the hour.
func observed(name string, i int, value float64) []stage.Row {
	known := hour(i).Add(10 * time.Minute)
	return []stage.Row{
		record.Observation{Series: name, TS: hour(i), Value: value, KnownAt: known, Outcome: "pass", Unit: "MWh", Zone: "America/New_York", StepS: 3600},
		record.Revision{Series: name, TS: hour(i), KnownAt: known, Value: value, RunID: "r1"},
	}
}

// fixture returns some days of the record of two series, with rows for every table.
func fixture() []stage.Row {
	const hours = 72
	var rows []stage.Row
	for _, name := range []string{"eia.PJM", "eia.CISO"} {
		for i := range hours {
			rows = append(rows, observed(name, i, demand(i))...)
			rows = append(rows, record.Verdict{
				Series: name, TS: hour(i), KnownAt: hour(i).Add(10 * time.Minute), Value: demand(i), Outcome: "flag",
				Checks: []string{"range", "jump"}, Observed: []float64{demand(i), 3}, Expected: []float64{100, 0}, Threshold: []float64{50, math.NaN()},
				Details: []string{"above the usual", ""}, MessageID: fmt.Sprintf("BW_OBS:%d", i),
			})
		}
		rows = append(rows, quarantined(name)...)
		rows = append(rows, modelled(name)...)
		rows = append(rows, forecasted(name, hours)...)
	}
	rows = append(rows, record.IngestRun{
		RunID: "r1", Source: "eia", Origin: "refresh", AsOf: hour(hours), StartedAt: hour(hours), FinishedAt: hour(hours).Add(1500 * time.Millisecond),
		Series: 2, Pages: 1, Fetched: 144, New: 144, Status: "ok",
	})
	return append(rows, troubles()...)
}

func quarantined(name string) []stage.Row {
	row := record.Quarantine{
		Series: name, RecordID: "q1", Period: "2026-03-01T25", TS: time.Unix(0, 0).UTC(), Value: math.NaN(), Reason: "malformed",
		Detail: "period: hour out of range", Payload: `{"period":"2026-03-01T25","value":"101"}`, KnownAt: hour(1), RunID: "r1", Status: "held", UpdatedAt: hour(1),
	}
	released := row
	released.Status, released.UpdatedAt = "released", hour(5)
	other := row
	other.RecordID = "q2"
	return []stage.Row{row, released, other}
}

func modelled(name string) []stage.Row {
	old := record.Model{
		Series: name, ModelID: "m1", Kind: "seasonal_naive", Params: `{"season":24}`, Stage: "champion", Reason: "cold_start", Seed: math.MaxUint64,
		TrainStart: hour(0), TrainEnd: hour(48), Observations: 48, DataSHA256: "d1", Artifact: "model/a1", ArtifactSHA256: "a1", CodeVersion: "v1.0.0",
		MAE: 5, MAPE: 4.5, MASE: 0.9, CreatedAt: hour(48), StageAt: hour(48), Decision: "first model", PValue: math.NaN(),
	}
	champion := old
	champion.ModelID, champion.Kind, champion.ParentID, champion.MAPE, champion.Reason = "m2", "ar_ridge", "m1", 2.5, "schedule"
	champion.CreatedAt, champion.StageAt, champion.Decision, champion.PValue = hour(60), hour(60), "ar_ridge is better", 0.01
	return []stage.Row{old, champion, record.Backtest{
		Series: name, JobID: "j1", Candidate: "ar_ridge", Params: "{}", Origin: hour(48), Horizon: 24, N: 24, MAE: 3, RMSE: 4, MAPE: 2.5, MASE: 0.6, CreatedAt: hour(60),
	}}
}

// forecasted returns three forecasts of 48 hours, 12 hours apart, and the scores of the targets before the last hour.
// Every mean is 1 too high, every interval is 4 wide around it.
func forecasted(name string, hours int) []stage.Row {
	var rows []stage.Row
	for _, cut := range []int{47, 59, 71} {
		for h := 1; h <= 48; h++ {
			i := cut + h
			mean, issued := demand(i)+1, hour(cut).Add(11*time.Minute)
			rows = append(rows, record.Forecast{
				Series: name, IssuedAt: issued, TargetTS: hour(i), Horizon: uint16(h), Mean: mean, P05: mean - 4, P10: mean - 2, P50: mean, P90: mean + 2, P95: mean + 4,
				ModelID: "m2", ModelKind: "ar_ridge", DataCut: hour(cut), Scale: float64(h),
			})
			if i < hours {
				rows = append(rows, record.Score{
					Series: name, TargetTS: hour(i), IssuedAt: issued, Horizon: uint16(h), ModelID: "m2", Actual: demand(i), Mean: mean,
					ScaledError: 0.2, Pinball: 0.3, Covered80: true, Covered90: true, ScoredAt: hour(i).Add(10 * time.Minute),
				})
			}
		}
	}
	return rows
}

func troubles() []stage.Row {
	alert := func(id, state string, at time.Time, events uint64) record.Alert {
		return record.Alert{
			Fingerprint: "f1", AlertID: id, Name: "upstream_unavailable", Severity: "critical", Class: "data_integrity", State: state,
			Labels: map[string]string{"source": "eia"}, Summary: "eia does not answer", Cause: "HTTP 503 six times", Runbook: "see docs",
			StartedAt: at.Truncate(24 * time.Hour), At: at, Events: events,
		}
	}
	return []stage.Row{
		record.Event{
			ID: "e1", Kind: "error", Service: "ingestor", Instance: "i-0", At: hour(3), Class: "data_integrity", Code: "upstream_unavailable", Condition: "raised",
			Severity: "critical", Subject: "eia", Message: "HTTP 503", Value: 6, Threshold: math.NaN(), Attributes: map[string]string{"status": "503"},
		},
		record.Event{ID: "e2", Kind: "heartbeat", Service: "ingestor", Instance: "i-0", At: hour(3), Message: "running"},
		alert("a1", "pending", hour(3), 1), alert("a1", "firing", hour(4), 6), alert("a1", "resolved", hour(5), 9),
		alert("a2", "pending", hour(30), 1), alert("a2", "firing", hour(30), 2),
		record.Query{QueryID: "q1", User: "analyst", Kind: "Select", StartedAt: hour(3), ElapsedS: 0.2, ReadRows: 10, ReadBytes: 80, ResultBytes: 8, Database: "bellwether", Client: "curl/8", Text: "SELECT 1"},
		record.Query{QueryID: "q2", User: "analyst", Kind: "Drop", StartedAt: hour(4), ExceptionCode: 164, Exception: "readonly", Database: "bellwether", Client: "curl/8", Text: "DROP TABLE x"},
	}
}
