// Command benchalerts measures the alert core of the monitor.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/benchalerts"
)

func main() { os.Exit(benchalerts.Main(os.Args[1:], os.Stdout, os.Stderr)) }
