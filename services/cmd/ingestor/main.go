// Command ingestor runs Bellwether's ingestor service.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/services/ingestor"
	"github.com/bellwether-forecast/bellwether/services/internal/cli"
)

func main() {
	os.Exit(cli.Service[ingestor.Config]{
		Name: "ingestor",
		Help: "Ingestor fetches observations from their source, backfills history, and logs every run.",
		Run:  ingestor.Run,
	}.Main(os.Args[1:], os.Stderr))
}
