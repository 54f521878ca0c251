package chio

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Accuracy compares the forecasts that were served with the seasonal naive forecast of one day, on exactly the same
// points. Percentages are over the points whose actual is not 0. Without points all errors are NaN.
type Accuracy struct {
	N         uint64  // points scored, with a naive forecast to compare with
	MAPE      float64 // percent
	NaiveMAPE float64 // percent
	// RelMAE is the mean absolute error divided by that of the naive forecast, a mean over the series: below 1 is
	// better than naive. Unlike MAPE it does not mind actuals near 0.
	RelMAE     float64
	Coverage80 float64 // share of actuals within [p10, p90], 0.8 is right
	Coverage90 float64 // share of actuals within [p05, p95], 0.9 is right
	Series     []SeriesAccuracy
}

// SeriesAccuracy is the accuracy of one series.
type SeriesAccuracy struct {
	ID         series.ID
	N          uint64
	MAPE       float64 // percent
	NaiveMAPE  float64 // percent
	MAE        float64 // unit of the series
	NaiveMAE   float64 // unit of the series
	Coverage80 float64
	Coverage90 float64

	nonzero uint64 // points behind the percentages
}

// Accuracy scores the forecasts of the targets in [from, to). The naive forecast of a target is the observation a whole
// number of days before it: the fewest with which it lies at or before the data cut of the forecast. It is taken with
// its newest value, which favours naive where values were revised.
func (s *Store) Accuracy(ctx context.Context, from, to time.Time) (Accuracy, error) {
	const query = `
		WITH
			fromUnixTimestamp64Milli({from:Int64}, 'UTC') AS first,
			fromUnixTimestamp64Milli({to:Int64}, 'UTC') AS last,
			-- A map, not a table: joined as a table, the planner may join on the series alone and multiply all points.
			(SELECT mapFromArrays(groupArray(series), groupArray(step)) FROM (SELECT series, argMax(step_seconds, ts) AS step FROM observations GROUP BY series)) AS steps,
			scored AS
			(
				SELECT
					s.series AS series, s.actual AS actual, s.abs_error AS abs_error, s.covered_80 AS covered_80, s.covered_90 AS covered_90,
					s.target_ts - toIntervalDay(intDiv(s.horizon * steps[s.series] + 86399, 86400)) AS naive_ts
				FROM v_scores AS s
				WHERE s.target_ts >= first AND s.target_ts < last AND isFinite(s.abs_error)
			),
			compared AS
			(
				SELECT s.*, abs(o.value - s.actual) AS naive_error, s.actual != 0 AS relative
				FROM scored AS s
				INNER JOIN v_observations AS o ON s.series = o.series AND s.naive_ts = o.ts
				WHERE isFinite(o.value)
			)
		SELECT
			series,
			count() AS n,
			countIf(relative) AS nonzero,
			100 * avgIf(abs_error / abs(actual), relative) AS mape,
			100 * avgIf(naive_error / abs(actual), relative) AS naive_mape,
			avg(abs_error) AS mae,
			avg(naive_error) AS naive_mae,
			avg(covered_80) AS coverage_80,
			avg(covered_90) AS coverage_90
		FROM compared
		GROUP BY series
		ORDER BY series`
	rows, err := selectAll[accuracyRow](ctx, s, query, params{"from": millis(from), "to": to.UnixMilli()})
	if err != nil {
		return Accuracy{}, fmt.Errorf("read accuracy: %w", err)
	}
	parts := make([]SeriesAccuracy, len(rows))
	for i, row := range rows {
		if parts[i], err = row.accuracy(); err != nil {
			return Accuracy{}, fmt.Errorf("read accuracy: %w", err)
		}
	}
	return pool(parts), nil
}

type accuracyRow struct {
	Series     string  `ch:"series"`
	N          uint64  `ch:"n"`
	Nonzero    uint64  `ch:"nonzero"`
	MAPE       float64 `ch:"mape"`
	NaiveMAPE  float64 `ch:"naive_mape"`
	MAE        float64 `ch:"mae"`
	NaiveMAE   float64 `ch:"naive_mae"`
	Coverage80 float64 `ch:"coverage_80"`
	Coverage90 float64 `ch:"coverage_90"`
}

func (r accuracyRow) accuracy() (SeriesAccuracy, error) {
	id, err := series.ParseID(r.Series)
	return SeriesAccuracy{
		ID: id, N: r.N, MAPE: r.MAPE, NaiveMAPE: r.NaiveMAPE, MAE: r.MAE, NaiveMAE: r.NaiveMAE,
		Coverage80: r.Coverage80, Coverage90: r.Coverage90, nonzero: r.Nonzero,
	}, err
}

// pool makes means over all points from the means of the series.
func pool(parts []SeriesAccuracy) Accuracy {
	out := Accuracy{Series: parts}
	var nonzero, mape, naive, cover80, cover90, ratio, ratios float64
	for _, p := range parts {
		n, nz := float64(p.N), float64(p.nonzero)
		out.N += p.N
		cover80 += n * p.Coverage80
		cover90 += n * p.Coverage90
		if nz > 0 {
			nonzero += nz
			mape += nz * p.MAPE
			naive += nz * p.NaiveMAPE
		}
		if p.NaiveMAE > 0 {
			ratio += p.MAE / p.NaiveMAE
			ratios++
		}
	}
	out.MAPE, out.NaiveMAPE = over(mape, nonzero), over(naive, nonzero)
	out.RelMAE = over(ratio, ratios)
	out.Coverage80, out.Coverage90 = over(cover80, float64(out.N)), over(cover90, float64(out.N))
	return out
}

func over(sum, n float64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return sum / n
}
