package benchalerts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// child is the process that is killed: the monitor as it runs in production, on a real bus and its bucket, without the
// lease that replicas share (the parent runs one at a time) and without the store.
type child struct {
	URL   string `arg:""`
	Rules string `arg:""`
}

// bucket is a natsio.KV in which what is not there is nil.
type bucket struct{ *natsio.KV }

// Get implements monitor.State.
func (b bucket) Get(ctx context.Context, key string) ([]byte, error) {
	value, _, err := b.KV.Get(ctx, key)
	return value, err
}

// Run implements the command.
func (c *child) Run(ctx context.Context) error {
	b, err := connect(ctx, c.URL, "monitor")
	if err != nil {
		return err
	}
	defer b.Close()
	kv, err := b.KV(ctx, wire.BucketAlert)
	if err != nil {
		return err
	}
	cfg := monitor.DefaultConfig()
	cfg.Expect, cfg.KeepFiringFor, cfg.SettleFor, cfg.Rules = nil, 0, 0, c.Rules
	h, err := monitor.New(cfg, bucket{kv}, nil)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return b.Consume(ctx, stage.Subscription{
			Stream: wire.StreamEvent, Consumer: event.Monitor, Filters: []string{wire.AllEvents}, Handler: h, Sink: nowhere{}, Exclusive: true, Batch: 256,
		})
	})
	g.Go(func() error {
		t := time.NewTicker(250 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-h.Woken():
			case <-ctx.Done():
				return nil
			}
			if err := h.Flush(ctx, nowhere{}, b); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "monitor:", err)
			}
		}
	})
	return g.Wait()
}

func connect(ctx context.Context, url, name string) (*natsio.Bus, error) {
	return natsio.Connect(ctx, natsio.Config{URL: url, Name: name, Timeout: 10 * time.Second, Window: 128}, zap.NewNop(), nil)
}

// ordeal is a bus, the events that were said on it, and what subscribers heard.
type ordeal struct {
	url   string
	rules string
	bus   *natsio.Bus

	mu      sync.Mutex
	said    map[string]int // transitions that must be told, by subject of the error
	heard   []event.Alert
	heardAt map[string]time.Time // first word of an occurrence, by the subject
	seq     int
	raised  map[string]bool
}

// result is what an ordeal found.
type result struct {
	lost, duplicate int
	p99             float64 // ms
}

// killed kills the monitor n times while events arrive, and compares what subscribers were told with what was said: each
// error that was raised fires once, each that was cleared resolves once, in turn.
func killed(ctx context.Context, out io.Writer, n, latency int) (r result, err error) {
	dir, err := os.MkdirTemp("", "benchalerts")
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := natsserver.Open(ctx, natsserver.Config{Dir: dir, Addr: "127.0.0.1:0"})
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	o := &ordeal{url: s.URL(), rules: dir + "/rules.yaml", said: map[string]int{}, raised: map[string]bool{}, heardAt: map[string]time.Time{}}
	// Alerts come and go faster here than anything that does not flap.
	if err := os.WriteFile(o.rules, []byte("version: 1\nflapping: {firings: 0, within: 0s, calm: 0s}\n"), 0o600); err != nil {
		return result{}, err
	}
	if o.bus, err = connect(ctx, o.url, "bench"); err != nil {
		return result{}, err
	}
	defer o.bus.Close()
	if _, err := natsio.Provision(ctx, o.bus, natsio.ProvisionOptions{Replicas: 1}); err != nil {
		return result{}, err
	}
	return o.run(ctx, out, n, latency)
}

func (o *ordeal) run(ctx context.Context, out io.Writer, n, latency int) (result, error) {
	follow, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error {
		err := o.bus.Follow(follow, natsio.FollowOptions{Stream: wire.StreamAlert, Subjects: []string{wire.AllAlerts}, From: natsio.FromAll}, o.hear)
		if follow.Err() == nil {
			return err
		}
		return nil
	})
	err := o.kill(ctx, out, n)
	var r result
	if err == nil {
		r.p99, err = o.settle(ctx, latency)
	}
	stop()
	if err := errors.Join(err, g.Wait()); err != nil {
		return r, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r.lost, r.duplicate = judge(o.said, o.heard)
	return r, nil
}

func (o *ordeal) hear(m stage.Message) error {
	a, err := wire.DecodeAlert(m.Data)
	if err != nil || a.Name == event.Watchdog {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.heard = append(o.heard, a)
	if _, ok := o.heardAt[a.Labels["subject"]]; !ok {
		o.heardAt[a.Labels["subject"]] = time.Now()
	}
	return nil
}

// say raises an error or, if it stands, clears it.
func (o *ordeal) say(ctx context.Context, subject string) error {
	o.mu.Lock()
	o.seq++
	c := event.Raised
	if o.raised[subject] {
		c = event.Cleared
	}
	o.raised[subject] = c == event.Raised
	o.said[subject]++
	id := fmt.Sprintf("bench.%d", o.seq)
	o.mu.Unlock()
	return o.bus.Publish(ctx, wire.EncodeEvent(event.Event{ID: id, Service: event.Ingestor, Instance: "a", At: time.Now(), Error: &event.Error{
		Class: event.DataIntegrity, Code: "upstream_unavailable", Subject: subject, Condition: c, Severity: event.Warning, Message: "status 503",
	}}))
}

// kill starts the monitor and kills it n times, at random moments, while errors come and go.
func (o *ordeal) kill(ctx context.Context, out io.Writer, n int) error {
	r := rand.New(rand.NewPCG(1, 17))
	told := time.Now()
	for i := range n {
		p, err := o.start(ctx)
		if err != nil {
			return err
		}
		// Long enough to come to work more often than not, and to die at every step of it.
		until := time.Now().Add(time.Duration(20+r.IntN(180)) * time.Millisecond)
		for time.Now().Before(until) {
			subject := fmt.Sprintf("s%d", r.IntN(40))
			if err := o.say(ctx, subject); err != nil {
				return errors.Join(err, end(p))
			}
		}
		if err := end(p); err != nil {
			return err
		}
		if time.Since(told) > 30*time.Second {
			told = time.Now()
			fmt.Fprintf(out, "%d of %d restarts\n", i+1, n)
		}
	}
	return nil
}

func (o *ordeal) start(ctx context.Context) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "monitor", o.url, o.rules)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the monitor: %w", err)
	}
	return cmd, nil
}

// end kills a process with SIGKILL and waits until it is gone.
func end(p *exec.Cmd) error {
	if err := p.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = p.Wait() // it was killed
	return nil
}

// settle lets a last monitor say everything, and measures how long alerts take that are raised one after the other.
func (o *ordeal) settle(ctx context.Context, latency int) (p99 float64, err error) {
	p, err := o.start(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end(p)) }()
	if err := o.quiet(ctx); err != nil {
		return 0, err
	}
	var ms []float64
	for i := range latency {
		subject := fmt.Sprintf("latency%d", i)
		start := time.Now()
		if err := o.say(ctx, subject); err != nil {
			return 0, err
		}
		at, err := o.wait(ctx, subject)
		if err != nil {
			return 0, err
		}
		ms = append(ms, at.Sub(start).Seconds()*1000)
		time.Sleep(time.Duration(5+i%20) * time.Millisecond) // apart from each other and from the monitor's clock
		if err := o.say(ctx, subject); err != nil {
			return 0, err
		}
	}
	if len(ms) > 0 {
		slices.Sort(ms)
		p99 = ms[min(len(ms)-1, len(ms)*99/100)]
	}
	return p99, o.quiet(ctx)
}

var errSilent = errors.New("the monitor does not say what it should")

// quiet waits until the monitor has acknowledged every event and told as much as was said, or tells no more.
func (o *ordeal) quiet(ctx context.Context) error {
	last, since := -1, time.Now()
	for time.Since(since) < 20*time.Second {
		o.mu.Lock()
		heard, want := len(o.heard), 0
		for _, n := range o.said {
			want += n
		}
		o.mu.Unlock()
		if heard != last {
			last, since = heard, time.Now()
		}
		lag, err := o.bus.Lag(ctx, wire.StreamEvent, event.Monitor)
		if err == nil && lag.Pending+lag.AckPending == 0 && heard >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil // what is missing is counted
}

func (o *ordeal) wait(ctx context.Context, subject string) (time.Time, error) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		o.mu.Lock()
		at, ok := o.heardAt[subject]
		o.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return at, ctx.Err()
		case <-time.After(500 * time.Microsecond):
		}
	}
	return time.Time{}, fmt.Errorf("%s: %w", subject, errSilent)
}

// judge counts transitions that are missing, and those that are told twice or out of turn.
func judge(said map[string]int, heard []event.Alert) (lost, duplicate int) {
	told := map[string]int{}
	seen := map[string]bool{}
	for _, a := range heard {
		subject, id := a.Labels["subject"], a.ID+" "+string(a.State)
		turn := a.State == event.Firing
		if seen[id] || turn != (told[subject]%2 == 0) {
			duplicate++
			continue
		}
		seen[id] = true
		told[subject]++
	}
	for subject, n := range said {
		switch {
		case told[subject] < n:
			lost += n - told[subject]
		case told[subject] > n:
			duplicate += told[subject] - n
		}
	}
	return lost, duplicate
}
