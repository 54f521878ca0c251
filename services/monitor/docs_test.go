package monitor

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rule"
)

// Every alert that can be raised must be in the runbooks, each with its four parts, and nothing else.
func TestRunbooksAreComplete(t *testing.T) {
	data, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, part := range strings.Split(string(data), "\n## ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		sections[name] = body
	}
	names := append(rule.Names(), rule.Codes()...)
	for _, name := range names {
		body, ok := sections[name]
		if !ok {
			t.Errorf("docs/runbooks.md has no section %s", name)
			continue
		}
		for _, part := range []string{"**Meaning**", "**Likely causes**", "**Confirm**", "**Do**"} {
			if !strings.Contains(body, part) {
				t.Errorf("section %s of docs/runbooks.md has no %s", name, part)
			}
		}
	}
	heading := regexp.MustCompile(`^[a-z_]+$`)
	for name := range sections {
		if heading.MatchString(name) && !slices.Contains(names, name) {
			t.Errorf("docs/runbooks.md has a section %s, but no alert of that name is raised", name)
		}
	}
}

func TestConfigDefaultsAreThoseOfTheTags(t *testing.T) {
	var got Config
	parser, err := kong.New(&got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(DefaultConfig(), got); diff != "" {
		t.Errorf("defaults mismatch (-DefaultConfig +tags):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
}

func TestConfigValidateNamesEveryBadField(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Expect = []string{"a", "a", ""}
	cfg.ExpectGrace, cfg.HeartbeatFloor, cfg.StallFor, cfg.LagGrowingFor = 0, 0, 0, 0
	cfg.StallForService = map[string]time.Duration{"trainer": -1}
	cfg.StaleFor, cfg.KeepFiringFor, cfg.DriftCooldown, cfg.SettleFor, cfg.HeartbeatEvery = -1, -1, -1, -1, -1
	cfg.QuietPeriod, cfg.DriftQuiet, cfg.DriftStep, cfg.StaleFactor, cfg.MaxOpen = 0, 0, 0, 0.5, 0
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		`expect: "a" is named twice`, "expect: name 3 is empty", "expect-grace", "heartbeat-floor", "stall-for:", "stall-for-service",
		"lag-growing-for", "stale-factor", "stale-for", "keep-firing-for", "quiet-period", "max-open", "drift-quiet", "drift-cooldown",
		"drift-step", "settle-for", "heartbeat-every",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q is not named in:\n%v", field, err)
		}
	}
	if _, err := New(cfg, nil, nil); err == nil {
		t.Error("New takes a bad configuration")
	}
}
