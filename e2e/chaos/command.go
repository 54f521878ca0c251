package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

type flags struct {
	Bin      string        `help:"Folder of the binaries; that of this one by default." type:"path"`
	Dir      string        `help:"Folder of data and logs, which must not exist; a temporary one by default. It is removed when all is well." type:"path"`
	Seed     uint64        `help:"Seed of faults and data; the time by default."`
	Minutes  float64       `help:"How long things go wrong, at least." default:"3" env:"CHAOS_MINUTES"`
	Faults   int           `help:"How many faults, at least." default:"60"`
	MinKinds int           `help:"How many kinds of faults there must have been." default:"8"`
	Kinds    []string      `help:"Kinds of faults; all by default."`
	Series   int           `help:"Series published directly." default:"6"`
	Pace     time.Duration `help:"Time between two messages of a series." default:"100ms"`
	Keep     bool          `help:"Keep the folder."`
}

// Main runs the command and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f flags
	p, err := kong.New(&f, kong.Name("chaos"), kong.Description("Run the pipeline under faults and check that nothing is lost, shown twice or put out of order."),
		kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		err = f.run(ctx, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "chaos:", err)
		return 1
	}
	return 0
}

func (f *flags) run(ctx context.Context, stdout io.Writer) error {
	if f.Seed == 0 {
		f.Seed = uint64(time.Now().UnixNano() % 1_000_000)
	}
	programs, err := f.programs()
	if err != nil {
		return err
	}
	if f.Dir == "" {
		f.Dir, err = os.MkdirTemp("", "bellwether-chaos-")
	} else {
		err = os.Mkdir(f.Dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("dir: %w", err)
	}
	report, err := Run(ctx, Config{
		Dir: f.Dir, Programs: programs, Seed: f.Seed, Duration: time.Duration(f.Minutes * float64(time.Minute)), Faults: f.Faults,
		Kinds: f.Kinds, Series: f.Series, Pace: f.Pace, Out: stdout,
	})
	if err != nil {
		return err
	}
	if report.Faults < f.Faults || report.Kinds < f.MinKinds {
		return fmt.Errorf("%d faults of %d kinds are fewer than %d of %d", report.Faults, report.Kinds, f.Faults, f.MinKinds)
	}
	if f.Keep {
		return nil
	}
	return Clean(f.Dir)
}

// programs returns the binaries, which must be there.
func (f *flags) programs() (Programs, error) {
	if f.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return Programs{}, err
		}
		f.Bin = filepath.Dir(self)
	}
	p := Programs{Bellwether: filepath.Join(f.Bin, "bellwether"), Services: map[string]string{}}
	var errs []error
	for _, name := range append(event.Services(), "bellwether") {
		path := filepath.Join(f.Bin, name)
		if _, err := os.Stat(path); err != nil {
			errs = append(errs, fmt.Errorf("bin: %w; build it with make build", err))
		}
		if name != "bellwether" {
			p.Services[name] = path
		}
	}
	return p, errors.Join(errs...)
}
