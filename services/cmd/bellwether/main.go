// Command bellwether runs, shows and steers a forecasting pipeline.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/services/bellwether"
)

func main() {
	os.Exit(bellwether.Main(os.Args[1:], os.Stdout, os.Stderr))
}
