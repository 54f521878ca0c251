package chaos

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shortRun is a run small enough for every test run: a kill of each process, and some of the rest.
func shortRun(t *testing.T) Config {
	t.Helper()
	return Config{
		Dir: dir(t), Programs: programs(t), Seed: 7, Duration: time.Second, Faults: 10,
		Kinds: []string{
			kill + "ingestor", kill + "validator", kill + "trainer", kill + "forecaster", kill + "monitor", kill + busName, kill + storeName,
			blackHole, poisonMessage, upstreamTwice,
		},
		Series: 2, Pace: 200 * time.Millisecond, Out: t.Output(),
	}
}

// dir returns a folder that is kept when the test fails.
func dir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "bellwether-chaos-") //nolint:usetesting // t.TempDir is removed when the test fails too
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("everything is kept in %s", d)
		} else if err := Clean(d); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestNothingIsLost runs the pipeline under a fault of each of ten kinds and holds it to its promises.
func TestNothingIsLost(t *testing.T) {
	cfg := shortRun(t)
	report, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if report.Faults < cfg.Faults || report.Kinds != len(cfg.Kinds) || report.Acked < 1000 || report.DeadLettered < 3 {
		t.Errorf("too little happened for the run to mean anything: %s", report)
	}
}

// TestAcknowledgingTooEarlyIsFound gives the pipeline a validator that acknowledges before it has written. The checker
// must report what is lost by that.
func TestAcknowledgingTooEarlyIsFound(t *testing.T) {
	cfg := shortRun(t)
	bad := filepath.Join(t.TempDir(), "validator")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags=chaosdefect", "-o", bad, "./services/cmd/validator")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the bad validator: %v\n%s", err, out)
	}
	cfg.Programs.Services = map[string]string{"validator": bad}
	cfg.Kinds, cfg.Faults = []string{kill + "validator"}, 2
	report, err := Run(t.Context(), cfg)
	if !errors.Is(err, ErrFound) || report.Lost == 0 {
		t.Errorf("the run ended with %v and %s, want losses", err, report)
	}
	if last := report.String(); !strings.HasPrefix(last, "chaos: faults=2 kinds=1 acked=") {
		t.Errorf("last line %q", last)
	}
}
