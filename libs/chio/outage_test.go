package chio

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
)

// link is a TCP connection to the store that can be cut and mended.
type link struct {
	addr string
	t    *testing.T
	stop context.CancelFunc
	done sync.WaitGroup
}

func newLink(t *testing.T) *link {
	t.Helper()
	l := &link{addr: "127.0.0.1:0", t: t}
	l.mend()
	t.Cleanup(l.cut)
	return l
}

// mend listens on the address of the link and forwards what comes.
func (l *link) mend() {
	l.t.Helper()
	listener, err := net.Listen("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.addr = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	l.done.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			l.done.Go(func() { forward(ctx, c) })
		}
	})
}

// cut refuses new connections and breaks the old ones.
func (l *link) cut() {
	l.stop()
	l.done.Wait()
}

func forward(ctx context.Context, client net.Conn) {
	server, err := net.Dial("tcp", engine.Addr())
	if err != nil {
		_ = client.Close()
		return
	}
	both := func() { _, _ = client.Close(), server.Close() }
	stop := context.AfterFunc(ctx, both)
	defer stop()
	var g sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		g.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			both()
		})
	}
	g.Wait()
}

func TestOutage(t *testing.T) {
	cfg := config(t)
	if _, err := Migrate(t.Context(), cfg, Options{}); err != nil {
		t.Fatal(err)
	}
	l := newLink(t)
	cfg.Addr, cfg.Failures, cfg.Cooldown = l.addr, 3, 50*time.Millisecond
	s := connect(t, cfg)
	write(t, s, "before", observed("eia.PJM", 0, 1)...)

	l.cut()
	rows := observed("eia.PJM", 1, 2)
	for i := range 3 {
		if err := s.Write(t.Context(), "during", rows); !errors.Is(err, ErrUnavailable) || errors.Is(err, breaker.ErrOpen) {
			t.Fatalf("write %d without a store returned %v, want ErrUnavailable", i, err)
		}
	}
	if got := s.Breaker(); got != breaker.Open {
		t.Fatalf("breaker is %s after 3 failures, want open", got)
	}
	if err := s.Write(t.Context(), "during", rows); !errors.Is(err, ErrUnavailable) || !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("write behind an open breaker returned %v, want ErrUnavailable and ErrOpen", err)
	}
	if _, err := s.Tail(t.Context(), pjm, 1); !errors.Is(err, breaker.ErrOpen) {
		t.Errorf("read behind an open breaker returned %v, want ErrOpen", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, ErrUnavailable) || errors.Is(err, breaker.ErrOpen) {
		t.Errorf("ping returned %v, want what the network says", err)
	}

	l.mend()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for err := errors.New("not tried"); err != nil; {
		select {
		case <-tick.C:
			err = s.Write(t.Context(), "during", rows)
		case <-t.Context().Done():
			t.Fatal("the store never came back")
		}
	}
	if got := s.Breaker(); got != breaker.Closed {
		t.Errorf("breaker is %s after a write, want closed", got)
	}
	if n := count(t, s, "observations"); n != 2 {
		t.Errorf("%d observations, want 2", n)
	}
}

func TestOpenWithoutStore(t *testing.T) {
	cfg := config(t)
	l := newLink(t)
	cfg.Addr = l.addr
	l.cut()
	if _, err := Open(t.Context(), cfg, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Open returned %v, want ErrUnavailable", err)
	}
	if _, err := Migrate(t.Context(), cfg, Options{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Migrate returned %v, want ErrUnavailable", err)
	}
	if _, err := Open(t.Context(), Config{}, nil); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("Open of an empty config returned %v, want what is wrong with it", err)
	}
}

// A caller that gives up says nothing about the store.
func TestCancelledCallsKeepTheBreakerClosed(t *testing.T) {
	cfg := config(t)
	cfg.Failures = 1
	cfg.Database = "default"
	s := connect(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if _, _, err := s.Query(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
			t.Errorf("a cancelled query returned %v", err)
		}
	}
	if got := s.Breaker(); got != breaker.Closed {
		t.Errorf("breaker is %s, want closed", got)
	}
}

func TestSlowStoreIsUnavailable(t *testing.T) {
	cfg := config(t)
	cfg.Database, cfg.QueryTimeout = "default", 100*time.Millisecond
	s := connect(t, cfg)
	if _, _, err := s.Query(t.Context(), "SELECT sleep(2)"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a query that takes too long returned %v, want ErrUnavailable", err)
	}
}
