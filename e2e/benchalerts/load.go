package benchalerts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// memoryState is a bucket in memory.
type memoryState struct {
	mu     sync.Mutex
	values map[string][]byte
}

func newState() *memoryState { return &memoryState{values: map[string][]byte{}} }

// Keys implements monitor.State, as do Get, Put and Delete.
func (s *memoryState) Keys(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.values)), nil
}

// Get implements monitor.State.
func (s *memoryState) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], nil
}

// Put implements monitor.State.
func (s *memoryState) Put(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = bytes.Clone(value)
	return nil
}

// Delete implements monitor.State.
func (s *memoryState) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

// counted counts what is published and drops it.
type counted struct{ n int }

// Publish implements stage.Publisher.
func (c *counted) Publish(_ context.Context, msgs ...stage.Message) error {
	c.n += len(msgs)
	return nil
}

// nowhere takes rows: the record is not what is measured here.
type nowhere struct{}

// Write implements stage.Sink.
func (nowhere) Write(context.Context, string, []stage.Row) error { return nil }

// throughput returns how many events a second the monitor handles, decoding included, from the mix that a pipeline of
// thousands of series says: ages of data, lag of consumers, heartbeats, and errors that stand and are repeated.
func throughput(ctx context.Context, n int) (float64, error) {
	cfg := monitor.DefaultConfig()
	h, err := monitor.New(cfg, newState(), nil)
	if err != nil {
		return 0, err
	}
	msgs := mix()
	start := time.Now()
	for i := range n {
		m := msgs[i%len(msgs)]
		m.Time = start.Add(time.Duration(i) * 20 * time.Microsecond)
		if _, err := h.Handle(ctx, m); err != nil {
			return 0, err
		}
		if i%10_000 == 0 {
			if err := h.Flush(ctx, nowhere{}, &counted{}); err != nil {
				return 0, err
			}
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

func mix() []stage.Message {
	var out []stage.Message
	add := func(e event.Event) {
		e.ID, e.Instance, e.At = fmt.Sprintf("load.%d", len(out)), "a", time.Now()
		m := wire.EncodeEvent(e)
		m.Attempt = 1
		out = append(out, m)
	}
	for i := range 3000 {
		add(event.Event{Service: event.Ingestor, Lag: &event.Lag{
			Series: series.ID{Source: "eia", Key: fmt.Sprintf("S%04d", i)}, DataAge: time.Hour, ExpectedAge: 2 * time.Hour,
		}})
		if i%10 == 0 {
			for _, service := range event.Services() {
				add(event.Event{Service: service, Heartbeat: &event.Heartbeat{State: "running", Version: "1", Interval: 5 * time.Second}})
				add(event.Event{Service: service, Lag: &event.Lag{Stream: wire.StreamObs, Consumer: service, Pending: uint64(i), AckFloor: uint64(i)}})
			}
		}
		if i%30 == 0 {
			add(event.Event{Service: event.Ingestor, Error: &event.Error{
				Class: event.DataIntegrity, Code: "upstream_unavailable", Subject: "eia", Condition: event.Raised, Severity: event.Warning, Message: "status 503",
			}})
		}
	}
	return out
}

// hold is the process whose memory is measured.
type hold struct {
	N int `arg:""`
}

// Run implements the command: it raises the alerts, tells them, and prints the resident memory in MB.
func (x *hold) Run(ctx context.Context, out io.Writer) error {
	cfg := monitor.DefaultConfig()
	cfg.Expect, cfg.MaxOpen = nil, x.N+1
	h, err := monitor.New(cfg, newState(), nil)
	if err != nil {
		return err
	}
	told := &counted{}
	for i := range x.N {
		m := wire.EncodeEvent(event.Event{ID: fmt.Sprintf("hold.%d", i), Service: event.Ingestor, Instance: "a", At: time.Now(), Error: &event.Error{
			Class: event.DataIntegrity, Code: "upstream_unavailable", Subject: fmt.Sprintf("eia.S%06d", i), Condition: event.Raised, Severity: event.Warning, Message: "status 503",
		}})
		m.Time, m.Attempt = time.Now(), 1
		if _, err := h.Handle(ctx, m); err != nil {
			return err
		}
		if i%5000 == 0 || i == x.N-1 {
			if err := h.Flush(ctx, nowhere{}, told); err != nil {
				return err
			}
		}
	}
	if err := h.Flush(ctx, nowhere{}, told); err != nil {
		return err
	}
	if s := h.Stats(); s.Open != x.N || s.Unsaid != 0 || told.n < x.N {
		return fmt.Errorf("%d open, %d unsaid, %d told, want %d open and told: %w", s.Open, s.Unsaid, told.n, x.N, errFailed)
	}
	mb, err := resident("self")
	if err == nil {
		fmt.Fprintf(out, "%.1f\n", mb)
	}
	runtime.KeepAlive(h)
	return err
}

// memory returns the resident memory, in MB, of a process that holds n open alerts and, in its own memory too, the bucket
// in which they are kept.
func memory(ctx context.Context, n int) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, "hold", strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	data, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("hold %d alerts: %w", n, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(data)), 64)
}

var errNoRSS = errors.New("no VmHWM")

// resident returns the most memory that a process had resident so far, in MB (Linux).
func resident(pid string) (float64, error) {
	data, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kb / 1024, err
		}
	}
	return 0, errNoRSS
}
