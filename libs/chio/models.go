package chio

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// ModelsQuery chooses from the registry. Zero fields choose all.
type ModelsQuery struct {
	Series string         // name
	ID     string         // of the model
	Stage  forecast.Stage // the present one
	Limit  int            // most models
}

// Models returns registered models by series, those with the newest stage first. Their Stage is the present one: what
// is no longer the champion or the challenger of its series is retired.
func (s *Store) Models(ctx context.Context, q ModelsQuery) ([]forecast.Model, error) {
	const query = `
		SELECT * EXCEPT (is_champion)
		FROM v_models
		WHERE ({series:String} = '' OR series = {series:String}) AND ({id:String} = '' OR model_id = {id:String})
			AND ({stage:String} = '' OR stage = {stage:String})
		ORDER BY series, stage_at DESC, model_id DESC
		LIMIT {limit:UInt64}`
	limit := uint64(1 << 32)
	if q.Limit > 0 {
		limit = uint64(q.Limit)
	}
	rows, err := selectAll[record.Model](ctx, s, query, params{"series": q.Series, "id": q.ID, "stage": string(q.Stage), "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read models: %w", err)
	}
	out := make([]forecast.Model, len(rows))
	for i, r := range rows {
		if out[i], err = toModel(r); err != nil {
			return nil, fmt.Errorf("read models: %w", err)
		}
	}
	return out, nil
}

// Model returns a registered model of a series by its identity, and whether there is one.
func (s *Store) Model(ctx context.Context, id series.ID, model string) (forecast.Model, bool, error) {
	found, err := s.Models(ctx, ModelsQuery{Series: id.String(), ID: model, Limit: 1})
	if err != nil || len(found) == 0 {
		return forecast.Model{}, false, err
	}
	return found[0], true, nil
}

// Superseded returns the artifacts of retired models of a series that no model uses which serves, is the challenger, or is
// among the newest retired ones, of which keep count. It returns a few at a time, the newest ones: called after each
// training, it comes to all of them.
func (s *Store) Superseded(ctx context.Context, id series.ID, keep int) ([]string, error) {
	const query = `
		WITH ranked AS
		(
			SELECT artifact, stage, row_number() OVER (PARTITION BY stage ORDER BY stage_at DESC, model_id DESC) AS place
			FROM v_models
			WHERE series = {series:String}
		)
		SELECT DISTINCT artifact
		FROM ranked
		WHERE stage = 'retired' AND place > {keep:UInt32} AND place <= {keep:UInt32} + 8
			AND artifact NOT IN (SELECT artifact FROM ranked WHERE stage != 'retired' OR place <= {keep:UInt32})
		ORDER BY artifact`
	var out []string
	err := s.each(ctx, query, params{"series": id.String(), "keep": uint32(max(keep, 0))}, func(rows driver.Rows) error { //nolint:gosec // a small number
		var name string
		err := rows.Scan(&name)
		out = append(out, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read superseded models of %s: %w", id, err)
	}
	return out, nil
}

// Champion returns the model that serves a series, and whether there is one. Of several it is the newest.
func (s *Store) Champion(ctx context.Context, id series.ID) (forecast.Model, bool, error) {
	return s.staged(ctx, id, forecast.Champion, endOfTime())
}

// ChampionBefore returns the newest of the models that became champion before a time, and whether there is one. A model
// that was put back later counts from then on alone.
func (s *Store) ChampionBefore(ctx context.Context, id series.ID, before time.Time) (forecast.Model, bool, error) {
	return s.staged(ctx, id, forecast.Champion, before)
}

// Challenger returns the strongest of the models that do not serve a series, and whether there is one.
func (s *Store) Challenger(ctx context.Context, id series.ID) (forecast.Model, bool, error) {
	return s.staged(ctx, id, forecast.Challenger, endOfTime())
}

// endOfTime returns a time after all that a column can hold.
func endOfTime() time.Time { return time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC) }

func (s *Store) staged(ctx context.Context, id series.ID, stage forecast.Stage, before time.Time) (forecast.Model, bool, error) {
	const query = `
		SELECT *
		FROM models FINAL
		WHERE series = {series:String} AND stage = {stage:String} AND stage_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
		ORDER BY stage_at DESC, model_id DESC
		LIMIT 1`
	rows, err := selectAll[record.Model](ctx, s, query, params{"series": id.String(), "stage": string(stage), "before": before.UnixMilli()})
	if err != nil {
		return forecast.Model{}, false, fmt.Errorf("read %s of %s: %w", stage, id, err)
	}
	if len(rows) == 0 {
		return forecast.Model{}, false, nil
	}
	m, err := toModel(rows[0])
	return m, err == nil, err
}

func toModel(r record.Model) (forecast.Model, error) {
	id, err := series.ParseID(r.Series)
	return forecast.Model{
		Series:         id,
		ID:             r.ModelID,
		Kind:           model.Kind(r.Kind),
		Params:         r.Params,
		Artifact:       r.Artifact,
		ArtifactSHA256: r.ArtifactSHA256,
		Seed:           r.Seed,
		TrainStart:     fromStore(r.TrainStart),
		TrainEnd:       fromStore(r.TrainEnd),
		DataSHA256:     r.DataSHA256,
		CodeVersion:    r.CodeVersion,
		ParentID:       r.ParentID,
		CreatedAt:      fromStore(r.CreatedAt),
		MAE:            r.MAE,
		MAPE:           r.MAPE,
		MASE:           r.MASE,
		Reason:         forecast.TrainReason(r.Reason),
		Observations:   r.Observations,
		Stage:          forecast.Stage(r.Stage),
		StageAt:        fromStore(r.StageAt),
		Decision:       r.Decision,
		PValue:         r.PValue,
	}, err
}
