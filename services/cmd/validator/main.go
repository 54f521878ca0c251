// Command validator runs Bellwether's validator service.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/services/internal/cli"
	"github.com/bellwether-forecast/bellwether/services/validator"
)

func main() {
	os.Exit(cli.Service[validator.Config]{
		Name: "validator",
		Help: "Validator judges every observation, records those that pass, and keeps back those that do not.",
		Run:  validator.Run,
	}.Main(os.Args[1:], os.Stderr))
}
