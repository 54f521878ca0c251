package natsserver_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg natsserver.Config) *natsserver.Server {
	t.Helper()
	s, err := natsserver.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *natsserver.Server) *natsio.Bus {
	t.Helper()
	b, err := natsio.Connect(t.Context(), natsio.Config{URL: s.URL(), ConnectWait: 5 * time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// What was acknowledged is there when the server is opened again.
func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	log, lines := observer.New(zap.DebugLevel)
	s := open(t, natsserver.Config{Dir: dir, Addr: ":0", Log: zap.New(log)})
	b := connect(t, s)
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	m := stage.Message{Subject: "bw.obs.raw.test.A", ID: "1", Data: make([]byte, 7<<20)} // near the limit
	if err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.Close()
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if lines.FilterMessage("nats server").Len() == 0 {
		t.Error("the server's log lines did not reach the logger")
	}

	s = open(t, natsserver.Config{Dir: dir, Addr: ":0"})
	got, found, err := connect(t, s).Last(t.Context(), wire.StreamObs, wire.AllRaw)
	if err != nil || !found || got.ID != "1" || len(got.Data) != len(m.Data) {
		t.Errorf("after opening again: found %v, id %q, %d bytes, %v", found, got.ID, len(got.Data), err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := busy.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, tc := range map[string]struct {
		cfg  natsserver.Config
		want []string // in the error: the setting, its value, and what to do
	}{
		"no dir":      {natsserver.Config{Addr: ":0"}, []string{"nats dir", "empty", "name a folder"}},
		"dir is file": {natsserver.Config{Dir: file, Addr: ":0"}, []string{"nats dir", file, "choose a folder"}},
		"busy port":   {natsserver.Config{Dir: dir, Addr: busy.Addr().String()}, []string{"nats addr", busy.Addr().String(), "choose another port"}},
		"no port":     {natsserver.Config{Dir: dir, Addr: "localhost"}, []string{"nats addr", "localhost", "host:port"}},
		"bad port":    {natsserver.Config{Dir: dir, Addr: "localhost:nats"}, []string{"nats addr", "not a number"}},
		"limits":      {natsserver.Config{Dir: dir, Addr: ":0", MaxStore: -1, MaxMemory: -2}, []string{"nats max store: -1", "nats max memory: -2"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := natsserver.Open(t.Context(), tc.cfg)
			if err == nil {
				t.Fatal("Open succeeded", s.Close(t.Context()))
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
}
