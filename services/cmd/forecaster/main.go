// Command forecaster runs Bellwether's forecaster service.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/services/forecaster"
	"github.com/bellwether-forecast/bellwether/services/internal/cli"
)

func main() {
	os.Exit(cli.Service[forecaster.Config]{
		Name: "forecaster",
		Help: "Forecaster keeps forecasts of every series current, scores them as observations arrive, and reports drift.",
		Run:  forecaster.Run,
	}.Main(os.Args[1:], os.Stderr))
}
