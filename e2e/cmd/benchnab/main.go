// Command benchnab scores the spike and level detectors on the files of the Numenta Anomaly Benchmark.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/nabbench"
)

func main() { os.Exit(nabbench.Main(os.Args[1:], os.Stdout, os.Stderr)) }
