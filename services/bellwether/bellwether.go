// Package bellwether is the operator's command: it runs the pipeline, shows how it is, and demonstrates it.
package bellwether

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/services/internal/cli"
)

// Output is where a command writes: results to Out, logs to Err.
type Output struct {
	Out io.Writer
	Err io.Writer
}

// Commands are the commands of the binary.
type Commands struct {
	cli.File

	Up         Up         `cmd:"" help:"Run the pipeline: all five services with the embedded bus and store, or a part of it."`
	Demo       Demo       `cmd:"" help:"Show the whole pipeline at work on replayed demand, with one fault of each kind."`
	Status     Status     `cmd:"" help:"Show services, backlogs, series, forecasts and open alerts."`
	Alerts     Alerts     `cmd:"" help:"Print open alerts, then follow new ones; list, show, acknowledge and explain them."`
	Silence    Silence    `cmd:"" help:"Hold back alerts for a time: add, list and expire silences."`
	Rules      Rules      `cmd:"" help:"Check a file of alert rules, play scenarios against it, show the defaults."`
	SQL        SQL        `cmd:"" help:"Ask the record a question."`
	DLQ        DLQ        `cmd:"" help:"Look at messages that were given up, and replay or discard them."`
	Quarantine Quarantine `cmd:"" help:"Look at observations that were kept back, and release or discard them."`
	Forecast   Forecast   `cmd:"" help:"Show the newest forecasts: a chart with intervals, JSON or CSV."`
	Models     Models     `cmd:"" help:"Look at the models of a series, promote one or roll back."`
	Train      Train      `cmd:"" help:"Ask for new models."`
	Refresh    Refresh    `cmd:"" help:"Ask the ingestor to fetch now."`
	Backfill   Backfill   `cmd:"" help:"Ask the ingestor for a part of the history, and watch it come."`
	Sources    Sources    `cmd:"" help:"Look at where observations come from: check a file of sources, list them."`
	Provision  Provision  `cmd:"" help:"Create or update the streams, buckets and schedules of a NATS server."`
	Migrate    Migrate    `cmd:"" help:"Create or update the tables of a ClickHouse server."`
}

// Main runs the command until it is done or SIGTERM or SIGINT comes, and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Exit("bellwether", run(ctx, args, Output{Out: stdout, Err: stderr}), stderr)
}

func run(ctx context.Context, args []string, out Output) error {
	var c Commands
	p, err := kong.New(&c, append(
		cli.Options("bellwether", "Bellwether keeps forecasts of thousands of hourly series running, and says so early when something goes wrong."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(out), kong.Writers(out.Out, out.Err))...)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := p.Parse(args)
	if err != nil {
		return err
	}
	return k.Run()
}

// Connection says where the bus and the store are.
type Connection struct {
	NATS  natsio.Config `embed:"" prefix:"nats-"`
	Store chio.Config   `embed:"" prefix:"clickhouse-" envprefix:"BELLWETHER_CLICKHOUSE_"`
}

func (c Connection) bus(ctx context.Context) (*natsio.Bus, error) {
	if err := c.NATS.Validate(); err != nil {
		return nil, err
	}
	cfg := c.NATS
	cfg.Name = "bellwether"
	cfg.ConnectWait = min(cfg.ConnectWait, 3*time.Second) // a person waits
	bus, err := natsio.Connect(ctx, cfg, zap.NewNop(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w; is the pipeline up? Start it with: bellwether up", err)
	}
	return bus, nil
}

func (c Connection) store(ctx context.Context) (*chio.Store, error) {
	store, err := chio.Open(ctx, c.Store, nil)
	if err != nil {
		return nil, fmt.Errorf("%w; is --clickhouse-addr right, and the store up?", err)
	}
	return store, nil
}
