package natsserver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// diskEnv makes this test binary the process that may mount a small disk.
const diskEnv = "BELLWETHER_TEST_SMALL_DISK"

// A server whose disk was full takes messages again when there is room, and has all that it acknowledged.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(diskEnv); dir != "" {
		fillDisk(t, dir)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiskFull$", "-test.v")
	cmd.Env = append(os.Environ(), diskEnv+"="+t.TempDir())
	// A mount namespace of its own, so that the disk is gone with the process; who is not root needs a user namespace too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("this machine does not let the test mount a small disk")
	}
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func fillDisk(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Fatal(err)
	}
	s := open(t, natsserver.Config{Dir: filepath.Join(dir, "nats"), Addr: ":0"})
	b, err := natsio.Connect(t.Context(), natsio.Config{URL: s.URL(), Timeout: time.Second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := natsio.Provision(t.Context(), b, natsio.ProvisionOptions{}); err != nil {
		t.Fatal(err)
	}
	p := &numbered{bus: b}
	for range 50 {
		if err := p.publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 64<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v, want no space left", err)
	}
	full := time.Now().Add(30 * time.Second)
	for err = nil; err == nil && time.Now().Before(full); {
		err = p.publish(t.Context()) // what a block has room for still goes in
	}
	if !errors.Is(err, natsio.ErrUnavailable) {
		t.Fatalf("publish on a full disk: %v, want ErrUnavailable", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); p.publish(t.Context()) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the server takes no messages though its disk has room")
		}
	}
	p.compare(t)
}

// numbered publishes messages and remembers which of them were acknowledged.
type numbered struct {
	bus   *natsio.Bus
	n     int
	acked []string
}

func (p *numbered) publish(ctx context.Context) error {
	p.n++
	id := fmt.Sprint(p.n)
	err := p.bus.Publish(ctx, stage.Message{Subject: "bw.obs.raw.test.A", ID: id, Data: make([]byte, 4<<10)})
	if err == nil {
		p.acked = append(p.acked, id)
	}
	return err
}

func (p *numbered) compare(t *testing.T) {
	t.Helper()
	have := map[string]bool{}
	err := p.bus.Follow(t.Context(), natsio.FollowOptions{Stream: wire.StreamObs, From: natsio.FromAll, CaughtUp: true}, func(m stage.Message) error {
		have[m.ID] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range p.acked {
		if !have[id] {
			t.Errorf("message %s was acknowledged and is lost", id)
		}
	}
	t.Logf("%d messages acknowledged of %d", len(p.acked), p.n)
}
