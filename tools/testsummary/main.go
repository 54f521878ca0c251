// Command testsummary prints one line with the counts of a `go test -json`
// run: tests: passed=N failed=N skipped=N.
//
//	testsummary FILE
//
// It exits with 1 if it cannot read the file, not if tests failed: the caller
// already has the exit code of the run.
package main

import (
	"fmt"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: testsummary FILE")
		return 2
	}
	f, err := os.Open(args[0])
	if err != nil {
		fmt.Fprintf(os.Stderr, "testsummary: %v\n", err)
		return 1
	}
	defer f.Close()
	s, err := Summarize(f)
	if err != nil {
		fmt.Fprintf(os.Stderr, "testsummary: %s: %v\n", args[0], err)
		return 1
	}
	fmt.Println(s)
	return 0
}
