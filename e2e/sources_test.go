package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Sources of the tests. The API server is named by its URL, its key is "TEST".
const (
	eiaSource = `
  - name: eia
    kind: eia
    series: [TVA, FPL, PSCO]
    poll: 0s
    backfill: 60
    eia: {url: %q, key_env: TEST_EIA_KEY, rate: 1000, wait: 10ms}`
	natsSource = `
  - name: scada
    kind: nats
    series: [north]
    poll: 1s`
	pushSource = `
  - name: meters
    kind: push
    series: ["*"]
    poll: 1s
    push: {token_env: TEST_TOKEN}
    steps: [{convert: {from: kWh, to: MWh}}]`
)

// sourcesFile writes a file of sources, and sets what they take from the environment.
func sourcesFile(t *testing.T, sources string) string {
	t.Helper()
	t.Setenv("TEST_EIA_KEY", "TEST")
	t.Setenv("TEST_TOKEN", "t0ken")
	file := filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(file, []byte("sources:"+sources+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// observationOf is a body with one observation.
func observationOf(ts, value string) string {
	return fmt.Sprintf(`{"series":[{"key":"north","observations":[{"ts":%q,"value":%s}]}]}`, ts, value)
}

// send publishes a body to the source scada.
func send(t *testing.T, bus *natsio.Bus, id, body string) {
	t.Helper()
	if err := bus.Publish(t.Context(), stage.Message{Subject: wire.In("scada"), ID: id, Data: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

// push sends a body to the source meters and returns the status and the answer.
func push(ctx context.Context, t *testing.T, addr, token, name, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/sources/meters/observations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json", "Idempotency-Key": name} {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error() // the port may not be there yet
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Observations that are pushed over HTTP and sent on the bus are in the record when the sender has its answer and the
// pipeline has settled: converted, once, with their revisions. Oracle: what was sent.
func TestSentObservationsReachTheRecord(t *testing.T) {
	_, source := source(t)
	dir, port := t.TempDir(), freeAddr(t)
	s := start(t, dir, "--ingestor-sources="+sourcesFile(t, fmt.Sprintf(eiaSource, source)+natsSource+pushSource), "--ingestor-push="+port)
	body := `{"series":[{"key":"m.1","unit":"kWh","observations":[{"ts":"2024-01-01T05:00:00Z","value":%d},{"ts":"2024-01-01T06:00:00Z","value":2000}]}]}`
	s.until("the push port", func(ctx context.Context) (bool, error) {
		status, _ := push(ctx, t, port, "t0ken", "k1", fmt.Sprintf(body, 1000))
		return status == 200, nil
	})
	for _, tc := range []struct {
		token, name, body string
		status            int
		want              string
	}{
		{"t0ken", "k1", fmt.Sprintf(body, 1000), 200, `"repeated":true`},
		{"t0ken", "k2", fmt.Sprintf(body, 1500), 200, `"revised":1,"unchanged":1`},
		{"wrong", "k3", fmt.Sprintf(body, 9000), 401, "Authorization"},
		{"t0ken", "k4", strings.Replace(body, "2024", "last year", 1), 400, "series"},
	} {
		if status, got := push(t.Context(), t, port, tc.token, tc.name, tc.body); status != tc.status || !strings.Contains(got, tc.want) {
			t.Errorf("%s: status %d, %s, want %d with %s", tc.name, status, got, tc.status, tc.want)
		}
	}
	for i, v := range []string{"5", "5", "6"} {
		send(t, s.bus, strconv.Itoa(i), observationOf("2024-01-01T05:00:00Z", v))
	}
	s.becomes("SELECT count() FROM v_observations WHERE series LIKE 'meters.%' OR (series LIKE 'scada.%' AND value = 6)", "3")
	for query, want := range map[string]string{
		"SELECT sum(value) FROM v_observations WHERE series = 'meters.m.1'":            "3.5",
		"SELECT count() FROM observation_revisions FINAL WHERE series = 'meters.m.1'":  "3",
		"SELECT count() FROM observation_revisions FINAL WHERE series = 'scada.north'": "2",
		"SELECT count() FROM v_observations WHERE series LIKE 'scada.%' AND value = 6": "1",
		"SELECT any(unit) FROM observations WHERE series = 'meters.m.1'":               "MWh",
	} {
		s.becomes(query, want) // each series takes its own way
	}
	s.becomes("SELECT sum(rows_new) FROM ingest_runs FINAL WHERE source = 'meters'", "2")
	s.becomes("SELECT sum(rows_revised) FROM ingest_runs FINAL WHERE source IN ('meters', 'scada')", "2")
}

// becomes waits until the single number that a query gives is want.
func (s *stack) becomes(query, want string) {
	s.t.Helper()
	s.until(query+" to be "+want, func(ctx context.Context) (bool, error) {
		_, rows, err := s.store.Query(ctx, query)
		return err == nil && len(rows) == 1 && fmt.Sprint(rows[0][0]) == want, err
	})
}

// A backfill of which the ingestor is killed in the middle goes on with the same command, fetches no window twice but the
// one in hand, and the record is what the source has. Oracle: the values of the source.
func TestBackfillCommandSurvivesAKill(t *testing.T) {
	sim, source := source(t)
	dir := t.TempDir()
	slow := strings.Replace(fmt.Sprintf(eiaSource, source), "rate: 1000", "rate: 4", 1)
	args := []string{"--ingestor-sources=" + sourcesFile(t, slow)}
	s := start(t, dir, args...)
	last := sim.Info().Last.Truncate(24*time.Hour).AddDate(0, -3, 0)
	first := last.AddDate(-2, 0, 0) // four windows for each of three areas
	command := func(s *stack) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.CommandContext(t.Context(), program(t, dir, "bellwether"), "backfill", "--nats-url="+s.busURL, "--source=eia",
			"--from="+first.Format("2006-01-02T15"), "--to="+last.Format("2006-01-02T15"), "--patience=2s")
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		return cmd, &said
	}
	filled := func(s *stack) int {
		span := " FINAL WHERE series LIKE 'eia.%' AND ts BETWEEN fromUnixTimestamp(" + unix(first) + ") AND fromUnixTimestamp(" + unix(last) + ")"
		// Real demand has hours that the validator keeps back.
		n, err := strconv.Atoi(s.number("SELECT count() FROM (SELECT series, ts FROM observations" + span + " UNION DISTINCT SELECT series, ts FROM quarantine" + span + ")"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	cmd, _ := command(s)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.until("a part of the history", func(context.Context) (bool, error) { return filled(s) > 0, nil })
	s.kill()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	before := sim.Info().Requests
	s = start(t, dir, args...)
	cmd, said := command(s)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	hours := int(last.Sub(first)/time.Hour) + 1
	if !strings.Contains(said.String(), fmt.Sprintf("%d hours of 3 series of eia are filled", 3*hours)) {
		t.Errorf("it said %s", said)
	}
	if n := sim.Info().Requests - before; n < 1 || n > 11 {
		t.Errorf("%d requests after the kill, want the windows that were left of twelve", n)
	}
	s.settle()
	want := 0
	for _, a := range sim.Info().Areas {
		from, values, _ := sim.Truth(a.ID)
		for i, v := range values {
			if ts := from.Add(time.Duration(i) * time.Hour); !math.IsNaN(v) && !ts.Before(first) && !ts.After(last) {
				want++
			}
		}
	}
	s.until("all of the history", func(context.Context) (bool, error) { return filled(s) >= want, nil })
	if got := filled(s); got != want || want < 2*hours {
		t.Errorf("%d hours in the record, want %d", got, want)
	}
	cmd, said = command(s)
	before = sim.Info().Requests
	if err := cmd.Run(); err != nil || sim.Info().Requests != before {
		t.Errorf("repeated: %v, %d requests, it said %s", err, sim.Info().Requests-before, said)
	}
	// What runs can be listed.
	var list bytes.Buffer
	cmd = exec.CommandContext(t.Context(), program(t, dir, "bellwether"), "sources", "list", "--json", "--nats-url="+s.busURL)
	cmd.Stdout = &list
	var sources []struct{ Name, Kind string }
	if err := cmd.Run(); err != nil || json.Unmarshal(list.Bytes(), &sources) != nil || len(sources) != 1 || sources[0].Kind != "eia" {
		t.Errorf("sources list: %v, %s", err, &list)
	}
}
