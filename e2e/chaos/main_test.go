package chaos

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bellwether-forecast/bellwether/services/bellwether"
)

// TestMain makes this test binary also the program under test: under the name bellwether it is that program.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "bellwether" {
		os.Exit(bellwether.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// programs returns this binary under the name bellwether, which runs every service.
func programs(t *testing.T) Programs {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bellwether")
	// A hard link keeps the name when the program asks for its own path; a copy does where links are not to be had.
	if err := os.Link(self, path); err != nil {
		if err := copyFile(path, self); err != nil {
			t.Fatal(err)
		}
	}
	return Programs{Bellwether: path}
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
