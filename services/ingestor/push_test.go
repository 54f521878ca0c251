package ingestor

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// pushSpec describes a source of kind push for these keys, whose token is "t0ken".
func pushSpec(t *testing.T, keys ...string) Spec {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Defaults(KindPush)
	s.Name, s.Series, s.Push.TokenFile, s.Push.MaxBytes = "meters", keys, file, 4096
	s.Steps = []StepSpec{{Convert: &ConvertSpec{From: "kWh", To: "MWh"}}}
	return s
}

// pushed is an ingestor with one push source at the time at(now), and its memory bus.
func pushed(t *testing.T, s Spec, now int) (*Ingestor, *pipe) {
	t.Helper()
	p := &pipe{cursors: map[string][]byte{}, raised: map[string]event.Error{}}
	return reopen(t, s, p, now), p
}

// reopen is a new process on the same bus.
func reopen(t *testing.T, s Spec, p *pipe, now int) *Ingestor {
	t.Helper()
	g, err := OpenSpecs([]Spec{s}, Deps{Publisher: p, Sink: p, Cursors: p, Reporter: p, Now: func() time.Time { return at(now) }})
	if err != nil {
		t.Fatal(err)
	}
	g.leading.Store(true)
	return g
}

// send posts a body as a sender with the right token, changed by change.
func send(t *testing.T, g *Ingestor, body string, change func(*http.Request)) (int, map[string]any) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/v1/sources/meters/observations", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer t0ken")
	req.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(req)
	}
	w := httptest.NewRecorder()
	g.PushHandler().ServeHTTP(w, req)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return w.Code, out
}

func named(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Idempotency-Key", key) }
}

const (
	first  = `{"series":[{"key":"a","unit":"kWh","observations":[{"ts":"2024-03-01T01:00:00Z","value":1000},{"ts":"2024-03-01T02:00:00Z","value":null}]}]}`
	second = `{"series":[{"key":"a","observations":[{"ts":"2024-03-01T01:00:00Z","value":1000},{"ts":"2024-03-01T02:00:00Z","value":2000},{"ts":"2024-03-01T03:00:00Z","value":3000}]},{"key":"b","observations":[{"ts":"2024-03-01T03:00:00Z","value":7}]}]}`
)

// What is pushed goes the way of everything else: converted, only what is new, ids that depend on what is said.
func TestPush(t *testing.T) {
	g, p := pushed(t, pushSpec(t, "a", "b"), 3)
	status, got := send(t, g, first, nil)
	if status != 200 || got["new"] != 2.0 || got["observations"] != 2.0 {
		t.Fatalf("status %d, answer %v", status, got)
	}
	b := p.batches[0]
	if b.Unit != "MWh" || b.Origin != series.Backfill || !b.Final || !b.KnownAt.Equal(at(3)) || b.Obs[0].Value != 1 || !math.IsNaN(b.Obs[1].Value) {
		t.Errorf("first batch %+v", b)
	}
	p.take()
	status, got = send(t, g, second, nil)
	if status != 200 || got["new"] != 2.0 || got["revised"] != 1.0 || got["unchanged"] != 1.0 || got["series"] != 2.0 {
		t.Errorf("status %d, answer %v", status, got)
	}
	if p.batches[0].Origin != series.Refresh || p.batches[0].Final {
		t.Errorf("second batch %+v", p.batches[0])
	}
	if diff := cmp.Diff(map[string][]string{"a": {"2=2", "3=3"}, "b": {"3=0.007"}}, p.take()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	// A restarted process knows what was said before.
	g = reopen(t, pushSpec(t, "a", "b"), p, 9)
	if status, got = send(t, g, second, nil); status != 200 || got["unchanged"] != 4.0 || len(p.batches) != 0 {
		t.Errorf("after a restart: status %d, answer %v, published %v", status, got, p.take())
	}
	// One line of the refresh log, and the age of both series.
	if err := g.runners[0].Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run := p.runs[0]; len(p.runs) != 1 || run.Source != "meters" || run.Fetched != 4 || run.New != 0 || run.Series != 2 || run.Status != "ok" || run.RunID != got["run_id"] {
		t.Errorf("refresh log %+v, want one line of run %v", p.runs, got["run_id"])
	}
	if len(p.lags) != 2 || p.lags[0].DataAge != 6*time.Hour || p.lags[0].ExpectedAge != 2*time.Hour+5*time.Minute {
		t.Errorf("lags %+v", p.lags)
	}
}

// A history that is handed in late is a backfill, though the series is known.
func TestPushedHistoryIsABackfill(t *testing.T) {
	g, p := pushed(t, pushSpec(t, "a"), 3)
	send(t, g, first, nil)
	p.take()
	send(t, g, `{"series":[{"key":"a","observations":[{"ts":"2023-01-01T00:00:00Z","value":5}]}]}`, nil)
	if len(p.batches) != 1 || p.batches[0].Origin != series.Backfill || !p.batches[0].Final {
		t.Errorf("batches %+v", p.batches)
	}
}

func TestIdempotencyKey(t *testing.T) {
	s := pushSpec(t, "a", "b")
	g, p := pushed(t, s, 3)
	_, one := send(t, g, first, named("k1"))
	g = reopen(t, s, p, 4)
	status, again := send(t, g, first, named("k1"))
	if status != 200 || again["repeated"] != true || again["run_id"] != one["run_id"] || again["new"] != one["new"] {
		t.Errorf("status %d, answer %v, want that of the first, %v", status, again, one)
	}
	status, got := send(t, g, second, named("k1"))
	if status != 422 || !strings.Contains(problem(got), "Idempotency-Key: came before with another body; send a new key") {
		t.Errorf("status %d, answer %v", status, got)
	}
	if status, got = send(t, g, second, named("k2")); status != 200 || got["new"] != 2.0 {
		t.Errorf("status %d, answer %v", status, got)
	}
	// The oldest are forgotten when there are many.
	m := memory{runner: g.runners[0], name: "x", shard: g.runners[0].stateKey("\x00answered.00"), past: make([]answered, keptPerShard)}
	if err := m.remember(t.Context(), Taken{}); err != nil || len(m.past) != keptPerShard || m.past[keptPerShard-1].Name != "x" {
		t.Errorf("%d kept, error %v", len(m.past), err)
	}
}

// problem returns the first problem of an answer as one line.
func problem(answer map[string]any) string {
	list, _ := answer["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	p, _ := list[0].(map[string]any)
	return strings.Join([]string{p["field"].(string) + ": " + p["problem"].(string), p["fix"].(string)}, "; ")
}

func TestPushRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
		want   string
	}{
		"no token":       {first, func(r *http.Request) { r.Header.Del("Authorization") }, 401, "Authorization: no source of this name takes this token; send "},
		"wrong token":    {first, func(r *http.Request) { r.Header.Set("Authorization", "Bearer t0kem") }, 401, "Authorization: "},
		"no bearer":      {first, func(r *http.Request) { r.Header.Set("Authorization", "t0ken") }, 401, "Authorization: "},
		"another source": {first, func(r *http.Request) { r.URL.Path = "/v1/sources/eia/observations" }, 401, "Authorization: no source of this name takes this token; send "},
		"another path":   {first, func(r *http.Request) { r.URL.Path = "/v1/sources" }, 404, "path: POST /v1/sources is not served; send POST "},
		"GET":            {"", func(r *http.Request) { r.Method = http.MethodGet }, 404, "path: GET "},
		"form":           {first, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, `Content-Type: "text/plain"; send application/json`},
		"gzip":           {first, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "Content-Encoding: "},
		"too long":       {`{"series":[` + strings.Repeat(" ", 5000) + `]}`, nil, 413, "body: longer than 4096 bytes; send fewer "},
		"long key":       {first, named(strings.Repeat("k", 300)), 400, "Idempotency-Key: longer than 200 bytes; "},
		"not JSON":       {"x", nil, 400, "body: not JSON"},
		"unknown key":    {`{"series":[{"key":"z","observations":[{"ts":"2024-03-01T01","value":1}]}]}`, nil, 400, `series[0].key: "z" is not a series of this source; correct it, `},
		"wrong unit":     {`{"series":[{"key":"a","unit":"MWh","observations":[{"ts":"2024-03-01T01","value":1}]}]}`, nil, 400, `series[0].unit: "MWh", want "kWh"; `},
	} {
		t.Run(name, func(t *testing.T) {
			g, p := pushed(t, pushSpec(t, "a"), 3)
			status, got := send(t, g, tc.body, tc.change)
			if status != tc.status || !strings.HasPrefix(problem(got), tc.want) {
				t.Errorf("status %d, %q, want %d, %q", status, problem(got), tc.status, tc.want)
			}
			if len(p.batches) != 0 || len(p.cursors) != 0 {
				t.Errorf("something was kept: %v, %v", p.batches, p.cursors)
			}
		})
	}
}

// Nothing is answered 200 that the bus has not stored, and repeating the request loses and repeats nothing.
func TestPushWhileTheBusIsAway(t *testing.T) {
	g, p := pushed(t, pushSpec(t, "a"), 3)
	p.publishErr = errors.New("no stream")
	if status, got := send(t, g, first, named("k")); status != 503 || problem(got) != "service: not stored; repeat the request as it is, with the same Idempotency-Key" {
		t.Fatalf("status %d, %v", status, got)
	}
	p.publishErr, p.putErr = nil, errors.New("killed before the cursor was saved")
	if status, _ := send(t, g, first, named("k")); status != 503 {
		t.Fatalf("status %d", status)
	}
	ids := append([]string{}, p.ids...)
	p.take()
	p.putErr = nil
	status, got := send(t, reopen(t, pushSpec(t, "a"), p, 4), first, named("k"))
	if status != 200 || got["new"] != 2.0 || got["repeated"] != nil || !cmp.Equal(ids, p.ids) {
		t.Errorf("status %d, answer %v, ids %v, want %v", status, got, p.ids, ids)
	}
}

// What could not be written to the refresh log is in its next line.
func TestRefreshLogWaitsForTheStore(t *testing.T) {
	g, p := pushed(t, pushSpec(t, "a", "b"), 3)
	r := g.runners[0]
	send(t, g, first, nil)
	r.deps.Sink = refusing{}
	if err := r.Flush(t.Context()); err == nil {
		t.Fatal("no error of a store that is away")
	}
	r.deps.Sink = p
	send(t, g, second, nil)
	if err := r.Flush(t.Context()); err != nil || len(p.runs) != 1 || p.runs[0].New != 4 || p.runs[0].Revised != 1 || p.runs[0].Fetched != 6 {
		t.Errorf("error %v, refresh log %+v", err, p.runs)
	}
}

// refusing is a store that is away.
type refusing struct{}

func (refusing) Write(context.Context, string, []stage.Row) error { return errors.New("away") }

func TestOnlyTheLeaderTakes(t *testing.T) {
	g, _ := pushed(t, pushSpec(t, "a"), 3)
	g.leading.Store(false)
	if status, got := send(t, g, first, nil); status != 503 || !strings.Contains(problem(got), "another replica") {
		t.Errorf("status %d, %v", status, got)
	}
}

// A source that takes every key knows them after a restart, and misses one that has fallen silent.
func TestAnyKey(t *testing.T) {
	s := pushSpec(t, "*")
	g, p := pushed(t, s, 3)
	send(t, g, `{"series":[{"key":"meter 1","observations":[{"ts":"2024-03-01T01:00:00Z","value":1}]},{"key":"m.2","observations":[{"ts":"2024-03-01T02:00:00Z","value":1}]}]}`, nil)
	g = reopen(t, s, p, 20)
	if err := g.runners[0].Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ages := map[string]time.Duration{}
	for _, l := range p.lags {
		ages[l.Series.Key] = l.DataAge
	}
	if diff := cmp.Diff(map[string]time.Duration{"meter 1": 19 * time.Hour, "m.2": 18 * time.Hour}, ages); diff != "" {
		t.Errorf("ages (-want +got):\n%s", diff)
	}
}

// The loop writes the refresh log at every poll, and what is left at the end.
func TestReceiveFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, p := pushed(t, pushSpec(t, "a"), 3)
		g.deps.Now = time.Now
		ctx, cancel := cancelable(t)
		done := make(chan error, 1)
		go func() { done <- g.lead(ctx, nil) }()
		synctest.Wait()
		send(t, g, first, nil)
		time.Sleep(g.runners[0].spec.Poll + time.Second)
		synctest.Wait()
		if len(p.runs) != 1 || p.runs[0].New != 2 {
			t.Errorf("refresh log %+v", p.runs)
		}
		send(t, g, second[:strings.Index(second, `,{"key":"b"`)]+"]}", nil)
		cancel()
		if err := <-done; err != nil || len(p.runs) != 2 || p.runs[1].New != 1 || p.runs[1].Revised != 1 {
			t.Errorf("error %v, refresh log %+v", err, p.runs)
		}
	})
}

// The port answers requests in hand before it closes.
func TestServePush(t *testing.T) {
	g, _ := pushed(t, pushSpec(t, "a"), 3)
	ctx, cancel := cancelable(t)
	l, err := listen(t)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.servePush(ctx, l) }()
	resp, err := http.Post("http://"+l.Addr().String()+"/v1/sources/meters/observations", "application/json", strings.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" || strings.Contains(string(body), "t0ken") {
		t.Errorf("status %d, %s, error %v", resp.StatusCode, body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
