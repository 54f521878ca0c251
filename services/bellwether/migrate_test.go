package bellwether

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/chio"
)

func TestPasswordsAreFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"analyst": "reads\n", "monitor": "watches", "..data": "of Kubernetes"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readPasswords(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"analyst": "reads", "monitor": "watches"}, got); diff != "" {
		t.Errorf("passwords mismatch (-want +got):\n%s", diff)
	}
	var out bytes.Buffer
	m := Migrate{Store: chio.DefaultConfig(), Passwords: dir, Print: true}
	if err := m.Run(t.Context(), Output{Out: &out, Err: &out}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"CREATE USER IF NOT EXISTS bellwether_analyst ": true, "CREATE USER IF NOT EXISTS bellwether_trainer ": false, "reads": false, "watches": false} {
		if got := strings.Contains(out.String(), "IDENTIFIED") && strings.Contains(out.String()[strings.Index(out.String(), "CREATE USER"):], text); got != want {
			t.Errorf("what is printed has %q: %v, want %v", text, got, want)
		}
	}
	if err := (&Migrate{Store: chio.DefaultConfig(), Passwords: dir}).Run(t.Context(), Output{Out: &out, Err: &out}); err == nil || !strings.Contains(err.Error(), "--access") {
		t.Errorf("passwords without --access: %v, want them refused", err)
	}
}
