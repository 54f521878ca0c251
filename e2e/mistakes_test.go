package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakesAreNamed makes the mistakes users make. Each must end the command at once with a line that names the
// field and says what to do.
func TestMistakesAreNamed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	up := []string{"up", "--dir=" + dir + "/data", "--bus-addr=127.0.0.1:0", "--store-addr=127.0.0.1:0", "--ingestor-eia-key=K", "--ingestor-areas=TVA"}
	for name, tc := range map[string]struct {
		args []string
		want []string // all in one line
	}{
		"no areas":             {[]string{"up", "--ingestor-eia-key=K"}, []string{"ingestor-areas", "name at least one"}},
		"no key":               {[]string{"up", "--ingestor-areas=TVA"}, []string{"eia-key", "EIA_API_KEY"}},
		"bad range":            {append(up, "--forecaster-horizon=0"), []string{"forecaster-horizon", "1..1000"}},
		"unknown service":      {append(up, "--services=forcaster"), []string{"services", "forcaster", "forecaster"}},
		"unknown flag":         {append(up, "--areas=TVA"), []string{"--areas"}},
		"dir is in a file":     {append(up, "--dir="+file+"/x"), []string{"dir:", file, "--dir"}},
		"dir is nowhere":       {append(up, "--dir="+dir+"/no/such/folder"), []string{"dir:", "/no/such/folder", "--dir"}},
		"bus not reachable":    {[]string{"status", "--nats-url=nats://127.0.0.1:1", "--nats-connect-wait=1s"}, []string{"nats", "127.0.0.1:1", "bellwether up"}},
		"bad address of store": {[]string{"migrate", "--clickhouse-addr=nowhere"}, []string{"addr", "host:port"}},
		"bad series":           {[]string{"train", "PJM", "--nats-url=nats://127.0.0.1:1", "--nats-connect-wait=1s"}, []string{"PJM", "<source>.<key>"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), program(t, dir, "bellwether"), tc.args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Run(); err == nil {
				t.Fatal("the command succeeded")
			}
			for line := range strings.Lines(stderr.String()) {
				found := true
				for _, w := range tc.want {
					found = found && strings.Contains(line, w)
				}
				if found {
					return
				}
			}
			t.Errorf("no line of stderr has all of %q:\n%s", tc.want, stderr.String())
		})
	}
}
