// Command monitor runs Bellwether's monitor service.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/services/internal/cli"
	"github.com/bellwether-forecast/bellwether/services/monitor"
)

func main() {
	os.Exit(cli.Service[monitor.Config]{
		Name: "monitor",
		Help: "Monitor turns lag, error, drift and heartbeat events into alerts, and resolves them.",
		Run:  monitor.Run,
	}.Main(os.Args[1:], os.Stderr))
}
