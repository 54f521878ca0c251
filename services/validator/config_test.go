package validator

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// TestDefaults keeps the tags and DefaultConfig in step.
func TestDefaults(t *testing.T) {
	t.Parallel()
	var got Config
	parser, err := kong.New(&got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(DefaultConfig(), got); diff != "" {
		t.Errorf("flags without arguments differ from DefaultConfig (-want +got):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	c := Config{
		Min: 5, Max: 5, HighFactor: 1, LowFactor: 1, MinReference: 0, LevelPoints: 1, LevelFactor: 0.5,
		FutureTolerance: -time.Second, LateAfter: -time.Second, RevisionLimit: -1, SpikeRate: -1, FlatPoints: 1,
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		"max 5", "high-factor 1", "low-factor 1", "min-reference 0", "level-points 1", "level-factor 0.5",
		"future-tolerance -1s", "late-after -1s", "revision-limit -1", "spike-rate -1", "flat-points 1",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("error does not name %q:\n%v", field, err)
		}
	}
}
