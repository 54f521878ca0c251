// Package lagbench measures package lag on a real JetStream: scripted consumers are driven into each state, and a day of
// bursty, healthy traffic runs on a compressed clock. Burrow's rules judge the same reports.
package lagbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/alecthomas/kong"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/lag"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// options are the flags of the command.
type options struct {
	Runs    int           `help:"Runs of each state." default:"40"`
	Healthy time.Duration `help:"Healthy traffic to replay, on the clock of the consumers." default:"24h"`
	Workers int           `help:"Consumers at a time." default:"4"`
	Seed    uint64        `help:"Of the numbers that scripts draw." default:"1"`
}

// Main runs the command and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	p, err := kong.New(&o, kong.Name("benchlag"), kong.Writers(stdout, stderr),
		kong.Description("Drives consumers of an embedded JetStream into each lag state and counts how often it is named."))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		_, err = o.run(ctx, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchlag:", err)
		return 1
	}
	return 0
}

// result is what the last line says.
type result struct {
	macro, burrow float64
	alarms        int
}

func (o options) run(ctx context.Context, w io.Writer) (result, error) {
	s, err := open(ctx)
	if err != nil {
		return result{}, err
	}
	ours, burrow, err := o.states(ctx, w, s)
	if err == nil {
		var res result
		res.macro, res.burrow = ours.macro(), burrow.macro()
		ours.write(w, "bellwether")
		burrow.write(w, "burrow")
		if res.alarms, err = o.health(ctx, w, s); err == nil {
			fmt.Fprintf(w, "bench_lag: states=%d macro_f1=%.4f false_alarms=%d burrow_f1=%.4f\n", len(lag.States()), res.macro, res.alarms, res.burrow)
			return res, s.close(ctx)
		}
	}
	return result{}, errors.Join(err, s.close(ctx))
}

// server is an embedded bus in a folder of its own, with two clients: the consumers' and the one that reports.
type server struct {
	dir  string
	srv  *natsserver.Server
	conn *nats.Conn
	js   jetstream.JetStream
	bus  *natsio.Bus
}

func open(ctx context.Context) (s *server, err error) {
	s = &server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.dir, err = os.MkdirTemp("", "benchlag-"); err != nil {
		return s, err
	}
	if s.srv, err = natsserver.Open(ctx, natsserver.Config{Dir: s.dir, Addr: "127.0.0.1:0"}); err != nil {
		return s, err
	}
	if s.conn, err = nats.Connect(s.srv.URL()); err != nil {
		return s, err
	}
	if s.js, err = jetstream.New(s.conn, jetstream.WithPublishAsyncMaxPending(1<<14)); err != nil {
		return s, err
	}
	s.bus, err = natsio.Connect(ctx, natsio.Config{URL: s.srv.URL(), Name: "benchlag", Timeout: 5 * time.Second}, nil, nil)
	return s, err
}

// stop ends the bus and keeps the clients, which then have nobody to ask.
func (s *server) stop(ctx context.Context) error {
	srv := s.srv
	s.srv = nil
	return srv.Close(ctx)
}

func (s *server) close(ctx context.Context) error {
	if s.bus != nil {
		s.bus.Close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	var err error
	if s.srv != nil {
		err = s.srv.Close(context.WithoutCancel(ctx))
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// states runs every script and returns what was said of each.
func (o options) states(ctx context.Context, w io.Writer, s *server) (ours, burrow confusion, err error) {
	ours, burrow = confusion{}, confusion{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(o.Workers, 1))
	for i := range o.Runs {
		for k, state := range lag.States() {
			g.Go(func() error {
				seed := o.Seed*1_000_003 + uint64(i*len(lag.States())+k)
				v, b, err := play(ctx, s, state, seed)
				if err != nil {
					return fmt.Errorf("run %d of %s: %w", i, state, err)
				}
				mu.Lock()
				defer mu.Unlock()
				ours.add(state, v.State)
				burrow.add(state, b)
				if v.State != state {
					fmt.Fprintf(w, "run %d of %s is called %s: %s\n", i, state, v.State, v.Evidence)
				}
				return nil
			})
		}
	}
	return ours, burrow, g.Wait()
}

// play runs the script of a state once and returns the verdicts at its end.
func play(ctx context.Context, s *server, state lag.State, seed uint64) (v lag.Verdict, burrow lag.State, err error) {
	if state == lag.NoData {
		return unreadable(ctx, seed)
	}
	r, err := newRig(ctx, s.js, s.bus, fmt.Sprintf("run%d", seed), seed, most)
	if err != nil {
		return v, burrow, err
	}
	step := scriptOf(state, r)
	for i := range steps {
		if err := step(ctx, r, i); err != nil {
			return v, burrow, fmt.Errorf("step %d: %w", i, err)
		}
		r.report(ctx)
	}
	v, burrow = r.judge()
	return v, burrow, r.close(ctx)
}

// unreadable runs a healthy consumer on a bus of its own, which then goes away.
func unreadable(ctx context.Context, seed uint64) (v lag.Verdict, burrow lag.State, err error) {
	s, err := open(ctx)
	if err != nil {
		return v, burrow, err
	}
	r, err := newRig(ctx, s.js, s.bus, "run", seed, most)
	for i := 0; err == nil && i < steps; i++ {
		if i == 4+int(seed%5) {
			err = s.stop(ctx)
		}
		if s.srv != nil {
			err = errors.Join(r.publish(5), r.work(ctx, 5))
		}
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		if s.srv != nil {
			r.report(ctx)
		} else {
			r.report(short)
		}
		cancel()
	}
	if err == nil {
		v, burrow = r.judge()
	}
	return v, burrow, errors.Join(err, s.close(ctx))
}
