// Package forecast is the vocabulary of what the pipeline produces: forecasts, models and training jobs.
package forecast

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Levels returns the quantile levels of every forecast, ascending.
func Levels() []float64 { return []float64{0.05, 0.10, 0.50, 0.90, 0.95} }

// Forecast of one series. Horizon h (1-based) targets DataCut + h*Step.
type Forecast struct {
	Series    series.ID
	IssuedAt  time.Time
	DataCut   time.Time // last grid point seen
	Step      time.Duration
	Unit      string
	ModelID   string
	ModelKind model.Kind
	Fallback  bool
	Reason    string      // why a fallback served; empty otherwise
	Mean      []float64   // [h-1]
	Quantiles [][]float64 // [level][h-1], levels as in Levels
	// Scale[h-1] is the mean absolute error of the model's backtest at horizon h, in the unit of the series: the error
	// to expect. Values that are not known are NaN.
	Scale []float64
}

// Target returns the grid point of horizon h, 1-based.
func (f Forecast) Target(h int) time.Time { return f.DataCut.Add(time.Duration(h) * f.Step) }

// TrainReason says why a model was trained.
type TrainReason string

// Reasons for training.
const (
	ColdStart TrainReason = "cold_start"
	Schedule  TrainReason = "schedule"
	Drift     TrainReason = "drift"
	Manual    TrainReason = "manual"
)

// Job asks the trainer for a model of one series from what was known at AsOf.
type Job struct {
	Series      series.ID
	ID          string
	Reason      TrainReason
	AsOf        time.Time
	RequestedAt time.Time
	RequestedBy string
}

// Model announces a trained model and its lineage.
type Model struct {
	Series         series.ID
	ID             string
	Kind           model.Kind
	Params         string // canonical JSON
	Artifact       string // name in the object store
	ArtifactSHA256 string
	Seed           uint64
	TrainStart     time.Time
	TrainEnd       time.Time
	DataSHA256     string
	CodeVersion    string
	ParentID       string
	CreatedAt      time.Time
	MAE            float64 // backtest, unit of the series
	MAPE           float64 // backtest, percent
	MASE           float64 // backtest
	Reason         TrainReason

	Observations uint32 // values in the training data that are not missing; not announced
	Stage        Stage  // not announced: what is announced is the champion
	StageAt      time.Time
	Decision     string  // why it has its stage, for people; not announced
	PValue       float64 // of the test that decided; NaN when none did; not announced
}

// Stage says what a registered model does.
type Stage string

// Stages. A series has one champion and at most one challenger, the newest of each.
const (
	Champion   Stage = "champion"   // serves
	Challenger Stage = "challenger" // the strongest of the others
	Retired    Stage = "retired"    // was one of them
)

// Outcome is what became of one point of a forecast.
type Outcome struct {
	Target   time.Time
	Horizon  int
	Actual   float64
	Mean     float64
	Missed80 bool // Actual lies outside the 80 % interval
	Missed90 bool
}
