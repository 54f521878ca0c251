package bellwether

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/ops"
	"github.com/bellwether-forecast/bellwether/services/forecaster"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
	"github.com/bellwether-forecast/bellwether/services/monitor"
	"github.com/bellwether-forecast/bellwether/services/trainer"
	"github.com/bellwether-forecast/bellwether/services/validator"
)

// Up runs services in this process, with the embedded bus and store unless told otherwise.
type Up struct {
	Services  []string `help:"Services to run: ingestor, validator, trainer, forecaster, monitor; 'all' or 'none'." default:"all"`
	Embed     []string `help:"What to run embedded: bus, store; or 'none' to use those at --nats-url and --clickhouse-addr." default:"bus,store"`
	Dir       string   `help:"Folder of the embedded bus and store." default:"data" type:"path" env:"BELLWETHER_DIR"`
	BusAddr   string   `help:"Address of the embedded bus." default:"127.0.0.1:4222"`
	StoreAddr string   `help:"Address of the embedded store." default:"127.0.0.1:8123"`

	Schedules schedules  `embed:"" prefix:"schedule-"`
	Store     storeFlags `embed:"" prefix:"store-" group:"Embedded store:"`

	Common     node.Config     `embed:""`
	Ingestor   ingestorFlags   `embed:"" prefix:"ingestor-" group:"Ingestor:"`
	Validator  validatorFlags  `embed:"" prefix:"validator-" group:"Validator:"`
	Trainer    trainerFlags    `embed:"" prefix:"trainer-" group:"Trainer:"`
	Forecaster forecasterFlags `embed:"" prefix:"forecaster-" group:"Forecaster:"`
	Monitor    monitorFlags    `embed:"" prefix:"monitor-" group:"Monitor:"`
}

// The services' settings as flags. Types of their own, so that kong does not validate those of services that do not run.
type (
	ingestorFlags   ingestor.Config
	validatorFlags  validator.Config
	trainerFlags    trainer.Config
	forecasterFlags forecaster.Config
	monitorFlags    monitor.Config
)

// Run implements the command.
func (u *Up) Run(ctx context.Context, out Output) error {
	names, parts, err := u.parts()
	if err != nil {
		return err
	}
	log, err := ops.Logger(out.Err, u.Common.LogLevel)
	if err != nil {
		return err
	}
	a := app.New(u.Common.Drain + 2*time.Second)
	if err := u.embed(ctx, a, parts, log, out.Out); err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	for i, name := range names {
		run := u.service(name, i)
		a.Go(name, func(ctx context.Context) error { return supervise(ctx, name, log, run) })
	}
	fmt.Fprintf(out.Out, "running %s; stop with Ctrl-C\n", cmp.Or(strings.Join(names, ", "), "no service"))
	return a.Run(ctx)
}

// parts returns the services to run and what to embed.
func (u *Up) parts() (services, embed []string, err error) {
	services, serr := choose("services", u.Services, event.Services())
	embed, eerr := choose("embed", u.Embed, []string{"bus", "store"})
	return services, embed, errors.Join(serr, eerr)
}

// Validate checks the configuration of what will run, and of nothing else. kong calls it.
func (u *Up) Validate() error {
	names, _, err := u.parts()
	errs := []error{err, u.Common.Validate()}
	for name, c := range map[string]interface{ Validate() error }{
		event.Ingestor: ingestor.Config(u.Ingestor), event.Validator: validator.Config(u.Validator),
		event.Trainer: trainer.Config(u.Trainer), event.Forecaster: forecaster.Config(u.Forecaster),
		event.Monitor: monitor.Config(u.Monitor),
	} {
		if !slices.Contains(names, name) {
			continue
		}
		if err := c.Validate(); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				errs = append(errs, fmt.Errorf("%s-%s", name, line))
			}
		}
	}
	return errors.Join(errs...)
}

// service returns how to run the i-th service. With a fixed --http each takes a port of its own, from there on upwards.
func (u *Up) service(name string, i int) func(context.Context, *zap.Logger) error {
	common := u.Common
	common.HTTP = nextPort(common.HTTP, i)
	switch name {
	case event.Ingestor:
		return func(ctx context.Context, log *zap.Logger) error {
			return ingestor.Run(ctx, common, ingestor.Config(u.Ingestor), log)
		}
	case event.Validator:
		return func(ctx context.Context, log *zap.Logger) error {
			return validator.Run(ctx, common, validator.Config(u.Validator), log)
		}
	case event.Trainer:
		return func(ctx context.Context, log *zap.Logger) error {
			return trainer.Run(ctx, common, trainer.Config(u.Trainer), log)
		}
	case event.Forecaster:
		return func(ctx context.Context, log *zap.Logger) error {
			return forecaster.Run(ctx, common, forecaster.Config(u.Forecaster), log)
		}
	default:
		return func(ctx context.Context, log *zap.Logger) error {
			return monitor.Run(ctx, common, monitor.Config(u.Monitor), log)
		}
	}
}

// nextPort returns addr with its port raised by i; port 0 stays, as every service then gets a free one.
func nextPort(addr string, i int) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	n, err := strconv.Atoi(port)
	if err != nil || n == 0 {
		return addr
	}
	return net.JoinHostPort(host, strconv.Itoa(n+i))
}

// embed starts the embedded bus and store, lays out both, and points the services at them.
func (u *Up) embed(ctx context.Context, a *app.App, parts []string, log *zap.Logger, out io.Writer) error {
	if len(parts) == 0 {
		return nil
	}
	e, err := openEmbedded(ctx, a, embedded{
		dir: u.Dir, bus: slices.Contains(parts, "bus"), store: slices.Contains(parts, "store"),
		busAddr: u.BusAddr, storeAddr: u.StoreAddr, limits: u.Store, nats: u.Common.NATS, clickhouse: u.Common.Store, schedules: u.Schedules.all(),
	}, log)
	if err != nil {
		return err
	}
	u.Common.NATS, u.Common.Store = e.nats, e.clickhouse
	dir, err := filepath.Abs(u.Dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "bus    %s\nstore  http://%s/?database=%s\ndata   %s\n", e.nats.URL, e.clickhouse.Addr, e.clickhouse.Database, dir)
	return nil
}

// supervise keeps a service running: one that fails is started again after a wait that grows from 1 s to 30 s.
func supervise(ctx context.Context, name string, log *zap.Logger, run func(context.Context, *zap.Logger) error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = time.Second, 30*time.Second
	for {
		started := time.Now()
		err := run(ctx, log)
		if ctx.Err() != nil {
			return err
		}
		if time.Since(started) > time.Minute {
			wait.Reset()
		}
		d := wait.NextBackOff()
		log.Error("service failed, starting it again", zap.String("service", name), zap.Duration("in", d), zap.Error(err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(d):
		}
	}
}

// choose resolves a list flag of names; "all" and "none" stand for themselves.
func choose(flag string, given, known []string) ([]string, error) {
	switch {
	case len(given) == 1 && given[0] == "all":
		return known, nil
	case len(given) == 1 && given[0] == "none":
		return nil, nil
	}
	for _, g := range given {
		if !slices.Contains(known, g) {
			return nil, fmt.Errorf("%s: %q is not one of %s, all, none", flag, g, strings.Join(known, ", "))
		}
	}
	return given, nil
}
