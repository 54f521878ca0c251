// Package benchtables measures how the large tables of the record could be laid out, on real demand: what a row costs on
// disk, how fast rows go in, and how long the queries take that the pipeline and its analysts really ask.
//
// Each variant of a table is a database of its own, migrated as the product does it, in which the one table is made
// anew from the shipped statement with some of its text replaced. So the variant "shipped" is always what ships, and
// the readers of package chio run on every variant as they are. All variants of a table get the same inserts in turn,
// and the queries go round the variants, so that a busy machine hits all of them alike.
package benchtables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/alecthomas/kong"
)

type flags struct {
	Data         string   `help:"Folder with the EIA-930 files, or 'generated'. Empty: ../shared/data if it is there, else generated." env:"BELLWETHER_DATA"`
	Series       int      `help:"Series of two years of hours." default:"200"`
	ForecastDays int      `help:"Days of hourly forecasts and their scores." default:"14"`
	EventDays    int      `help:"Days of events." default:"7"`
	Rounds       int      `help:"Times each query is asked." default:"30"`
	Tables       []string `help:"Tables to measure. Empty: all."`
	Variants     string   `help:"Regular expression for the variants to compare with the shipped layout. Empty: all."`
	Out          string   `help:"File for the Markdown tables. Empty: stdout." type:"path"`
	Dir          string   `help:"Folder to work in. Empty: the system's folder for temporary files." type:"path"`
}

// Validate reports every bad field.
func (f flags) Validate() error {
	var errs []error
	for name, n := range map[string]int{"series": f.Series, "forecast-days": f.ForecastDays, "event-days": f.EventDays, "rounds": f.Rounds} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("%s is %d: give at least 1", name, n))
		}
	}
	if f.ForecastDays < 8 || f.ForecastDays > 365 {
		errs = append(errs, fmt.Errorf("forecast-days is %d: give 8 to 365, queries look back a week and models train on a year", f.ForecastDays))
	}
	if _, err := regexp.Compile(f.Variants); err != nil {
		errs = append(errs, fmt.Errorf("variants: %w", err))
	}
	for _, t := range f.Tables {
		if len(variantsOf(t)) == 0 {
			errs = append(errs, fmt.Errorf("tables: %q has no variants to measure", t))
		}
	}
	return errors.Join(errs...)
}

// Main runs the measurement as a command and returns the exit code. Progress goes to stderr; the last line on stdout
// sums up the observations.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var f flags
	p, err := kong.New(&f, kong.Name("benchtables"), kong.Description("Measure layouts of the record's tables on real demand."),
		kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		err = run(ctx, f, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchtables:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, f flags, stdout, stderr io.Writer) (err error) {
	d, err := loadDemand(f.Data)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%s demand of %d areas\n", d.kind, len(d.sources))
	dir, err := os.MkdirTemp(f.Dir, "benchtables")
	if err != nil {
		return fmt.Errorf("working folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := openStore(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(context.WithoutCancel(ctx))) }()
	b := &bench{flags: f, store: s, story: newStory(d, f.Series), stderr: stderr}
	out, closed, err := f.output(stdout)
	if err != nil {
		return err
	}
	if err := b.head(ctx, out, d); err != nil {
		return errors.Join(err, closed())
	}
	r := &reporter{out: out}
	if err := errors.Join(b.run(ctx, r.table), closed()); err != nil {
		return err
	}
	fmt.Fprint(stdout, r.summary())
	return nil
}

// output returns where the tables go, and how to close it.
func (f flags) output(stdout io.Writer) (io.Writer, func() error, error) {
	if f.Out == "" {
		return stdout, func() error { return nil }, nil
	}
	file, err := os.Create(f.Out)
	if err != nil {
		return nil, nil, fmt.Errorf("report: %w", err)
	}
	return file, file.Close, nil
}
