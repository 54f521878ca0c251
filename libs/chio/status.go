package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// liveDays is the window of SeriesStatus.LiveMAPE.
const liveDays = 14

// Status is an overview of the record.
type Status struct {
	Series []SeriesStatus // sorted by name
	Totals Totals
}

// SeriesStatus is the overview of one series. Times are zero and errors NaN where there is nothing yet.
type SeriesStatus struct {
	ID           series.ID
	Observations uint64
	First, Last  time.Time  // observations
	ForecastAt   time.Time  // when the newest forecast was issued
	Champion     model.Kind // empty without a model
	BacktestMAPE float64    // percent, of the champion
	LiveMAPE     float64    // percent, over the scores of the last 14 days of observations
}

// Totals count rows of the whole record, without those that were replaced.
type Totals struct {
	Series       uint64 `json:"series"`
	Observations uint64 `json:"observations"`
	Revisions    uint64 `json:"revisions"`
	Held         uint64 `json:"quarantined"` // observations in quarantine that nobody has decided about
	Forecasts    uint64 `json:"forecasts"`   // forecast points
	Scores       uint64 `json:"scores"`
	Models       uint64 `json:"models"`
	AlertsOpen   uint64 `json:"alerts_open"`
}

// Status returns an overview of the record.
func (s *Store) Status(ctx context.Context) (Status, error) {
	var out Status
	const bySeries = `
		WITH
			observed AS (SELECT series, count() AS n, min(ts) AS first, max(ts) AS last FROM v_observations GROUP BY series),
			issued AS (SELECT series, max(issued_at) AS at FROM forecasts GROUP BY series),
			champion AS (SELECT series, kind, backtest_mape AS mape FROM v_models WHERE is_champion),
			live AS
			(
				SELECT s.series AS series, avgIf(abs(s.pct_error), isFinite(s.pct_error)) AS mape
				FROM v_scores AS s
				INNER JOIN observed AS o ON s.series = o.series
				WHERE s.target_ts > o.last - toIntervalDay({days:UInt16})
				GROUP BY s.series
			)
		SELECT
			o.series AS series, o.n AS observations, o.first AS first_ts, o.last AS last_ts, i.at AS issued_at,
			c.kind AS champion, if(c.kind = '', nan, c.mape) AS backtest_mape, if(l.series = '', nan, l.mape) AS live_mape
		FROM observed AS o
		LEFT JOIN issued AS i ON o.series = i.series
		LEFT JOIN champion AS c ON o.series = c.series
		LEFT JOIN live AS l ON o.series = l.series
		ORDER BY series
		SETTINGS join_use_nulls = 0`
	rows, err := selectAll[statusRow](ctx, s, bySeries, params{"days": liveDays})
	if err != nil {
		return out, fmt.Errorf("read status: %w", err)
	}
	for _, row := range rows {
		status, err := row.status()
		if err != nil {
			return out, fmt.Errorf("read status: %w", err)
		}
		out.Series = append(out.Series, status)
	}
	out.Totals, err = s.totals(ctx)
	return out, err
}

type statusRow struct {
	Series       string    `ch:"series"`
	Observations uint64    `ch:"observations"`
	First        time.Time `ch:"first_ts"`
	Last         time.Time `ch:"last_ts"`
	IssuedAt     time.Time `ch:"issued_at"`
	Champion     string    `ch:"champion"`
	BacktestMAPE float64   `ch:"backtest_mape"`
	LiveMAPE     float64   `ch:"live_mape"`
}

func (r statusRow) status() (SeriesStatus, error) {
	id, err := series.ParseID(r.Series)
	return SeriesStatus{
		ID:           id,
		Observations: r.Observations,
		First:        r.First.UTC(),
		Last:         r.Last.UTC(),
		ForecastAt:   fromStore(r.IssuedAt),
		Champion:     model.Kind(r.Champion),
		BacktestMAPE: r.BacktestMAPE,
		LiveMAPE:     r.LiveMAPE,
	}, err
}

func (s *Store) totals(ctx context.Context) (Totals, error) {
	const query = `
		SELECT
			(SELECT uniqExact(series) FROM observations) AS series,
			(SELECT count() FROM v_observations) AS observations,
			(SELECT count() FROM observation_revisions FINAL) AS revisions,
			(SELECT count() FROM v_quarantine WHERE status = 'held') AS held,
			(SELECT count() FROM v_forecasts) AS forecasts,
			(SELECT count() FROM v_scores) AS scores,
			(SELECT count() FROM v_models) AS models,
			(SELECT count() FROM v_alerts_open) AS alerts_open`
	rows, err := selectAll[struct {
		Series       uint64 `ch:"series"`
		Observations uint64 `ch:"observations"`
		Revisions    uint64 `ch:"revisions"`
		Held         uint64 `ch:"held"`
		Forecasts    uint64 `ch:"forecasts"`
		Scores       uint64 `ch:"scores"`
		Models       uint64 `ch:"models"`
		AlertsOpen   uint64 `ch:"alerts_open"`
	}](ctx, s, query, nil)
	if err != nil {
		return Totals{}, fmt.Errorf("read totals: %w", err)
	}
	if len(rows) != 1 {
		return Totals{}, fmt.Errorf("read totals: %d rows, want 1", len(rows))
	}
	return Totals(rows[0]), nil
}
