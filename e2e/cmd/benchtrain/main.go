// Command benchtrain measures what it takes to train thousands of series and to keep their forecasts current.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/benchtrain"
)

func main() { os.Exit(benchtrain.Main(os.Args[1:], os.Stdout, os.Stderr)) }
