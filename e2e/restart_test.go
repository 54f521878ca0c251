package e2e

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"
)

// TestKilledStackGoesOnWhereItStopped kills the whole stack (kill -9) in the middle of hours, starts it again each time,
// and then compares the record with what the source served: nothing lost, nothing twice.
func TestKilledStackGoesOnWhereItStopped(t *testing.T) {
	const hours = 24
	sim, url := source(t)
	dir := t.TempDir()
	begin := sim.Info().Last.AddDate(0, -8, 0).Truncate(24 * time.Hour)
	sim.SetNow(begin)
	s := start(t, dir, "--ingestor-eia-url="+url)
	if err := s.refresh(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	s.settle()
	if got := s.number("SELECT uniqExact(series) FROM v_models"); got != "3" {
		t.Fatalf("%s series have a model after the backfill, want 3", got)
	}
	for h := 1; h <= hours; h++ {
		now := begin.Add(time.Duration(h) * time.Hour)
		sim.SetNow(now)
		if h%8 == 5 {
			// The refresh is under way, or what it published, when the process dies.
			done := make(chan error, 1)
			go func() { done <- s.refresh(t.Context(), now) }()
			s.until("the hour to arrive", func(ctx context.Context) (bool, error) {
				lag, err := s.bus.Lag(ctx, "BW_OBS", "validator")
				return err == nil && (lag.Pending+lag.AckPending > 0 || len(done) > 0), nil
			})
			s.kill()
			s = start(t, dir, "--ingestor-eia-url="+url)
		}
		if err := s.refresh(t.Context(), now); err != nil {
			t.Fatalf("hour %d: %v", h, err)
		}
		s.settle()
	}
	took, err := s.stop()
	if err != nil || took > 10*time.Second {
		t.Errorf("SIGTERM: ended after %s with %v, want a clean end within 10 s", took, err)
	}
	s = start(t, dir, "--ingestor-eia-url="+url)

	end := begin.Add(hours * time.Hour)
	for _, area := range []string{"TVA", "FPL", "PSCO"} {
		first, truth, ok := sim.Truth(area)
		if !ok {
			t.Fatalf("no truth of %s", area)
		}
		want := 0
		for i, v := range truth {
			ts := first.Add(time.Duration(i) * time.Hour)
			if !math.IsNaN(v) && !ts.Before(begin) && !ts.After(end.Add(-time.Hour)) {
				want++
			}
		}
		where := fmt.Sprintf("series = 'eia.%s' AND ts >= toDateTime(%s, 'UTC')", area, unix(begin))
		got := s.number("SELECT count() FROM v_observations WHERE " + where)
		held := s.number("SELECT uniqExact(ts) FROM v_quarantine WHERE " + where)
		if got+"+"+held != fmt.Sprintf("%d+0", want) {
			t.Errorf("%s: %s observations and %s in quarantine, the source served %d", area, got, held, want)
		}
		// Every hour that was observed has a forecast made from it.
		cuts := s.number(fmt.Sprintf("SELECT uniqExact(data_cut) FROM v_forecasts WHERE series = 'eia.%s' AND data_cut >= toDateTime(%s, 'UTC')", area, unix(begin)))
		if cuts != fmt.Sprint(want) {
			t.Errorf("%s: forecasts from %s hours, want one from each of %d", area, cuts, want)
		}
	}
	for view, identity := range map[string]string{
		"v_observations": "series, ts",
		"v_revisions":    "series, ts, known_at",
		"v_forecasts":    "series, issued_at, target_ts, model_id",
		"v_scores":       "series, issued_at, target_ts, model_id",
		"v_models":       "series, model_id",
	} {
		if twice := s.number(fmt.Sprintf("SELECT count() - uniqExact(%s) FROM %s", identity, view)); twice != "0" {
			t.Errorf("%s shows %s rows twice", view, twice)
		}
	}
}
