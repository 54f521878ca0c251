package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/services/internal/node"
)

type config struct {
	Limit int `help:"A limit." default:"1" env:"TEST_LIMIT"`
}

func (c config) Validate() error {
	if c.Limit < 0 {
		return errors.New("limit: negative")
	}
	return nil
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("limit: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want int, args ...string) {
		t.Helper()
		limit := -1
		s := Service[config]{Name: "x", Help: "x.", Run: func(_ context.Context, _ node.Config, c config, _ *zap.Logger) error {
			limit = c.Limit
			return nil
		}}
		if err := s.run(t.Context(), args, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		if limit != want {
			t.Errorf("%v: limit %d, want %d", args, limit, want)
		}
	}
	check(1)
	check(2, "--config="+file)
	t.Setenv("TEST_LIMIT", "3")
	check(3, "--config="+file)
	check(4, "--config="+file, "--limit=4")
}

func TestBadFieldsAreAllReported(t *testing.T) {
	s := Service[config]{Name: "x", Help: "x.", Run: func(context.Context, node.Config, config, *zap.Logger) error { return nil }}
	err := s.run(t.Context(), []string{"--limit=-1", "--heartbeat=1ms", "--http=nowhere"}, &bytes.Buffer{})
	var out bytes.Buffer
	if code := Exit("x", err, &out); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"limit:", "heartbeat:", "http:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output does not name %s:\n%s", want, &out)
		}
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "x: ") {
			t.Errorf("line %q does not begin with the command's name", line)
		}
	}
}

func TestUnknownKeyOfTheFileIsNamedWithTheNearest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(file, []byte("limt: 2\nnats:\n  url: nats://x:4222\n  colour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Service[config]{Name: "x", Help: "x.", Run: func(context.Context, node.Config, config, *zap.Logger) error { return nil }}
	err := s.run(t.Context(), []string{"--config=" + file}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), `"limt" is not a flag; did you mean "limit"?`) || !strings.Contains(err.Error(), `"nats-colour" is not a flag`) || strings.Contains(err.Error(), "nats-url") {
		t.Errorf("error %v, want both unknown keys and the nearest flag", err)
	}
}
