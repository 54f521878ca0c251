package chaos

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echo starts a server that sends every line back.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	return l.Addr().String()
}

// client is a connection through a link.
type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, l *Link) client {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{c, bufio.NewReader(c)}
}

// ask sends a line and waits for it to come back.
func (c client) ask(line string, patience time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	got, err := c.lines.ReadString('\n')
	if err == nil && got != line+"\n" {
		err = fmt.Errorf("got %q, want %q", got, line)
	}
	return err
}

func link(t *testing.T) *Link {
	t.Helper()
	l, err := NewLink(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

const long = 10 * time.Second

func TestLinkPasses(t *testing.T) {
	c := dial(t, link(t))
	for _, line := range []string{"a", "b"} {
		if err := c.ask(line, long); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinkCuts(t *testing.T) {
	l := link(t)
	c := dial(t, l)
	if err := c.ask("a", long); err != nil {
		t.Fatal(err)
	}
	l.Set(Weather{Cut: true})
	if err := c.ask("b", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("on a cut connection: %v, want it closed", err)
	}
	if err := dial(t, l).ask("c", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("on a new connection: %v, want it closed", err)
	}
	l.Set(Weather{})
	if err := dial(t, l).ask("d", long); err != nil {
		t.Errorf("when mended: %v", err)
	}
}

// TestLinkSwallows sees nothing pass, and everything once the hole is mended.
func TestLinkSwallows(t *testing.T) {
	l := link(t)
	c := dial(t, l)
	if err := c.ask("a", long); err != nil {
		t.Fatal(err)
	}
	l.Set(Weather{Hole: true})
	if err := c.ask("b", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("in a black hole: %v, want no answer", err)
	}
	l.Set(Weather{})
	if err := c.SetDeadline(time.Now().Add(long)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); got != "b\n" {
		t.Errorf("after it: %q, %v, want what was sent into it", got, err)
	}
}

func TestLinkDelays(t *testing.T) {
	l := link(t)
	c := dial(t, l)
	for name, w := range map[string]Weather{"by time": {Delay: 100 * time.Millisecond}, "by rate": {Rate: 20}} { // two bytes each way
		l.Set(w)
		began := time.Now()
		if err := c.ask("x", long); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 190*time.Millisecond {
			t.Errorf("%s: there and back took %s, want 200ms at least", name, took)
		}
	}
}
