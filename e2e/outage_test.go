package e2e

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// TestStoreOutageIsToldAndLosesNothing kills the store (kill -9) under a running pipeline. The alert must come while the
// store is away, and everything fetched meanwhile must be in the record when it is back.
func TestStoreOutageIsToldAndLosesNothing(t *testing.T) {
	sim, url := source(t)
	begin := sim.Info().Last.AddDate(0, -8, 0).Truncate(24 * time.Hour)
	sim.SetNow(begin)
	dir, addr := t.TempDir(), freeAddr(t)
	// The bus of this process is a spare one: every launch has a bus and a store to connect to.
	openStore := func() *stack {
		return launch(t, dir, "--services=none", "--dir="+dir+"/store", "--store-addr="+addr, "--bus-addr=127.0.0.1:0")
	}
	store := openStore()
	s := start(t, dir, "--embed=bus", "--clickhouse-addr="+addr, "--ingestor-eia-url="+url, "--clickhouse-cooldown=500ms",
		"--monitor-keep-firing-for=0s", "--monitor-settle-for=1s")
	alerts := follow(t, s.bus)
	if err := s.refresh(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	s.settle()

	store.kill()
	now := begin.Add(time.Hour)
	sim.SetNow(now)
	// The refresh itself fails at its log line, after it has published.
	if err := s.refresh(t.Context(), now); err == nil {
		t.Error("a refresh whose log line could not be written was called a success")
	}
	await(t, alerts, "store_unavailable", event.Firing)
	store = openStore()
	await(t, alerts, "store_unavailable", event.Resolved)
	if err := s.refresh(t.Context(), now); err != nil {
		t.Errorf("refresh after the outage: %v", err)
	}
	s.settle()
	if got := store.number("SELECT countIf(data_cut >= toDateTime(" + unix(begin) + ", 'UTC')) FROM (SELECT DISTINCT series, data_cut FROM v_forecasts)"); got != "3" {
		t.Errorf("%s series have a forecast from the hour of the outage, want 3", got)
	}
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// follow returns the alerts that are published from now on.
func follow(t *testing.T, bus *natsio.Bus) <-chan event.Alert {
	t.Helper()
	out := make(chan event.Alert, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = bus.Follow(ctx, natsio.FollowOptions{Stream: wire.StreamAlert, From: natsio.FromAll}, func(m stage.Message) error {
			a, err := wire.DecodeAlert(m.Data)
			if err == nil {
				out <- a
			}
			return err
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// await reads alerts until one of that name is in that state.
func await(t *testing.T, alerts <-chan event.Alert, name string, state event.State) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		select {
		case a := <-alerts:
			t.Logf("alert %s %s: %s", a.Name, a.State, a.Cause)
			if a.Name == name && a.State == state {
				return
			}
		case <-timeout.C:
			t.Fatalf("waited %s for alert %s to be %s", patience, name, state)
		}
	}
}
