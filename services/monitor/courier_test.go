package monitor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// hook is a receiver that answers as it is told and remembers what it was posted.
type hook struct {
	mu     sync.Mutex
	status []int // of the next posts; 200 when none is left
	posts  []map[string]any
	keys   []string
	woken  chan struct{}
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.posts = append(h.posts, body)
	h.keys = append(h.keys, r.Header.Get("Idempotency-Key"))
	status := http.StatusOK
	if len(h.status) > 0 {
		status, h.status = h.status[0], h.status[1:]
	}
	w.WriteHeader(status)
	h.woken <- struct{}{}
}

func (h *hook) await(t *testing.T) {
	t.Helper()
	select {
	case <-h.woken:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was posted within 20 s")
	}
}

// letters takes dead letters.
type letters chan stage.Message

func (l letters) Publish(_ context.Context, msgs ...stage.Message) error {
	for _, m := range msgs {
		l <- m
	}
	return nil
}

// told is a bus that has room for everything.
type toldBus struct{}

func (toldBus) Publish(context.Context, ...stage.Message) error { return nil }

// courierAt runs a monitor with a receiver pager at url and its courier, and raises an alert.
func courierAt(t *testing.T, url string) (*Handler, letters) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	secret := filepath.Join(t.TempDir(), "url")
	rules := "version: 1\nreceivers: [{name: pager, webhook: {url_file: " + secret + ", give_up_after: 3s}}]\n" +
		"routes: [{match: ['name=\"upstream_unavailable\"'], receiver: pager, group_by: [name], group_wait: 0s, group_interval: 100ms}]\n"
	for name, data := range map[string]string{path: rules, secret: url + "\n"} {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := quietConfig()
	cfg.Rules, cfg.KeepFiringFor, cfg.SettleFor = path, 0, 0
	w := newWorld(t, quietConfig())
	h, err := New(cfg, (*memoryState)(w), nil)
	if err != nil {
		t.Fatal(err)
	}
	dead := make(letters, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = (&courier{h: h, client: http.DefaultClient, dead: dead, log: zap.NewNop()}).run(ctx)
	})
	t.Cleanup(func() { cancel(); wg.Wait(); http.DefaultClient.CloseIdleConnections() })
	hear(t, h, "1", event.Raised)
	flushNow(t, h)
	return h, dead
}

func hear(t *testing.T, h *Handler, id string, c event.Condition) {
	t.Helper()
	m := wire.EncodeEvent(event.Event{ID: id, Service: event.Ingestor, Instance: "i", At: time.Now(), Error: &event.Error{
		Class: event.DataIntegrity, Code: "upstream_unavailable", Subject: "eia", Condition: c, Severity: event.Warning, Message: "status 503",
	}})
	m.Time, m.Attempt = time.Now(), 1
	if _, err := h.Handle(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func flushNow(t *testing.T, h *Handler) {
	t.Helper()
	if err := h.Flush(t.Context(), discard{}, toldBus{}); err != nil {
		t.Fatal(err)
	}
}

// The oracle of the form is Alertmanager's documentation of webhook_config, version 4.
func TestCourierPostsAlertmanagersPayload(t *testing.T) {
	pager := &hook{status: []int{503}, woken: make(chan struct{}, 10)}
	s := httptest.NewServer(pager)
	defer s.Close()
	courierAt(t, s.URL)
	pager.await(t) // refused for now
	pager.await(t) // the second try
	pager.mu.Lock()
	defer pager.mu.Unlock()
	if pager.keys[0] == "" || pager.keys[0] != pager.keys[1] {
		t.Errorf("keys of two tries are %q and %q, want the same", pager.keys[0], pager.keys[1])
	}
	got := pager.posts[1]
	a := got["alerts"].([]any)[0].(map[string]any)
	labels, notes := a["labels"].(map[string]any), a["annotations"].(map[string]any)
	for name, pair := range map[string][2]any{
		"version": {got["version"], "4"}, "status": {got["status"], "firing"}, "receiver": {got["receiver"], "pager"},
		"group": {got["groupLabels"].(map[string]any)["name"], "upstream_unavailable"}, "alert status": {a["status"], "firing"},
		"alertname": {labels["alertname"], "upstream_unavailable"}, "subject": {labels["subject"], "eia"}, "severity": {labels["severity"], "warning"},
		"common": {got["commonLabels"].(map[string]any)["subject"], "eia"}, "description": {notes["description"], "status 503"}, "end": {a["endsAt"], "0001-01-01T00:00:00Z"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
}

func TestCourierGivesUpAtOnceWhenRefused(t *testing.T) {
	pager := &hook{status: []int{401}, woken: make(chan struct{}, 10)}
	s := httptest.NewServer(pager)
	defer s.Close()
	h, dead := courierAt(t, s.URL)
	pager.await(t)
	select {
	case m := <-dead:
		if m.Subject != "bw.dlq.BW_ALERT.receiver_pager" || !strings.Contains(m.Header["Bw-Reason"], "401") || strings.Contains(m.Header["Bw-Reason"], s.URL) {
			t.Errorf("dead letter %s %v: want the status and no address, which may be a secret", m.Subject, m.Header)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("no dead letter")
	}
	for range 100 {
		open, err := h.Alerts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(open) == 2 {
			return
		}
		time.Sleep(20 * time.Millisecond) // until the courier has noted it
	}
	t.Error("receiver_failed is not raised")
}
