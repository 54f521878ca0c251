package e2e

import (
	"context"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// TestQuarantineIsDecided sends two values a thousand times too large and one that cannot be placed. One is released by
// the command, one discarded; the third can only be discarded. The view must show each decision, the released value
// must be an observation, and it must be passed on.
func TestQuarantineIsDecided(t *testing.T) {
	dir := t.TempDir()
	s := launch(t, dir, "--services=validator", "--dir="+dir+"/data", "--bus-addr=127.0.0.1:0", "--store-addr=127.0.0.1:0", "--heartbeat=500ms")
	id := series.ID{Source: "load", Key: "NORTH"}
	begin := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	b := series.Batch{
		Series: id, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "UTC", Step: time.Hour,
		KnownAt: begin.AddDate(0, 0, 9), RunID: "r", Origin: series.Refresh,
	}
	for i := range 200 {
		v := math.Round(1000 + 200*math.Sin(2*math.Pi*float64(i)/24))
		if i >= 198 {
			v *= 1000
		}
		b.Obs = append(b.Obs, series.Observation{TS: begin.Add(time.Duration(i) * time.Hour), Value: v})
	}
	b.Obs = append(b.Obs, series.Observation{TS: begin.AddDate(1, 0, 0), Value: 1000})
	if err := s.bus.Publish(t.Context(), stage.Message{Subject: wire.Raw(id), ID: "raw-1", Data: wire.EncodeBatch(b)}); err != nil {
		t.Fatal(err)
	}
	held := func() (rows []record.Quarantine) {
		s.until("three rows in quarantine", func(ctx context.Context) (bool, error) {
			var err error
			rows, err = s.store.Quarantine(ctx, chio.QuarantineQuery{Series: id.String()})
			return len(rows) == 3, err
		})
		return rows
	}
	byReason := map[string][]string{}
	for _, r := range held() {
		byReason[r.Reason] = append(byReason[r.Reason], r.RecordID)
	}
	if len(byReason["unit"]) != 2 || len(byReason["future"]) != 1 {
		t.Fatalf("held %v, want two for their unit and one in the future", byReason)
	}
	release, discard, future := byReason["unit"][0], byReason["unit"][1], byReason["future"][0]
	for _, step := range []struct {
		args []string
		ok   bool
		want string
	}{
		{[]string{"list", "--reason=unit"}, true, release},
		{[]string{"list", "--json", "--series=load.NORTH"}, true, `"reason":"future"`},
		{[]string{"show", future}, true, "status     held since"},
		{[]string{"release", release}, true, release + ": released\n"},
		{[]string{"release", release}, true, "is released already"},
		{[]string{"discard", discard}, true, discard + ": discarded\n"},
		{[]string{"release", future}, false, "no place in the series"},
		{[]string{"discard", future, "nothing"}, false, `no record "nothing" in quarantine`},
		{[]string{"list"}, true, "nothing in quarantine"},
	} {
		args := append([]string{"quarantine", "--nats-url=" + s.busURL, "--clickhouse-addr=" + s.storeAddr}, step.args...)
		out, err := exec.CommandContext(t.Context(), program(t, dir, "bellwether"), args...).CombinedOutput()
		if (err == nil) != step.ok || !strings.Contains(string(out), step.want) {
			t.Errorf("quarantine %s: %v, want success %v and %q:\n%s", step.args, err, step.ok, step.want, out)
		}
	}
	if got := s.number("SELECT arrayStringConcat(arraySort(groupArray(status)), ' ') FROM v_quarantine"); got != "discarded discarded released" {
		t.Errorf("view says %q, want two discarded and one released", got)
	}
	if got := s.number("SELECT count() FROM v_observations WHERE value > 100000"); got != "1" {
		t.Errorf("%s large observations, want the released one", got)
	}
	m, _, err := s.bus.Last(t.Context(), wire.StreamObs, wire.AllValid)
	if err != nil {
		t.Fatal(err)
	}
	if passed, err := wire.DecodeBatch(m.Data); err != nil || len(passed.Obs) != 1 || passed.Obs[0].Value < 100000 {
		t.Errorf("last passed on %v, %v; want the released value", passed.Obs, err)
	}
}
