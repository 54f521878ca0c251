package chaos

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Weather is how a link treats what passes. The zero value passes everything at once.
type Weather struct {
	Cut   bool          // connections are closed, new ones at once
	Hole  bool          // nothing passes, and nobody is told
	Delay time.Duration // of every chunk
	Rate  int           // bytes a second in each direction; 0 means any
}

// chunk is what a link forwards at once.
const chunk = 16 << 10

// Link is a TCP proxy between two processes.
type Link struct {
	listener net.Listener
	target   string
	ctx      context.Context // of all connections
	cancel   context.CancelFunc
	tasks    sync.WaitGroup

	mu      sync.Mutex
	weather Weather
	changed chan struct{} // closed when the weather changes
	conns   map[net.Conn]bool
}

// NewLink listens on a free port of loopback and forwards to target.
func NewLink(ctx context.Context, target string) (*Link, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("link to %s: %w", target, err)
	}
	l := &Link{listener: listener, target: target, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.tasks.Go(l.accept)
	return l, nil
}

// Addr returns where the link listens.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Set changes the weather.
func (l *Link) Set(w Weather) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.weather = w
	close(l.changed)
	l.changed = make(chan struct{})
	if w.Cut {
		for c := range l.conns {
			_ = c.Close()
		}
	}
}

// Close ends the link and all its connections.
func (l *Link) Close() {
	l.cancel()
	_ = l.listener.Close()
	l.Set(Weather{Cut: true})
	l.tasks.Wait()
}

func (l *Link) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.tasks.Go(func() { l.serve(c) })
	}
}

// serve forwards one connection until either end closes it.
func (l *Link) serve(c net.Conn) {
	defer l.drop(c)
	if !l.keep(c) {
		return
	}
	up, err := (&net.Dialer{}).DialContext(l.ctx, "tcp", l.target)
	if err != nil {
		return // as if nobody listened
	}
	defer l.drop(up)
	if !l.keep(up) {
		return
	}
	var both sync.WaitGroup
	for _, d := range [2][2]net.Conn{{c, up}, {up, c}} {
		both.Go(func() {
			l.pump(d[0], d[1])
			_, _ = c.Close(), up.Close()
		})
	}
	both.Wait()
}

func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.weather.Cut {
		return false
	}
	l.conns[c] = true
	return true
}

func (l *Link) drop(c net.Conn) {
	_ = c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

func (l *Link) pump(from, to net.Conn) {
	buf := make([]byte, chunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !l.pass(n) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass returns when n bytes may pass, or false when the link is closed.
func (l *Link) pass(n int) bool {
	started := time.Now()
	for {
		l.mu.Lock()
		w, changed := l.weather, l.changed
		l.mu.Unlock()
		wait := w.Delay
		if w.Rate > 0 {
			wait += time.Duration(n) * time.Second / time.Duration(w.Rate)
		}
		wait -= time.Since(started)
		if !w.Hole && wait <= 0 {
			return true
		}
		if w.Hole {
			wait = time.Hour // until the weather changes
		}
		t := time.NewTimer(wait)
		select {
		case <-changed:
		case <-t.C:
		case <-l.ctx.Done():
			t.Stop()
			return false
		}
		t.Stop()
	}
}
