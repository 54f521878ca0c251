package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
)

// childEnv marks a test binary that runs one test and starts its own engine,
// since the parent's engine is the only one of its process.
const childEnv = "BELLWETHER_CLICKHOUSE_CHILD"

// inChild runs the test in a process of its own and reports whether this is
// that process. env is added to the child's environment.
func inChild(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(childEnv) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	cmd.Env = append(append(os.Environ(), childEnv+"="+t.Name()), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	return false
}

func open(t *testing.T, cfg clickhouse.Config) *clickhouse.Server {
	t.Helper()
	s, err := clickhouse.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exec1(t *testing.T, s *clickhouse.Server, query string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	a := do(t, req)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %s", query, a.body)
	}
	return a.body
}

func closeServer(t *testing.T, s *clickhouse.Server, limit time.Duration) {
	t.Helper()
	start := time.Now()
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > limit {
		t.Errorf("Close took %v, want at most %v", d, limit)
	}
}

func TestReopen(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir, other := t.TempDir(), t.TempDir()
	s := open(t, clickhouse.Config{Dir: dir})
	exec1(t, s, "CREATE TABLE kept (x UInt8) ENGINE = MergeTree ORDER BY x")
	exec1(t, s, "INSERT INTO kept VALUES (42)")
	closeServer(t, s, 3*time.Second)
	closeServer(t, s, time.Second) // idempotent

	s = open(t, clickhouse.Config{Dir: other})
	if got := exec1(t, s, "SHOW TABLES"); got != "" {
		t.Errorf("a new directory has tables: %q", got)
	}
	closeServer(t, s, 3*time.Second)

	for range 5 {
		s = open(t, clickhouse.Config{Dir: dir, Connections: 2})
		if got := exec1(t, s, "SELECT x FROM kept"); got != "42\n" {
			t.Errorf("reopened table holds %q, want 42", got)
		}
		closeServer(t, s, 3*time.Second)
	}
}

func TestOneEnginePerProcess(t *testing.T) {
	_, err := clickhouse.Open(t.Context(), clickhouse.Config{Dir: t.TempDir()})
	if !errors.Is(err, clickhouse.ErrInUse) || !strings.Contains(err.Error(), "one engine") {
		t.Errorf("second Open: %v, want ErrInUse that says a process can run one engine", err)
	}
}

func TestOneProcessPerDir(t *testing.T) {
	const dirEnv = "BELLWETHER_CLICKHOUSE_TEST_DIR"
	dir := ""
	if server != nil {
		dir = strings.TrimSpace(exec1(t, server, "SELECT path FROM system.disks WHERE name = 'default'"))
	}
	if !inChild(t, dirEnv+"="+dir) {
		return
	}
	_, err := clickhouse.Open(t.Context(), clickhouse.Config{Dir: os.Getenv(dirEnv)})
	if !errors.Is(err, clickhouse.ErrInUse) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Open of a directory in use: %v, want ErrInUse that names another process", err)
	}
}

func TestBadConfig(t *testing.T) {
	if !inChild(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "no", "such")
	for name, tc := range map[string]struct {
		cfg  clickhouse.Config
		want []string
	}{
		"no dir":         {cfg: clickhouse.Config{}, want: []string{"dir is empty"}},
		"no parent":      {cfg: clickhouse.Config{Dir: missing}, want: []string{"dir", missing, "does not exist", "create it"}},
		"a file":         {cfg: clickhouse.Config{Dir: file}, want: []string{"dir", file, "not a directory"}},
		"below a file":   {cfg: clickhouse.Config{Dir: filepath.Join(file, "x")}, want: []string{"dir", file, "choose a dir"}},
		"not writable":   {cfg: clickhouse.Config{Dir: "/proc/self"}, want: []string{"dir", "/proc/self", "writable"}},
		"bad addr":       {cfg: clickhouse.Config{Dir: t.TempDir(), Addr: "nowhere"}, want: []string{"addr", "nowhere"}},
		"negative sizes": {cfg: clickhouse.Config{Dir: "x", Connections: -1, MaxMemory: -1, MaxBody: -1, MarkCache: -1}, want: []string{"connections is -1", "max memory is -1", "max body is -1", "mark cache is -1"}},
		"log table":      {cfg: clickhouse.Config{Dir: "x", QueryLog: "query_log"}, want: []string{"query log is", "database.table"}},
		"one name":       {cfg: clickhouse.Config{Dir: "x", User: "analyst", Analyst: clickhouse.Analyst{Password: "x"}}, want: []string{"analyst user is \"analyst\"", "different names"}},
		"analyst":        {cfg: clickhouse.Config{Dir: "x", Analyst: clickhouse.Analyst{Password: "x", MaxTime: -1}}, want: []string{"analyst", "-1ns"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := clickhouse.Open(t.Context(), tc.cfg)
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v does not say %q", err, want)
				}
			}
		})
	}
	// Whatever failed before must not keep the process from a good start.
	closeServer(t, open(t, clickhouse.Config{Dir: t.TempDir()}), 3*time.Second)
}

// The engine is asked what it goes by.
func TestLimits(t *testing.T) {
	if !inChild(t) {
		return
	}
	s := open(t, clickhouse.Config{Dir: t.TempDir(), MaxMemory: 300 << 20, MarkCache: 10 << 20})
	defer closeServer(t, s, 3*time.Second)
	const settings = "SELECT name, value FROM system.server_settings WHERE name IN ('mark_cache_size', 'max_server_memory_usage', 'primary_index_cache_size') ORDER BY name"
	if got, want := exec1(t, s, settings), "mark_cache_size\t10485760\nmax_server_memory_usage\t314572800\nprimary_index_cache_size\t10485760\n"; got != want {
		t.Errorf("limits are\n%s, want\n%s", got, want)
	}
	server = s
	if a := post(t, "SELECT length(range(100000000))", nil, nil); a.code != "241" {
		t.Errorf("a statement that needs gigabytes: code %q, want 241; %.200s", a.code, a.body)
	}
	if got := exec1(t, s, "SELECT 1"); got != "1\n" {
		t.Errorf("after that: %q", got)
	}
	if a := post(t, "1 + 1", nil, nil); a.code != "62" {
		t.Errorf("an expression is taken for a query: %+v", a)
	}
}

func TestCloseWhileRunning(t *testing.T) {
	if !inChild(t) {
		return
	}
	s := open(t, clickhouse.Config{Dir: t.TempDir()})
	conn, err := ch.Open(&ch.Options{Addr: []string{s.Addr()}, Protocol: ch.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // the grace period
	defer cancel()
	g := errgroup.Group{}
	g.Go(func() error {
		err := conn.Exec(t.Context(), "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number)) FORMAT Null")
		if err == nil {
			return errors.New("the statement ended by itself")
		}
		return nil
	})
	server = s
	waitFor(t, 1)
	start := time.Now()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("Close took %v", d)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// The Go runtime must keep its signal handlers: for SIGTERM, and for the
// SIGSEGV it turns into a panic.
func TestSignals(t *testing.T) {
	if !inChild(t) {
		return
	}
	s := open(t, clickhouse.Config{Dir: t.TempDir()})
	defer closeServer(t, s, 3*time.Second)
	ctx, stop := signal.NotifyContext(t.Context(), syscall.SIGTERM)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "nil pointer") {
			t.Errorf("recovered %v, want a nil pointer dereference", r)
		}
	}()
	var p *clickhouse.Config
	p.Dir = "x"
}

func TestPasswordAndMaxBody(t *testing.T) {
	if !inChild(t) {
		return
	}
	s := open(t, clickhouse.Config{Dir: t.TempDir(), User: "bw", Password: "secret", MaxBody: 100})
	defer closeServer(t, s, 3*time.Second)
	for name, tc := range map[string]struct {
		edit func(*http.Request)
		want int
	}{
		"none":           {edit: func(*http.Request) {}, want: 403},
		"wrong password": {edit: func(r *http.Request) { r.SetBasicAuth("bw", "x") }, want: 403},
		"wrong user":     {edit: func(r *http.Request) { r.SetBasicAuth("x", "secret") }, want: 403},
		"basic":          {edit: func(r *http.Request) { r.SetBasicAuth("bw", "secret") }, want: 200},
		"headers": {edit: func(r *http.Request) {
			r.Header.Set("X-ClickHouse-User", "bw")
			r.Header.Set("X-ClickHouse-Key", "secret")
		}, want: 200},
		"parameters": {edit: func(r *http.Request) { r.URL.RawQuery = "user=bw&password=secret" }, want: 200},
		"large body": {edit: func(r *http.Request) { r.SetBasicAuth("bw", "secret"); setBody(r, strings.Repeat("SELECT 1 ", 100)) }, want: 413},
		"bad gzip":   {edit: func(r *http.Request) { r.SetBasicAuth("bw", "secret"); r.Header.Set("Content-Encoding", "gzip") }, want: 400},
		"bad zstd":   {edit: func(r *http.Request) { r.SetBasicAuth("bw", "secret"); r.Header.Set("Content-Encoding", "zstd") }, want: 400},
		"snappy":     {edit: func(r *http.Request) { r.SetBasicAuth("bw", "secret"); r.Header.Set("Content-Encoding", "snappy") }, want: 500},
		"bad blocks": {edit: func(r *http.Request) { r.SetBasicAuth("bw", "secret"); r.URL.RawQuery = "decompress=1" }, want: 400},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			setBody(req, "SELECT 1")
			tc.edit(req)
			if got := do(t, req); got.status != tc.want {
				t.Errorf("status %d, want %d; body %s", got.status, tc.want, got.body)
			}
		})
	}
}
