// Command benchvalidate measures what the validator finds: it injects faults into hourly demand and counts.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/validatebench"
)

func main() { os.Exit(validatebench.Main(os.Args[1:], os.Stdout, os.Stderr)) }
