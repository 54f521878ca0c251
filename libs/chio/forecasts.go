package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// PendingForecasts returns the forecasts of a series issued at since or later, whole and in the order they were issued.
func (s *Store) PendingForecasts(ctx context.Context, id series.ID, since time.Time) ([]forecast.Forecast, error) {
	const query = `
		SELECT *
		FROM forecasts FINAL
		WHERE series = {series:String} AND issued_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
		ORDER BY issued_at, data_cut, model_id, horizon
		SETTINGS do_not_merge_across_partitions_select_final = 1`
	y, _, err := s.describe(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := selectAll[record.Forecast](ctx, s, query, params{"series": id.String(), "since": millis(since)})
	if err != nil {
		return nil, fmt.Errorf("read forecasts of %s: %w", id, err)
	}
	return whole(id, y.Unit, rows), nil
}

// whole puts forecasts together from their points, which come in order. Of forecasts that one model issued at the same
// time it keeps the one from the most data; what is left of the others in the table is not whole.
func whole(id series.ID, unit string, rows []record.Forecast) []forecast.Forecast {
	var out []forecast.Forecast
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && sameForecast(rows[0], rows[n]) {
			n++
		}
		if f, ok := assemble(id, unit, rows[:n]); ok {
			if k := len(out) - 1; k >= 0 && out[k].IssuedAt.Equal(f.IssuedAt) && out[k].ModelID == f.ModelID {
				out = out[:k]
			}
			out = append(out, f)
		}
		rows = rows[n:]
	}
	return out
}

func sameForecast(a, b record.Forecast) bool {
	return a.IssuedAt.Equal(b.IssuedAt) && a.DataCut.Equal(b.DataCut) && a.ModelID == b.ModelID
}

func assemble(id series.ID, unit string, rows []record.Forecast) (forecast.Forecast, bool) {
	first := rows[0]
	f := forecast.Forecast{
		Series:    id,
		IssuedAt:  first.IssuedAt.UTC(),
		DataCut:   first.DataCut.UTC(),
		Step:      first.TargetTS.Sub(first.DataCut),
		Unit:      unit,
		ModelID:   first.ModelID,
		ModelKind: model.Kind(first.ModelKind),
		Fallback:  first.Fallback,
		Reason:    first.Reason,
		Quantiles: make([][]float64, len(forecast.Levels())),
	}
	for i, row := range rows {
		if int(row.Horizon) != i+1 {
			return forecast.Forecast{}, false
		}
		f.Mean = append(f.Mean, row.Mean)
		f.Scale = append(f.Scale, row.Scale)
		for level, q := range []float64{row.P05, row.P10, row.P50, row.P90, row.P95} {
			f.Quantiles[level] = append(f.Quantiles[level], q)
		}
	}
	return f, true
}

// fromStore returns the zero time for the Unix epoch, as which the store keeps it.
func fromStore(t time.Time) time.Time {
	if t.UnixMilli() == 0 {
		return time.Time{}
	}
	return t.UTC()
}
