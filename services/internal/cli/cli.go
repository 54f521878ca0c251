// Package cli is the common shape of Bellwether's commands: flags, environment and file become one checked
// configuration, signals become a context, and an error becomes one line and an exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/ops"
	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

// Options returns the kong options every command has: its name, help, version and --config.
func Options(name, help string) []kong.Option {
	return []kong.Option{
		kong.Name(name),
		kong.Description(help + "\n\nEvery flag can also stand in a YAML file named by --config, and where it says so in the environment. A flag beats the environment, which beats the file."),
		kong.Configuration(loadFile),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
		kong.Vars{"version": app.Version},
	}
}

// File holds the flags about the command itself.
type File struct {
	Config  kong.ConfigFlag  `help:"YAML file with flags." placeholder:"FILE"`
	Version kong.VersionFlag `help:"Print the version and end."`
}

// settings is what a service's own configuration can do.
type settings interface {
	Validate() error
}

// Service describes a binary that runs one service.
type Service[C settings] struct {
	Name string
	Help string
	Run  func(ctx context.Context, common node.Config, cfg C, log *zap.Logger) error
}

// Main runs the service until SIGTERM or SIGINT and returns the exit code. It logs to stderr.
func (s Service[C]) Main(args []string, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Exit(s.Name, s.run(ctx, args, stderr), stderr)
}

// flags are those of a service's binary.
type flags[C settings] struct {
	File
	Common node.Config `embed:""`
	Own    C           `embed:""`
}

// Validate reports every bad field. kong asks it before the parts, of which it would report the first.
func (f *flags[C]) Validate() error { return errors.Join(f.Common.Validate(), f.Own.Validate()) }

func (s Service[C]) run(ctx context.Context, args []string, stderr io.Writer) error {
	var c flags[C]
	p, err := kong.New(&c, append(Options(s.Name, s.Help), kong.Writers(os.Stdout, stderr))...)
	if err != nil {
		return err
	}
	if _, err := p.Parse(args); err != nil {
		return err
	}
	log, err := ops.Logger(stderr, c.Common.LogLevel)
	if err != nil {
		return err
	}
	if err := s.Run(ctx, c.Common, c.Own, log); ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Exit prints err as one line a cause, each with the command's name, and returns the exit code.
func Exit(name string, err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(stderr, "%s: %s\n", name, line)
	}
	return 1
}
