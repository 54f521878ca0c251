package forecaster

import (
	"fmt"
	"math"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// score compares the batch's observations with every open forecast of them. Revised observations score again: the
// rows replace the earlier ones. The drift detector sees each target once, when it is first observed.
func (d *Desk) score(s *state, b series.Batch, out *stage.Result) {
	for _, o := range b.Obs {
		if math.IsNaN(o.Value) {
			continue
		}
		sum, n := 0.0, 0
		var scores []record.Score
		for _, f := range s.open {
			h := int(o.TS.Sub(f.DataCut) / s.step)
			if h < 1 || h > len(f.Mean) || f.IssuedAt.After(b.KnownAt) {
				continue
			}
			row := scored(f, h, o, b)
			out.Rows = append(out.Rows, row)
			scores = append(scores, row)
			if !f.Fallback {
				s.outcomes.put(forecast.Outcome{Target: o.TS, Horizon: h, Actual: o.Value, Mean: row.Mean, Missed80: !row.Covered80, Missed90: !row.Covered90})
			}
			if !math.IsNaN(row.ScaledError) {
				sum += row.ScaledError
				n++
			}
		}
		if n > 0 && o.TS.After(s.drifted) {
			s.drifted = o.TS
			d.watch(s, b, o, sum/float64(n), out)
			d.follow(s, b, o.TS, scores, out)
		}
	}
}

func scored(f forecast.Forecast, h int, o series.Observation, b series.Batch) record.Score {
	mean, abs := f.Mean[h-1], math.Abs(f.Mean[h-1]-o.Value)
	row := record.Score{
		Series: b.Series.String(), TargetTS: o.TS, IssuedAt: f.IssuedAt, Horizon: uint16(h), ModelID: f.ModelID,
		Actual: o.Value, Mean: mean, ScaledError: math.NaN(),
		Covered80: within(f.Quantiles[1][h-1], o.Value, f.Quantiles[3][h-1]),
		Covered90: within(f.Quantiles[0][h-1], o.Value, f.Quantiles[4][h-1]),
		ScoredAt:  b.KnownAt,
	}
	if h <= len(f.Scale) && f.Scale[h-1] > 0 {
		row.ScaledError = abs / f.Scale[h-1]
	}
	for i, level := range forecast.Levels() {
		row.Pinball += eval.Pinball(level, f.Quantiles[i][h-1], o.Value) / float64(len(forecast.Levels()))
	}
	return row
}

func within(lo, y, hi float64) bool { return lo <= y && y <= hi }

func (d *Desk) detector() drift.ErrorEWMA {
	return drift.ErrorEWMA{Raise: d.cfg.DriftRaise, Clear: d.cfg.DriftClear, HalfLife: d.cfg.DriftHalfLife}
}

// watch feeds one target's mean scaled error to the detector and reports a change of its condition. After a restart
// the condition is reported once in any case: the event of the change may have been lost with the process.
func (d *Desk) watch(s *state, b series.Batch, o series.Observation, scaled float64, out *stage.Result) {
	changed := s.drift.Step(scaled) != drift.None
	if !changed && s.told {
		return
	}
	s.told = true
	e := event.Drift{
		Series: s.id, Detector: "error_ewma", Condition: event.Cleared, Statistic: s.drift.Value(), Threshold: d.cfg.DriftClear,
		DataCut: o.TS, Message: fmt.Sprintf("forecast errors of %s are %.2f times the backtest's", s.id, s.drift.Value()),
	}
	if s.champion != nil {
		e.ModelID = s.champion.model.ID
	}
	if s.drift.Raised() {
		e.Condition, e.Threshold = event.Raised, d.cfg.DriftRaise
	}
	out.Out = append(out.Out, wire.EncodeEvent(event.Event{
		ID:      fmt.Sprintf("drift.%s.%s.%d", e.Detector, s.id, o.TS.Unix()),
		Service: event.Forecaster, Instance: d.instance, At: b.KnownAt, Drift: &e,
	}))
}
