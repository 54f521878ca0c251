package main

import (
	"fmt"
	"strings"
	"testing"
)

// events turns "package test action" lines into `go test -json` records; a test
// of "-" stands for the package itself. The want columns below are counted by
// hand from the rule in Summary's documentation.
func events(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		f := strings.Fields(line)
		fmt.Fprintf(&b, "{\"Action\":%q,\"Package\":%q,\"Test\":%q}\n", f[2], f[0], strings.TrimPrefix(f[1], "-"))
	}
	return b.String()
}

func TestSummarize(t *testing.T) {
	tests := []struct {
		name  string
		input string
		want  Summary
	}{
		{"nothing ran", "", Summary{}},
		{"package without tests", events("a - start", "a - skip"), Summary{}},
		{"flat", events("a T run", "a T pass", "a U run", "a U skip", "a - pass"), Summary{Passed: 1, Skipped: 1}},
		{
			"subtests count, their parents do not",
			events("a T run", "a T/x run", "a T/x/1 run", "a T/x/1 pass", "a T/x pass", "a T/y run", "a T/y skip", "a T pass", "a - pass"),
			Summary{Passed: 1, Skipped: 1},
		},
		{
			"a failing subtest counts once",
			events("a T run", "a T/x run", "a T/x/1 fail", "a T/x fail", "a T/y pass", "a T fail", "a - fail"),
			Summary{Passed: 1, Failed: 1},
		},
		{"a parent that fails by itself", events("a T/x pass", "a T fail", "a - fail"), Summary{Passed: 1, Failed: 1}},
		{"same name in two packages", events("a T pass", "b T fail", "b - fail", "a - pass"), Summary{Passed: 1, Failed: 1}},
		{"prefix is not parenthood", events("a T pass", "a TT/x pass", "a TT pass", "a - pass"), Summary{Passed: 2}},
		{"build failure", "{\"ImportPath\":\"a\",\"Action\":\"build-fail\"}\n" + events("a - fail"), Summary{Failed: 1}},
		{"leak found after the tests", events("a T pass", "a - fail"), Summary{Passed: 1, Failed: 1}},
		{"timeout leaves a test running", events("a T run", "a U run", "a U pass", "a - fail"), Summary{Passed: 1, Failed: 1}},
		{"one bad round of two", events("a T run", "a T fail", "a T run", "a T pass", "a - fail"), Summary{Failed: 1}},
		{"cut off by a kill", events("a T run", "a T pass") + `{"Action":"pa`, Summary{Passed: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Summarize(strings.NewReader(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSummarizeRejectsOtherText(t *testing.T) {
	if s, err := Summarize(strings.NewReader("ok  \ta\t0.1s\n")); err == nil {
		t.Errorf("got %v, want an error", s)
	}
}

func TestSummaryLine(t *testing.T) {
	const want = "tests: passed=3 failed=2 skipped=1"
	if got := (Summary{Passed: 3, Failed: 2, Skipped: 1}).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
