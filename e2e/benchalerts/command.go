package benchalerts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// flags of the command.
type flags struct {
	Scenarios string `help:"File of the named scenarios." default:"services/monitor/testdata/scenarios.yaml"`
	Random    int    `help:"Random schedules to compare with the specification." default:"10000"`
	Seed      uint64 `help:"Seed of the first of them."`
	Restarts  int    `help:"How often the monitor is killed on a real bus." default:"1000"`
	Events    int    `help:"Events to handle for events_per_s." default:"500000"`
	Active    int    `help:"Alerts that are open at once for rss_mb." default:"100000"`
	Latency   int    `help:"Alerts raised one after the other for p99_event_to_alert_ms." default:"500"`
	Peer      int    `help:"Random schedules to compare with Alertmanager." default:"40"`
	PeerPath  string `name:"alertmanager" help:"Alertmanager to compare with; without one the comparison is left out, and a line says so." default:"prometheus-alertmanager"`

	Monitor child `cmd:"" hidden:"" help:"Be the monitor that is killed."`
	Hold    hold  `cmd:"" hidden:"" help:"Hold alerts and say how much memory that takes."`
	Bench   bench `cmd:"" default:"1" hidden:""`
}

// bench is the command without a name.
type bench struct{}

// Main runs the command and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f flags
	p, err := kong.New(&f, kong.Name("benchalerts"), kong.Description("Measure the alert core of the monitor."),
		kong.Writers(stdout, stderr), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)), kong.Bind(&f))
	if err != nil {
		fmt.Fprintln(stderr, "benchalerts:", err)
		return 1
	}
	k, err := p.Parse(args)
	p.FatalIfErrorf(err)
	if err := k.Run(); err != nil {
		fmt.Fprintln(stderr, "benchalerts:", err)
		return 1
	}
	return 0
}

var errFailed = errors.New("not as it should be")

// Run implements the command: everything, then the last line.
func (bench) Run(ctx context.Context, out io.Writer, f *flags) error {
	scenarios, err := playNamed(ctx, f.Scenarios)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d named scenarios pass\n", scenarios)
	told, err := playRandom(ctx, out, f.Seed, f.Random)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d random schedules tell what the specification says, %d transitions\n", f.Random, told)
	if err := comparePeer(ctx, out, f.PeerPath, f.Seed, f.Peer); err != nil {
		return err
	}
	rate, err := throughput(ctx, f.Events)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%.0f events/s handled\n", rate)
	rss, err := memory(ctx, f.Active)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d alerts open in %.0f MB\n", f.Active, rss)
	r, err := killed(ctx, out, f.Restarts, f.Latency)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bench_alerts: scenarios=%d random=%d restarts=%d lost=%d duplicate=%d events_per_s=%.0f active_alerts=%d rss_mb=%.0f p99_event_to_alert_ms=%.1f\n",
		scenarios, f.Random, f.Restarts, r.lost, r.duplicate, rate, f.Active, rss, r.p99)
	if r.lost+r.duplicate > 0 {
		return fmt.Errorf("%d lost, %d duplicate: %w", r.lost, r.duplicate, errFailed)
	}
	return nil
}

// playNamed plays the scenarios of a file and returns how many there are.
func playNamed(ctx context.Context, path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	file, err := monitor.ReadScenarios(data)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range file.Scenarios {
		got, err := s.Play(ctx, nil)
		if err != nil {
			return 0, err
		}
		if diff := s.Differences(got); len(diff) > 0 {
			return 0, fmt.Errorf("scenario %q: %s: %w", s.Name, strings.Join(diff, "\n"), errFailed)
		}
	}
	return len(file.Scenarios), nil
}

// playRandom plays n random schedules and returns how many transitions were told.
func playRandom(ctx context.Context, out io.Writer, seed uint64, n int) (uint64, error) {
	var told, done atomic.Uint64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	said := time.Now()
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		if time.Since(said) > 30*time.Second {
			said = time.Now()
			fmt.Fprintf(out, "%d of %d random schedules\n", done.Load(), n)
		}
		g.Go(func() error {
			diff, said, err := difference(ctx, seed+uint64(i))
			if err == nil && diff != "" {
				err = fmt.Errorf("%s: %w", diff, errFailed)
			}
			told.Add(uint64(said))
			done.Add(1)
			return err
		})
	}
	return told.Load(), g.Wait()
}
