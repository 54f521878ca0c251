package k8s

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

// verify compares the record with what the source served and the ingestor fetched, up to the hour end.
func (t *Test) verify(ctx context.Context, end time.Time) error {
	// The same data set as the one in the cluster: it is generated from the same seed.
	sim, err := eiasim.New(eiasim.Config{Data: eiasim.KindGenerated, Areas: areaIDs(t.info), Seed: 1})
	if err != nil {
		return err
	}
	for _, area := range t.info.Areas {
		first, values, ok := sim.Truth(area.ID)
		if !ok {
			return fmt.Errorf("no truth of %s", area.ID)
		}
		if err := t.compare(ctx, area.ID, first, values, end); err != nil {
			return err
		}
	}
	return t.unique(ctx)
}

func areaIDs(info eiasim.Info) []string {
	var ids []string
	for _, a := range info.Areas {
		ids = append(ids, a.ID)
	}
	return ids
}

// compare counts what was fetched of a series since the replay began, and what of it is neither in the record nor in
// quarantine. A forecast from an hour that was observed counts as much as the observation.
func (t *Test) compare(ctx context.Context, area string, first time.Time, values []float64, end time.Time) error {
	want := 0
	for i, v := range values {
		ts := first.Add(time.Duration(i) * time.Hour)
		if !math.IsNaN(v) && !ts.Before(t.start) && ts.Before(end) {
			want++
		}
	}
	where := fmt.Sprintf("series = 'eia.%s' AND %%[1]s >= toDateTime(%d, 'UTC') AND %%[1]s < toDateTime(%d, 'UTC')", area, t.start.Unix(), end.Unix())
	got, err := t.c.number(ctx, "SELECT uniqExact(ts) FROM (SELECT ts FROM v_observations WHERE "+fmt.Sprintf(where, "ts")+
		" UNION ALL SELECT ts FROM v_quarantine WHERE "+fmt.Sprintf(where, "ts")+")")
	if err != nil {
		return err
	}
	forecast, err := t.c.number(ctx, "SELECT uniqExact(data_cut) FROM v_forecasts WHERE "+fmt.Sprintf(where, "data_cut"))
	if err != nil {
		return err
	}
	t.c.say("%s: %d hours fetched, %d in the record, forecasts from %d", area, want, got, forecast)
	t.result.Acked += want
	t.result.Lost += max(want-got, 0)
	return nil
}

// unique counts rows that a view shows twice.
func (t *Test) unique(ctx context.Context) error {
	for view, identity := range map[string]string{
		"v_observations": "series, ts",
		"v_revisions":    "series, ts, known_at",
		"v_forecasts":    "series, issued_at, target_ts, model_id",
		"v_scores":       "series, issued_at, target_ts, model_id",
		"v_models":       "series, model_id",
		"v_alerts":       "fingerprint, alert_id",
	} {
		n, err := t.c.number(ctx, "SELECT count() - uniqExact("+identity+") FROM "+view)
		if err != nil {
			return err
		}
		if n > 0 {
			t.c.say("%s shows %d rows twice", view, n)
		}
		t.result.Duplicates += n
	}
	return nil
}

// alerts waits until every alert that fired is resolved, and counts both. Drift is of the data, and lasts until they or the
// model change.
func (t *Test) alerts(ctx context.Context) error {
	err := t.c.until(ctx, "all alerts to resolve", t.Patience, func(ctx context.Context) (bool, error) {
		out, err := t.c.bellwether(ctx, "sql", "--csv", "SELECT count(), countIf(state = 'resolved') FROM v_alerts WHERE state != 'pending' AND class != 'model_drift'")
		if err != nil {
			return false, err
		}
		lines := strings.Fields(out)
		_, err = fmt.Sscanf(lines[len(lines)-1], "%d,%d", &t.result.Raised, &t.result.Resolved)
		return err == nil && t.result.Raised == t.result.Resolved, err
	})
	return err
}
