// Command eiasim serves recorded or generated electricity demand with the shape of the EIA API v2 on loopback.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

func main() { os.Exit(eiasim.Main(os.Args[1:], os.Stdout, os.Stderr)) }
