// Command bellwether runs, shows and steers a forecasting pipeline.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/bellwether-forecast/bellwether/services/bellwether"
	"github.com/bellwether-forecast/bellwether/services/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Exit("bellwether", run(ctx, os.Args[1:]), os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) error {
	var c bellwether.Commands
	p, err := kong.New(&c, append(cli.Options("bellwether", "Bellwether keeps forecasts of thousands of hourly series running, and says so early when something goes wrong."),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(bellwether.Output{Out: os.Stdout, Err: os.Stderr}))...)
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
