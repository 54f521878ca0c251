package bellwether

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
)

// ask posts a statement to the store as a user.
func askStore(t *testing.T, addr, user, password, statement string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/?database=bellwether", strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// embeddedStore runs the store for the test, and returns how to reach it.
func embeddedStore(t *testing.T, limits storeFlags) chio.Config {
	t.Helper()
	client := chio.DefaultConfig()
	client.Password = "writes"
	a := app.New(10 * time.Second)
	e, err := openEmbedded(t.Context(), a, embedded{dir: t.TempDir(), store: true, storeAddr: "127.0.0.1:0", limits: limits, clickhouse: client}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e.clickhouse
}

func TestEmbeddedStoreHasAnAnalystAndALog(t *testing.T) {
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("reads\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := embeddedStore(t, storeFlags{
		Log: true, Analyst: analystFlags{User: "eve", PasswordFile: password, Filter: map[string]string{"observations": "series = 'eia.PJM'"}},
	}).Addr
	for _, series := range []string{"eia.PJM", "eia.MISO"} {
		if got := askStore(t, addr, "default", "writes", fmt.Sprintf("INSERT INTO observations (series, ts, value) VALUES ('%s', now64(), 1)", series)); got != "" {
			t.Fatal(got)
		}
	}
	if got := askStore(t, addr, "eve", "reads", "SELECT series FROM v_observations"); got != "eia.PJM\n" {
		t.Errorf("the analyst sees %q, want one series", got)
	}
	if got := askStore(t, addr, "eve", "reads", "TRUNCATE TABLE observations"); !strings.Contains(got, "Code: 164") {
		t.Errorf("the analyst may truncate: %q", got)
	}
	if got := askStore(t, addr, "default", "", "SELECT 1"); !strings.Contains(got, "Code: 516") {
		t.Errorf("the other user comes in without a password: %q", got)
	}
	askStore(t, addr, "default", "writes", "SYSTEM FLUSH LOGS")
	if got, want := askStore(t, addr, "default", "writes", "SELECT kind, exception_code FROM v_queries WHERE user = 'eve' ORDER BY started_at"), "Select\t0\nTruncate\t164\n"; got != want {
		t.Errorf("log of the analyst %q, want %q", got, want)
	}
}

func TestStoreFlagsRefuseTwoPasswords(t *testing.T) {
	f := storeFlags{Analyst: analystFlags{Password: "x", PasswordFile: "y"}}
	if _, err := f.config(chio.DefaultConfig()); err == nil || !strings.Contains(err.Error(), "set one of them") {
		t.Errorf("config = %v, want it refused", err)
	}
}

func TestAnAnalystNeedsALockedDoor(t *testing.T) {
	f := storeFlags{Analyst: analystFlags{Password: "x"}}
	if _, err := f.config(chio.DefaultConfig()); !errors.Is(err, errOpenDoor) {
		t.Errorf("config = %v, want errOpenDoor", err)
	}
}
