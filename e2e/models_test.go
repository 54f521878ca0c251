package e2e

import (
	"context"
	"encoding/json"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/forecaster"
)

// TestModelsAreSteered trains a series twice, looks at its models and its forecast by the commands, rolls back and
// promotes: every change must be in the registry and in the next forecast.
func TestModelsAreSteered(t *testing.T) {
	dir := t.TempDir()
	s := launch(t, dir, "--services=validator,forecaster,trainer", "--dir="+dir+"/data", "--bus-addr=127.0.0.1:0", "--store-addr=127.0.0.1:0", "--heartbeat=500ms")
	id := series.ID{Source: "load", Key: "NORTH"}
	begin := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	observe := func(from, to int) {
		b := series.Batch{
			Series: id, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "UTC", Step: time.Hour,
			KnownAt: begin.Add(time.Duration(to) * time.Hour), RunID: "r", Origin: series.Refresh,
		}
		for i := from; i < to; i++ {
			v := math.Round(1000 + 200*math.Sin(2*math.Pi*float64(i)/24) + 60*math.Sin(2*math.Pi*float64(i)/168) + 15*math.Sin(float64(i*i%1009)))
			b.Obs = append(b.Obs, series.Observation{TS: begin.Add(time.Duration(i) * time.Hour), Value: v})
		}
		if err := s.bus.Publish(t.Context(), stage.Message{Subject: wire.Raw(id), ID: b.KnownAt.String(), Data: wire.EncodeBatch(b)}); err != nil {
			t.Fatal(err)
		}
	}
	champion := func(what string, not string) (m forecast.Model) {
		s.until(what, func(ctx context.Context) (bool, error) {
			var found bool
			var err error
			m, found, err = s.store.Champion(ctx, id)
			return found && m.ID != not, err
		})
		return m
	}
	command := func(want string, args ...string) string {
		t.Helper()
		args = append(args, "--nats-url="+s.busURL, "--clickhouse-addr="+s.storeAddr)
		out, err := exec.CommandContext(t.Context(), program(t, dir, "bellwether"), args...).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("bellwether %s: %v, want %q:\n%s", strings.Join(args, " "), err, want, out)
		}
		return string(out)
	}
	serves := func(model string) {
		s.until("a forecast by "+model, func(ctx context.Context) (bool, error) {
			m, found, err := s.bus.Last(ctx, wire.StreamForecast, wire.Forecast(id))
			if err != nil || !found {
				return false, err
			}
			f, err := wire.DecodeForecast(m.Data)
			return f.ModelID == model, err
		})
	}

	observe(0, 1200)
	first := champion("a first model", "")
	observe(1200, 1224)
	s.until("the day after it", func(ctx context.Context) (bool, error) {
		y, err := s.store.Tail(ctx, id, 1)
		return err == nil && y.End().Equal(begin.Add(1223*time.Hour)), err
	})
	command("load.NORTH: asked for a model", "train", "load.NORTH")
	second := champion("a second model", first.ID)
	if second.ParentID != first.ID || second.Seed == 0 || second.Decision == "" {
		t.Errorf("second model %+v, want the first as its parent and why it serves", second)
	}
	serves(second.ID)

	for _, want := range []string{first.ID, second.ID, "champion", "challenger", "retired"} {
		command(want, "models", "list", "load.NORTH")
	}
	command(`"model_id":"`+second.ID+`"`, "models", "list", "--json")
	command("digest     "+second.DataSHA256, "models", "show", "load.NORTH")

	chart := command("• forecast  · 90 % interval", "forecast", "load.NORTH", "--width=90")
	if !strings.Contains(chart, second.ID) || strings.Count(chart, "\n") < 16 || !strings.Contains(chart, "──") {
		t.Errorf("chart:\n%s", chart)
	}
	var issued forecaster.Issued
	if err := json.Unmarshal([]byte(command("", "forecast", "load.NORTH", "--json")), &issued); err != nil {
		t.Fatal(err)
	}
	if len(issued.Points) != 48 || issued.ModelID != second.ID || !issued.DataCut.Equal(begin.Add(1223*time.Hour)) || issued.Fallback {
		t.Errorf("forecast %s with %d points from %s", issued.ModelID, len(issued.Points), issued.DataCut)
	}
	if lines := strings.Count(command("series,target_ts", "forecast", "load.NORTH", "--csv"), "\n"); lines != 49 {
		t.Errorf("%d lines of CSV, want a header and 48", lines)
	}

	command(first.ID+" serves now", "models", "rollback", "load.NORTH", "--why=a test")
	serves(first.ID)
	if m, _, err := s.store.Champion(t.Context(), id); err != nil || m.ID != first.ID || !strings.Contains(m.Decision, "a test") {
		t.Errorf("champion after the rollback %s (%s), %v", m.ID, m.Decision, err)
	}
	challenger, err := s.store.Models(t.Context(), chio.ModelsQuery{Series: id.String(), Stage: forecast.Challenger})
	if err != nil || len(challenger) != 1 {
		t.Fatalf("challengers %v, %v; want one", challenger, err)
	}
	command(challenger[0].ID+" serves now", "models", "promote", "load.NORTH", challenger[0].ID)
	serves(challenger[0].ID)
	command(challenger[0].ID+" serves already", "models", "promote", "load.NORTH", challenger[0].ID)
	command(first.ID+" serves now", "models", "rollback", "load.NORTH")
	serves(first.ID)

	out, err := exec.CommandContext(t.Context(), program(t, dir, "bellwether"), "forecast", "load.SOUTH", "--nats-url="+s.busURL).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "load.SOUTH has no forecast; bellwether status lists") {
		t.Errorf("a series that is not there: %v\n%s", err, out)
	}
}
