// Command trainer runs Bellwether's trainer service.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/services/internal/cli"
	"github.com/bellwether-forecast/bellwether/services/trainer"
)

func main() {
	os.Exit(cli.Service[trainer.Config]{
		Name: "trainer",
		Help: "Trainer backtests the candidate models of a series, makes the best one champion, and registers it.",
		Run:  trainer.Run,
	}.Main(os.Args[1:], os.Stderr))
}
