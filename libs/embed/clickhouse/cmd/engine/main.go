// Command engine installs the embedded ClickHouse engine into the user's cache
// directory and prints its path. It does nothing if the engine is there.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout, stderr io.Writer) error {
	path, fetched, err := engine.Install(ctx, stderr)
	if err != nil {
		return err
	}
	how := "already installed"
	if fetched {
		how = "fetched"
	}
	_, err = fmt.Fprintf(stdout, "%s (%s)\n", path, how)
	return err
}
