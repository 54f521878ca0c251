package e2e

import (
	"bytes"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var lastLine = regexp.MustCompile(`^demo: data=(real|generated) areas=(\d+) observations=(\d+) quarantined=(\d+) forecasts=(\d+) ` +
	`mape=(\d+\.\d\d) naive_mape=(\d+\.\d\d) alerts_raised=(\d+) alerts_resolved=(\d+) seconds=(\d+)$`)

// TestDemo runs the command that users run first, on real demand when it is at hand, and holds it to its last line. It
// replays a whole week: against the seasonal naive forecast of a day, weekends decide. Its processes run with the race
// detector, so they get less history to learn from.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program(t, dir, "bellwether"), "demo", "--exit",
		"--dir="+dir+"/demo", "--api-server="+program(t, dir, "eiasim"), "--bus-addr=127.0.0.1:0", "--store-addr=127.0.0.1:0",
		"--history=150", "--replay=7", "--patience=240s")
	cmd.Dir = ".." // the data folder is looked for beside the checkout
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	t.Logf("%s%s", stdout.String(), stderr.String())
	if err != nil {
		t.Fatalf("demo: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	m := lastLine.FindStringSubmatch(lines[len(lines)-1])
	if m == nil {
		t.Fatalf("last line %q does not match %s", lines[len(lines)-1], lastLine)
	}
	t.Logf("ran on %s data", m[1])
	var v []float64
	for _, s := range m[2:] {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		v = append(v, x)
	}
	areas, observations, quarantined, forecasts, mape, naive, raised, resolved := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	for what, ok := range map[string]bool{
		"12 areas": areas == 12,
		// A hundred and fifty days and a week, less what the areas did not report.
		"observations of every hour":         observations > 0.97*12*24*157,
		"the corrupt rows in quarantine":     quarantined >= 2,
		"48 forecast points an area an hour": forecasts > 0.95*12*48*24*7,
		"better than naive":                  mape > 0 && mape < naive,
		"an alert for each fault":            raised >= 5,
		"every alert resolved":               raised == resolved,
	} {
		if !ok {
			t.Errorf("the demo did not show %s: %s", what, m[0])
		}
	}
}
