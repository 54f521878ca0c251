package monitor

import (
	"os"
	"strings"
	"testing"
)

// The oracle is docs/alerting.md, worked out by hand for each scenario; see the file.
func TestScenarioFile(t *testing.T) {
	data, err := os.ReadFile("testdata/scenarios.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := ReadScenarios(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Scenarios) < 60 {
		t.Errorf("%d scenarios, want 60 at least", len(file.Scenarios))
	}
	for _, s := range file.Scenarios {
		t.Run(s.Name, func(t *testing.T) {
			got, err := s.Play(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := s.Differences(got); len(diff) > 0 {
				t.Error(strings.Join(diff, "\n"))
			}
		})
	}
}
