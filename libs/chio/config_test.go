package chio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// flags embeds Config the way services do.
type flags struct {
	Store Config `embed:"" prefix:"store." envprefix:"BELLWETHER_STORE_"`
}

func parse(t *testing.T, args ...string) Config {
	t.Helper()
	var f flags
	k, err := kong.New(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f.Store
}

func TestDefaultsOfFlags(t *testing.T) {
	if diff := cmp.Diff(DefaultConfig(), parse(t)); diff != "" {
		t.Errorf("flags without arguments differ from DefaultConfig (-want +got):\n%s", diff)
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("DefaultConfig is not valid: %v", err)
	}
}

func TestEnvironmentAndFlags(t *testing.T) {
	t.Setenv("BELLWETHER_STORE_ADDR", "ch-0:8123,ch-1:8123")
	t.Setenv("BELLWETHER_STORE_PASSWORD", "s3cret")
	got := parse(t, "--store.database=fc", "--store.tls")
	want := DefaultConfig()
	want.Addr, want.Password, want.Database, want.TLS = "ch-0:8123,ch-1:8123", "s3cret", "fc", true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config mismatch (-want +got):\n%s", diff)
	}
}

func TestValidateNamesEveryField(t *testing.T) {
	err := Config{Addr: "localhost", Database: "a-b", Password: "x", PasswordFile: "y"}.Validate()
	if err == nil {
		t.Fatal("Validate accepted a config with every field wrong")
	}
	for _, field := range []string{
		"addr", "database", "user", "password", "dial_timeout", "write_timeout", "query_timeout", "cooldown", "max_conns", "failures",
	} {
		if !strings.Contains(err.Error(), "clickhouse "+field+": ") {
			t.Errorf("error does not name %s:\n%v", field, err)
		}
	}
	if strings.Contains(err.Error(), `"x"`) {
		t.Errorf("error shows the password:\n%v", err)
	}
}

func TestPasswordFile(t *testing.T) {
	cfg := DefaultConfig()
	cfg.PasswordFile = filepath.Join(t.TempDir(), "password")
	if _, err := cfg.options(cfg.Database); err == nil {
		t.Error("a password file that is missing is no error")
	}
	if err := os.WriteFile(cfg.PasswordFile, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	opt, err := cfg.options(cfg.Database)
	if err != nil {
		t.Fatal(err)
	}
	if opt.Auth.Password != "s3cret" {
		t.Errorf("password is %q, want the line of the file", opt.Auth.Password)
	}
}
