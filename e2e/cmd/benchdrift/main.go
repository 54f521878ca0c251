// Command benchdrift measures the drift detectors on real forecasts of hourly demand: how often they raise in years
// without a known change, and how soon they find changes that are put in.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/bellwether-forecast/bellwether/e2e/driftbench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := driftbench.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
