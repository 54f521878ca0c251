// Package record holds one struct for each row of each table in the store. Field tags name the columns.
//
// Every table is written by one service alone. A row is identified by the columns of the table's sorting key; writing
// it again replaces it, so redelivery never shows twice in a view. Times are UTC; NaN is a missing number.
package record

import (
	"iter"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Rows is a stage.Row that stands for many rows of one table.
type Rows[T stage.Row] []T

// Table returns the table of the rows.
func (Rows[T]) Table() string {
	var zero T
	return zero.Table()
}

// All yields each row.
func (r Rows[T]) All() iter.Seq[stage.Row] {
	return func(yield func(stage.Row) bool) {
		for _, row := range r {
			if !yield(row) {
				return
			}
		}
	}
}

// Append adds rows to out when there are any.
func (r Rows[T]) Append(out []stage.Row) []stage.Row {
	if len(r) == 0 {
		return out
	}
	return append(out, r)
}

// Observation is the newest accepted value of a grid point. Which run brought it says the Revision of the same KnownAt.
// Written by the validator.
type Observation struct {
	Series  string    `ch:"series"`
	TS      time.Time `ch:"ts"`
	Value   float64   `ch:"value"`
	KnownAt time.Time `ch:"known_at"`
	Outcome string    `ch:"outcome"` // "pass" or "flag"
	Unit    string    `ch:"unit"`
	Zone    string    `ch:"zone"`
	StepS   uint32    `ch:"step_seconds"`
}

// Revision is one value as it became known; all of them are kept. Written by the validator.
type Revision struct {
	Series  string    `ch:"series"`
	TS      time.Time `ch:"ts"`
	KnownAt time.Time `ch:"known_at"`
	Value   float64   `ch:"value"`
	RunID   string    `ch:"run_id"`
}

// Verdict is what the validator decided for an observation, one array element a finding.
type Verdict struct {
	Series    string    `ch:"series"`
	TS        time.Time `ch:"ts"`
	KnownAt   time.Time `ch:"known_at"`
	Value     float64   `ch:"value"`
	Outcome   string    `ch:"outcome"` // "pass", "flag", "quarantine"
	Checks    []string  `ch:"checks"`
	Observed  []float64 `ch:"observed"`
	Expected  []float64 `ch:"expected"`
	Threshold []float64 `ch:"threshold"`
	Details   []string  `ch:"details"`
	MessageID string    `ch:"message_id"`
}

// Quarantine is an observation or row that was kept back, with its payload. Written by the validator.
type Quarantine struct {
	Series    string    `ch:"series"`
	RecordID  string    `ch:"record_id"` // deterministic
	Period    string    `ch:"period"`    // as the source wrote it
	TS        time.Time `ch:"ts"`        // Unix epoch when the period cannot be read
	Value     float64   `ch:"value"`
	Reason    string    `ch:"reason"` // names of the checks
	Detail    string    `ch:"detail"`
	Payload   string    `ch:"payload"`
	KnownAt   time.Time `ch:"known_at"`
	RunID     string    `ch:"run_id"`
	Status    string    `ch:"status"` // "held", later "released" or "discarded"
	UpdatedAt time.Time `ch:"updated_at"`
}

// IngestRun is one line of the refresh log. Written by the ingestor.
type IngestRun struct {
	RunID      string    `ch:"run_id"`
	Source     string    `ch:"source"`
	Origin     string    `ch:"origin"` // "backfill" or "refresh"
	AsOf       time.Time `ch:"as_of"`
	StartedAt  time.Time `ch:"started_at"`
	FinishedAt time.Time `ch:"finished_at"`
	Series     uint32    `ch:"series_count"`
	Pages      uint32    `ch:"pages"`
	Fetched    uint64    `ch:"rows_fetched"`
	New        uint64    `ch:"rows_new"`
	Revised    uint64    `ch:"rows_revised"`
	Missing    uint64    `ch:"rows_missing"`
	Malformed  uint64    `ch:"rows_malformed"`
	Status     string    `ch:"status"` // "ok" or "failed"
	ErrorClass string    `ch:"error_class"`
	Error      string    `ch:"error"`
}

// Model is one registered model and its lineage. Written by the trainer.
type Model struct {
	Series         string    `ch:"series"`
	ModelID        string    `ch:"model_id"`
	Kind           string    `ch:"kind"`
	Params         string    `ch:"params"`
	Stage          string    `ch:"stage"` // "champion" or "challenger"; the newest of each is the one of its series
	Reason         string    `ch:"reason"`
	Seed           uint64    `ch:"seed"`
	TrainStart     time.Time `ch:"train_start"`
	TrainEnd       time.Time `ch:"train_end"`
	Observations   uint32    `ch:"observations"`
	DataSHA256     string    `ch:"data_sha256"`
	Artifact       string    `ch:"artifact"`
	ArtifactSHA256 string    `ch:"artifact_sha256"`
	CodeVersion    string    `ch:"code_version"`
	ParentID       string    `ch:"parent_id"`
	MAE            float64   `ch:"backtest_mae"`
	MAPE           float64   `ch:"backtest_mape"` // percent
	MASE           float64   `ch:"backtest_mase"`
	CreatedAt      time.Time `ch:"created_at"`
	StageAt        time.Time `ch:"stage_at"` // when it got its stage
	Decision       string    `ch:"decision"` // why it has its stage, for people
	PValue         float64   `ch:"p_value"`  // of the test that decided; NaN when none did
}

// Backtest is the evaluation of one candidate at one origin. Written by the trainer.
type Backtest struct {
	Series    string    `ch:"series"`
	JobID     string    `ch:"job_id"`
	Candidate string    `ch:"candidate"`
	Params    string    `ch:"params"`
	Origin    time.Time `ch:"origin"`
	Horizon   uint16    `ch:"horizon"` // number of steps evaluated: 1..Horizon
	N         uint16    `ch:"n"`       // targets that were observed
	MAE       float64   `ch:"mae"`
	RMSE      float64   `ch:"rmse"`
	MAPE      float64   `ch:"mape"` // percent
	MASE      float64   `ch:"mase"`
	Error     string    `ch:"error"` // why the candidate failed at this origin; empty when it did not
	CreatedAt time.Time `ch:"created_at"`
}

// Forecast is one forecast point. Written by the forecaster; never changed.
type Forecast struct {
	Series    string    `ch:"series"`
	IssuedAt  time.Time `ch:"issued_at"`
	TargetTS  time.Time `ch:"target_ts"`
	Horizon   uint16    `ch:"horizon"`
	Mean      float64   `ch:"mean"`
	P05       float64   `ch:"p05"`
	P10       float64   `ch:"p10"`
	P50       float64   `ch:"p50"`
	P90       float64   `ch:"p90"`
	P95       float64   `ch:"p95"`
	ModelID   string    `ch:"model_id"`
	ModelKind string    `ch:"model_kind"`
	DataCut   time.Time `ch:"data_cut"`
	Fallback  bool      `ch:"fallback"`
	Reason    string    `ch:"reason"`
	Scale     float64   `ch:"scale"` // mean absolute error of the model's backtest at this horizon; NaN when not known
}

// Score is the error of one forecast point, made when its observation arrives and again on revision. The table computes
// error, abs_error and pct_error from actual and mean. Written by the forecaster.
type Score struct {
	Series      string    `ch:"series"`
	TargetTS    time.Time `ch:"target_ts"`
	IssuedAt    time.Time `ch:"issued_at"`
	Horizon     uint16    `ch:"horizon"`
	ModelID     string    `ch:"model_id"`
	Actual      float64   `ch:"actual"`
	Mean        float64   `ch:"mean"`
	ScaledError float64   `ch:"scaled_error"` // absolute error / scale of the forecast
	Pinball     float64   `ch:"pinball"`      // mean pinball loss of p05, p10, p50, p90, p95
	Covered80   bool      `ch:"covered_80"`   // actual within [p10, p90]
	Covered90   bool      `ch:"covered_90"`   // actual within [p05, p95]
	ScoredAt    time.Time `ch:"scored_at"`
}

// Event is one event as the monitor saw it. Written by the monitor.
type Event struct {
	ID         string            `ch:"id"`
	Kind       string            `ch:"kind"` // "lag", "error", "drift", "heartbeat"
	Service    string            `ch:"service"`
	Instance   string            `ch:"instance"`
	At         time.Time         `ch:"at"`
	Class      string            `ch:"class"`
	Code       string            `ch:"code"`
	Condition  string            `ch:"condition"` // "raised", "cleared" or empty
	Severity   string            `ch:"severity"`
	Subject    string            `ch:"subject"`
	Message    string            `ch:"message"`
	Value      float64           `ch:"value"`
	Threshold  float64           `ch:"threshold"`
	Attributes map[string]string `ch:"attributes"`
}

// Alert is one transition of an alert. Written by the monitor.
type Alert struct {
	Fingerprint string            `ch:"fingerprint"`
	AlertID     string            `ch:"alert_id"`
	Name        string            `ch:"name"`
	Severity    string            `ch:"severity"`
	Class       string            `ch:"class"`
	State       string            `ch:"state"` // an event.State
	Labels      map[string]string `ch:"labels"`
	Summary     string            `ch:"summary"`
	Cause       string            `ch:"cause"`
	Runbook     string            `ch:"runbook"`
	StartedAt   time.Time         `ch:"started_at"`
	At          time.Time         `ch:"at"`
	Events      uint64            `ch:"events"`
	Previous    string            `ch:"previous"`
	Reason      string            `ch:"reason"`
	Value       float64           `ch:"value"`     // NaN when the rule compares no number
	Threshold   float64           `ch:"threshold"` // likewise
	Evidence    []string          `ch:"evidence"`  // "kind: text"
}

// Query is one statement that the embedded store ran. Written by the embedded store itself; a server has
// system.query_log instead.
type Query struct {
	QueryID       string    `ch:"query_id" json:"query_id"`
	User          string    `ch:"user" json:"user"`
	Kind          string    `ch:"kind" json:"kind"` // "Select", "Insert", "Create" and so on
	StartedAt     time.Time `ch:"started_at" json:"started_at"`
	ElapsedS      float64   `ch:"elapsed_seconds" json:"elapsed_seconds"` // with the wait for a connection
	ReadRows      uint64    `ch:"read_rows" json:"read_rows"`
	ReadBytes     uint64    `ch:"read_bytes" json:"read_bytes"`
	WrittenRows   uint64    `ch:"written_rows" json:"written_rows"`
	WrittenBytes  uint64    `ch:"written_bytes" json:"written_bytes"`
	ResultBytes   uint64    `ch:"result_bytes" json:"result_bytes"`     // before compression
	ExceptionCode uint32    `ch:"exception_code" json:"exception_code"` // 0 when it succeeded
	Exception     string    `ch:"exception" json:"exception"`
	Database      string    `ch:"database" json:"database"`
	Client        string    `ch:"client" json:"client"` // as it calls itself
	Text          string    `ch:"text" json:"text"`     // without the rows of an INSERT
}

// Table returns "observations".
func (Observation) Table() string { return "observations" }

// Table returns "observation_revisions".
func (Revision) Table() string { return "observation_revisions" }

// Table returns "verdicts".
func (Verdict) Table() string { return "verdicts" }

// Table returns "quarantine".
func (Quarantine) Table() string { return "quarantine" }

// Table returns "ingest_runs".
func (IngestRun) Table() string { return "ingest_runs" }

// Table returns "models".
func (Model) Table() string { return "models" }

// Table returns "backtests".
func (Backtest) Table() string { return "backtests" }

// Table returns "forecasts".
func (Forecast) Table() string { return "forecasts" }

// Table returns "scores".
func (Score) Table() string { return "scores" }

// Table returns "events".
func (Event) Table() string { return "events" }

// Table returns "alerts".
func (Alert) Table() string { return "alerts" }

// Table returns "query_log".
func (Query) Table() string { return "query_log" }
