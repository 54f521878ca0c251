// Command chaos runs the pipeline under faults and checks that nothing was lost, shown twice or put out of order.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/chaos"
)

func main() { os.Exit(chaos.Main(os.Args[1:], os.Stdout, os.Stderr)) }
