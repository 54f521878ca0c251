// Command benchtables measures how tables of the record could be laid out: sorting keys, partitions, codecs.
package main

import (
	"os"

	"github.com/bellwether-forecast/bellwether/e2e/benchtables"
)

func main() { os.Exit(benchtables.Main(os.Args[1:], os.Stdout, os.Stderr)) }
