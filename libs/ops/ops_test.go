package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/ops"
)

func TestLoggerWritesOneJSONObjectALine(t *testing.T) {
	var out bytes.Buffer
	log, err := ops.Logger(&out, "info")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("hidden")
	log.Named("nats").Info("connected", zap.String("url", "nats://x"))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	for k, want := range map[string]string{"level": "info", "logger": "nats", "msg": "connected", "url": "nats://x"} {
		if line[k] != want {
			t.Errorf("%s = %v, want %s", k, line[k], want)
		}
	}
}

func TestLoggerRefusesUnknownLevel(t *testing.T) {
	if _, err := ops.Logger(io.Discard, "loud"); err == nil || !strings.Contains(err.Error(), "log-level") {
		t.Errorf("error = %v, want one that names log-level", err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServe(t *testing.T) {
	l, err := ops.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ops.Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "--http") {
		t.Errorf("second Listen = %v, want an error that names the flag", err)
	}
	var broken atomic.Bool
	ready := func() error {
		if broken.Load() {
			return errors.New("nats: not connected")
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ops.Serve(l, ops.Registry(), ready)(ctx) }()
	url := "http://" + l.Addr().String()
	for path, want := range map[string]string{"/livez": "ok\n", "/readyz": "ok\n", "/metrics": "go_goroutines"} {
		if code, body := get(t, url+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s = %d %.40q, want 200 with %q", path, code, body, want)
		}
	}
	broken.Store(true)
	if code, body := get(t, url+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not connected") {
		t.Errorf("GET /readyz = %d %q, want 503 with the cause", code, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve = %v, want nil after cancel", err)
	}
}
