// Package benchpipe measures, in one run, what the bus, the store and their clients can do and what the pipeline makes of
// it: publishing, consuming, inserting, a backfill from the ingestor's messages to observations in the store, and reading
// them back. Beside it runs a pipeline of the usual make.
package benchpipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/bellwether-forecast/bellwether/libs/ops"
)

type flags struct {
	Series     int    `help:"Series of the backfill." default:"1000"`
	Years      int    `help:"Years of the backfill, at most 2." default:"2"`
	Baseline   int    `help:"Rows through the baseline." default:"200000"`
	Messages   int    `help:"Messages published a round to measure the bus." default:"1000"`
	Inserts    int    `help:"Inserts of 100000 rows each way." default:"20"`
	Reads      int    `help:"Series read." default:"200"`
	Data       string `help:"CSV file of hourly demand, its directory, or 'generated'. Empty: the default file if present, else generated." env:"BELLWETHER_DATA"`
	Dir        string `help:"Directory for bus and store. Empty: a temporary one, removed afterwards."`
	CPUProfile string `help:"File for a CPU profile of the backfill." name:"cpuprofile"`
	MemProfile string `help:"File for a profile of allocations, written after the backfill." name:"memprofile"`
}

// Main runs the benchmark as a command and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f flags
	p, err := kong.New(&f, kong.Name("benchpipe"), kong.Description("Measure the pipeline beside the limits of what it is built on."), kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		err = run(ctx, f, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchpipe:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, f flags, stdout, stderr io.Writer) (err error) {
	if f.Series < 1 || f.Years < 1 || f.Years > 2 || f.Baseline < 1 || f.Messages < 1 || f.Inserts < 1 || f.Reads < 1 {
		return errors.New("numbers must be positive, and years at most 2")
	}
	dir := f.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "benchpipe"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	log, err := ops.Logger(stderr, "warn")
	if err != nil {
		return err
	}
	d, err := loadDemand(f.Data)
	if err != nil {
		return err
	}
	r := &report{to: stdout}
	r.begin(f, d)
	w, err := open(ctx, dir, log)
	defer func() { err = errors.Join(err, w.app.Close(context.WithoutCancel(ctx))) }()
	if err != nil {
		return err
	}
	return measureAll(ctx, w, f, d, r)
}

func measureAll(ctx context.Context, w *world, f flags, d demand, r *report) error {
	bus, err := measureBus(ctx, w, d, f.Messages)
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	r.bus(bus)
	insert, err := measureInsert(ctx, w, d, f.Inserts)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	r.insert(insert)
	var path pathResult
	err = profiled(f, func() (err error) {
		path, err = measurePath(ctx, w, d, f.Series, f.Years)
		return err
	})
	if err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	r.path(path)
	reads, err := measureReads(ctx, w, f.Series, f.Reads)
	if err != nil {
		return fmt.Errorf("reads: %w", err)
	}
	r.reads(reads)
	base, err := measureBaseline(ctx, w, d, f.Baseline)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	r.baseline(base)
	r.end()
	return nil
}

// profiled runs work under the profiles asked for.
func profiled(f flags, work func() error) error {
	if f.CPUProfile != "" {
		out, err := os.Create(f.CPUProfile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if err := work(); err != nil {
		return err
	}
	if f.MemProfile == "" {
		return nil
	}
	out, err := os.Create(f.MemProfile)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(out, 0), out.Close())
}
