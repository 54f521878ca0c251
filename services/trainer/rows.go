package trainer

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// rows returns the registry entries of the new champion and challenger and a backtest row for every candidate and
// origin, so that a query can answer why this model serves. The newest champion of a series is the one that serves.
func (t trained) rows(job forecast.Job, at time.Time) []stage.Row {
	var out []stage.Row
	if !t.again {
		out = append(out, modelRow(t.champion))
	}
	if t.challenger != nil {
		out = append(out, modelRow(*t.challenger))
	}
	for _, r := range t.results {
		for _, o := range r.Origins {
			m := o.Metrics()
			row := record.Backtest{
				Series: job.Series.String(), JobID: job.ID, Candidate: string(r.Kind), Params: r.Params, Origin: o.At,
				Horizon: uint16(r.Horizon), N: uint16(m.N), MAE: m.MAE, RMSE: m.RMSE, MAPE: m.MAPE, MASE: m.MASE, CreatedAt: at,
			}
			if o.Err != nil {
				row.Error = o.Err.Error()
			}
			out = append(out, row)
		}
	}
	return out
}

func modelRow(m forecast.Model) record.Model {
	return record.Model{
		Series: m.Series.String(), ModelID: m.ID, Kind: string(m.Kind), Params: m.Params, Stage: string(m.Stage), Reason: string(m.Reason),
		Seed: m.Seed, TrainStart: m.TrainStart, TrainEnd: m.TrainEnd, Observations: m.Observations, DataSHA256: m.DataSHA256,
		Artifact: m.Artifact, ArtifactSHA256: m.ArtifactSHA256, CodeVersion: m.CodeVersion, ParentID: m.ParentID,
		MAE: m.MAE, MAPE: m.MAPE, MASE: m.MASE, CreatedAt: m.CreatedAt, StageAt: m.StageAt, Decision: m.Decision, PValue: m.PValue,
	}
}
