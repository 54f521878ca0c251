package bellwether

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestClearDirEmptiesOnlyADemosOwnFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	if err := clearDir(dir); err != nil {
		t.Fatalf("a new folder: %v", err)
	}
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := clearDir(dir); err != nil {
		t.Fatalf("an earlier demo's folder: %v", err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("an earlier demo's file is still there: %v", err)
	}

	foreign := t.TempDir()
	thesis := filepath.Join(foreign, "thesis.txt")
	if err := os.WriteFile(thesis, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := clearDir(foreign); err == nil || !strings.Contains(err.Error(), "name a new folder") {
		t.Errorf("a foreign folder: %v, want a refusal that says what to do", err)
	}
	if _, err := os.Stat(thesis); err != nil {
		t.Errorf("a foreign file is gone: %v", err)
	}

	// The parent of this process lives as long as this test does.
	if err := os.WriteFile(filepath.Join(dir, marker), []byte(strconv.Itoa(os.Getppid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := clearDir(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the folder of a running demo: %v, want a refusal", err)
	}
}
