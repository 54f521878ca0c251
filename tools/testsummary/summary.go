package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Summary counts the leaf tests of one run: a test with subtests is not
// counted, its subtests are. A run with -count=N counts each test once.
type Summary struct {
	// Passed is the number of leaf tests that passed.
	Passed int
	// Failed is the number of leaf tests that failed or never finished, plus
	// one for each parent that failed by itself while all its subtests passed,
	// plus one for each package that failed without a failing test in it: a
	// build error, a goroutine leak found by TestMain, an early exit.
	Failed int
	// Skipped is the number of leaf tests that called Skip.
	Skipped int
}

// String returns the line that the Makefile promises to print last.
func (s Summary) String() string {
	return fmt.Sprintf("tests: passed=%d failed=%d skipped=%d", s.Passed, s.Failed, s.Skipped)
}

// Outcomes as `go test -json` spells them. A test that was started and has no
// outcome yet is "run".
const (
	actionRun  = "run"
	actionPass = "pass"
	actionFail = "fail"
	actionSkip = "skip"
)

// event is the part of a `go test -json` record that matters here; see
// `go doc test2json`. Test is empty on records about a whole package, Package
// is empty on build output.
type event struct {
	Action  string
	Package string
	Test    string
}

// results holds the outcome of a package's tests by test name; the package's
// own outcome is under the empty name.
type results map[string]string

// Summarize reads the output of `go test -json` and counts it. An input that
// ends in the middle of a record, as a killed run leaves it, is counted up to
// that point; any other malformed input is an error.
func Summarize(r io.Reader) (Summary, error) {
	packages := map[string]results{}
	dec := json.NewDecoder(r)
	for {
		var e event
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return count(packages), nil
		}
		if err != nil {
			return Summary{}, fmt.Errorf("read test events: %w", err)
		}
		if e.Package == "" {
			continue
		}
		if packages[e.Package] == nil {
			packages[e.Package] = results{}
		}
		packages[e.Package].record(e)
	}
}

// record notes an outcome. A failure sticks, so that with -count=N one failing
// round of N is a failed test.
func (r results) record(e event) {
	switch e.Action {
	case actionRun, actionPass, actionFail, actionSkip:
	default:
		return
	}
	if r[e.Test] != actionFail {
		r[e.Test] = e.Action
	}
}

func count(packages map[string]results) Summary {
	var total Summary
	for _, r := range packages {
		s := r.count()
		total.Passed += s.Passed
		total.Failed += s.Failed
		total.Skipped += s.Skipped
	}
	return total
}

func (r results) count() Summary {
	parents, blamed := r.parents()
	var s Summary
	for test, outcome := range r {
		switch {
		case test == "":
		case failed(outcome):
			if !blamed[test] {
				s.Failed++
			}
		case parents[test]:
		case outcome == actionSkip:
			s.Skipped++
		default:
			s.Passed++
		}
	}
	if s.Failed == 0 && failed(r[""]) {
		s.Failed = 1
	}
	return s
}

// parents returns the tests that have subtests, and among them those that
// failed because a subtest did.
func (r results) parents() (parents, blamed map[string]bool) {
	parents, blamed = map[string]bool{}, map[string]bool{}
	for test, outcome := range r {
		for i, c := range test {
			if c != '/' {
				continue
			}
			parent := test[:i]
			parents[parent] = true
			if failed(outcome) {
				blamed[parent] = true
			}
		}
	}
	return parents, blamed
}

// failed is true also for a test that was started and never finished: the
// process died or timed out under it.
func failed(outcome string) bool {
	return outcome == actionFail || outcome == actionRun
}
