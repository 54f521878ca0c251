// Command benchlag drives scripted consumers of a real JetStream into each state of package lag and counts how often the
// state is named, and how often healthy traffic of a day is called ill.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/bellwether-forecast/bellwether/e2e/lagbench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := lagbench.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
