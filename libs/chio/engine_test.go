package chio

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// engine is the real store of these tests, one for all: each test has a database of its own in it.
var engine *clickhouse.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "chio")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if engine, err = clickhouse.Open(ctx, clickhouse.Config{Dir: dir, Addr: "127.0.0.1:0", Analyst: clickhouse.Analyst{Password: "reads"}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := engine.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// config returns a config for a database of the test's own.
func config(tb testing.TB) Config {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Addr = engine.Addr()
	cfg.Database = "db_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, tb.Name())
	return cfg
}

// open migrates a database of the test's own and opens it.
func open(tb testing.TB) *Store {
	tb.Helper()
	cfg := config(tb)
	if _, err := Migrate(tb.Context(), cfg, Options{}); err != nil {
		tb.Fatal(err)
	}
	return connect(tb, cfg)
}

func connect(tb testing.TB, cfg Config) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), cfg, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func write(tb testing.TB, s *Store, token string, rows ...stage.Row) {
	tb.Helper()
	if err := s.Write(tb.Context(), token, rows); err != nil {
		tb.Fatal(err)
	}
}

func count(tb testing.TB, s *Store, table string) uint64 {
	tb.Helper()
	n, err := s.Count(tb.Context(), table)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

var (
	pjm = series.ID{Source: "eia", Key: "PJM"}
	// epoch is the first hour of the test data, in winter time of PJM's zone.
	epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

// hour returns the i-th hour of the test data.
func hour(i int) time.Time { return epoch.Add(time.Duration(i) * time.Hour) }
