package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// identities are what a row of each view is, in columns. No two rows of a view may share theirs.
func identities() map[string]string {
	return map[string]string{
		"v_observations": "series, ts",
		"v_revisions":    "series, ts, known_at",
		"v_verdicts":     "series, ts, known_at, message_id",
		"v_quarantine":   "series, record_id",
		"v_ingest_runs":  "source, run_id",
		"v_models":       "series, model_id",
		"v_backtests":    "series, job_id, candidate, params, origin",
		"v_forecasts":    "series, issued_at, target_ts, model_id",
		"v_scores":       "series, issued_at, target_ts, model_id",
		"v_events":       "id",
		"v_alerts":       "fingerprint, alert_id",
	}
}

// collect reads what the pipeline made of what it was told.
func (s *stack) collect(ctx context.Context) (Outcome, error) {
	var out Outcome
	for _, step := range []func(context.Context, *Outcome) error{s.points, s.ids, s.repeated, s.valid, s.dead, s.published, s.forecasts} {
		if err := step(ctx, &out); err != nil {
			return out, fmt.Errorf("collect: %w", err)
		}
	}
	return out, nil
}

func (s *stack) points(ctx context.Context, out *Outcome) error {
	for view, to := range map[string]*[]Point{"v_observations": &out.Observations, "v_revisions": &out.Revisions, "v_quarantine": &out.Held} {
		_, rows, err := s.record.Query(ctx, "SELECT series, ts, value, known_at FROM "+view)
		if err != nil {
			return err
		}
		for _, r := range rows {
			p := Point{}
			var ok [4]bool
			p.Series, ok[0] = r[0].(string)
			p.TS, ok[1] = r[1].(time.Time)
			p.Value, ok[2] = r[2].(float64)
			p.KnownAt, ok[3] = r[3].(time.Time)
			if ok != [4]bool{true, true, true, true} {
				return fmt.Errorf("%s: row %v has other types than expected", view, r)
			}
			*to = append(*to, p)
		}
	}
	return nil
}

func (s *stack) ids(ctx context.Context, out *Outcome) error {
	for query, to := range map[string]*[]string{
		"SELECT DISTINCT job_id FROM v_backtests":                    &out.Jobs,
		"SELECT id FROM v_events WHERE service = '" + producer + "'": &out.Events,
	} {
		_, rows, err := s.record.Query(ctx, query)
		if err != nil {
			return err
		}
		for _, r := range rows {
			*to = append(*to, fmt.Sprint(r[0]))
		}
	}
	return nil
}

func (s *stack) repeated(ctx context.Context, out *Outcome) error {
	for view, columns := range identities() {
		_, rows, err := s.record.Query(ctx, fmt.Sprintf("SELECT toInt64(count()) - toInt64(uniqExact(%s)) FROM %s", columns, view))
		if err != nil {
			return err
		}
		if n, ok := rows[0][0].(int64); !ok || n != 0 {
			out.Repeated = append(out.Repeated, Repeat{View: view, Rows: int(n), Names: columns})
		}
	}
	return nil
}

// read calls f for every message a stream has now of subjects.
func (s *stack) read(ctx context.Context, stream, subjects string, f func(stage.Message) error) error {
	o := natsio.FollowOptions{Stream: stream, From: natsio.FromAll, CaughtUp: true}
	if subjects != "" {
		o.Subjects = []string{subjects}
	}
	return s.direct.Follow(ctx, o, f)
}

func (s *stack) valid(ctx context.Context, out *Outcome) error {
	return s.read(ctx, wire.StreamObs, wire.AllValid, func(m stage.Message) error {
		b, err := wire.DecodeBatch(m.Data)
		if err != nil {
			return err
		}
		v := Batch{ID: m.ID, Series: b.Series.String()}
		for _, o := range b.Obs {
			v.Points = append(v.Points, Point{Series: v.Series, TS: o.TS, Value: o.Value, KnownAt: b.KnownAt})
		}
		out.Valid = append(out.Valid, v)
		return nil
	})
}

func (s *stack) dead(ctx context.Context, out *Outcome) error {
	letters, err := s.direct.DeadLetters(ctx, "")
	if err != nil {
		return err
	}
	for _, l := range letters {
		d := Letter{Message: l.ID, Consumer: l.Consumer, Reason: l.Reason}
		whole, err := s.direct.DeadLetter(ctx, l.Seq)
		if err != nil {
			return err
		}
		if b, err := wire.DecodeBatch(whole.Data); err == nil {
			for _, o := range b.Obs {
				d.Values = append(d.Values, o.Value)
			}
		}
		out.Dead = append(out.Dead, d)
	}
	return nil
}

func (s *stack) published(ctx context.Context, out *Outcome) error {
	for _, stream := range []string{wire.StreamForecast, wire.StreamModel, wire.StreamAlert} {
		err := s.read(ctx, stream, "", func(m stage.Message) error {
			out.Published = append(out.Published, m.ID)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forecasts reads the newest forecast of each series from its subject and from its view.
func (s *stack) forecasts(ctx context.Context, out *Outcome) error {
	newest := map[string]forecast.Forecast{}
	err := s.read(ctx, wire.StreamForecast, "", func(m stage.Message) error {
		f, err := wire.DecodeForecast(m.Data)
		newest[f.Series.String()] = f
		return err
	})
	if err != nil {
		return err
	}
	_, rows, err := s.record.Query(ctx, "SELECT series, max(data_cut) FROM v_forecasts_latest GROUP BY series")
	if err != nil {
		return err
	}
	cuts := map[string]time.Time{}
	for _, r := range rows {
		cuts[fmt.Sprint(r[0])], _ = r[1].(time.Time)
	}
	for name, f := range newest {
		out.Forecasts = append(out.Forecasts, Newest{
			Series: name, Cut: f.DataCut, ViewCut: cuts[name], Fallback: f.Fallback && strings.HasPrefix(name, "chaos."), Step: f.Step, Mean: f.Mean,
		})
	}
	return nil
}
