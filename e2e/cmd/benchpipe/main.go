// Command benchpipe measures the pipeline beside the limits of what it is built on, in one run.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/benchpipe"
)

func main() { os.Exit(benchpipe.Main(os.Args[1:], os.Stdout, os.Stderr)) }
