package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
	"github.com/bellwether-forecast/bellwether/services/bellwether"
)

// TestMain makes this test binary also the two programs under test: under the name of one of them it is that program.
// So the tests run real processes, with the race detector if the tests have it, and need no build step.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "bellwether":
		os.Exit(bellwether.Main(os.Args[1:], os.Stdout, os.Stderr))
	case "eiasim":
		os.Exit(eiasim.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// program returns the path of this binary under the name of a program.
func program(t *testing.T, dir, name string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	// A hard link keeps the name when the program asks for its own path; a copy does where links are not to be had.
	if err := os.Link(self, path); err != nil && !errors.Is(err, os.ErrExist) {
		if err := copyFile(path, self); err != nil {
			t.Fatal(err)
		}
	}
	return path
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
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
