package e2e

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
)

// TestServicesMayStartBeforeBusAndStore starts the services first, as happens on a cluster, and then what they need.
func TestServicesMayStartBeforeBusAndStore(t *testing.T) {
	dir, bus, store := t.TempDir(), freeAddr(t), freeAddr(t)
	services := exec.Command(program(t, dir, "bellwether"), "up", "--embed=none", "--nats-url=nats://"+bus, "--nats-connect-wait=500ms",
		"--clickhouse-addr="+store, "--ingestor-areas=TVA", "--ingestor-eia-key=TEST", "--ingestor-poll=0s", "--ingestor-eia-url=http://127.0.0.1:1")
	if err := services.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- services.Wait() }()
	t.Cleanup(func() { _ = services.Process.Kill() })

	s := launch(t, dir, "--services=none", "--dir="+dir+"/data", "--bus-addr="+bus, "--store-addr="+store)
	s.until("five services to answer", func(ctx context.Context) (bool, error) {
		up, err := s.bus.Ping(ctx)
		return err == nil && len(up) == 5, nil
	})
	if err := services.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the services ended with %v, want a clean end", err)
	}
}
