package clickhouse_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/goleak"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
)

// server is the engine all tests share: a process can have one. Tests that
// need an engine of their own run in a child process.
var server *clickhouse.Server

// analyst is the reader of the shared engine.
var analyst = clickhouse.Analyst{
	Password:  "reads",
	MaxMemory: 100 << 20,
	MaxTime:   2 * time.Second,
	Filters:   map[string]string{"default.filtered": "k != 'it\\'s secret'"},
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(childEnv) != "" { // the child opens its own
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "clickhouse-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	if server, err = clickhouse.Open(ctx, clickhouse.Config{Dir: dir, Analyst: analyst, QueryLog: "logs.query_log"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := server.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// client connects clickhouse-go to the shared engine; edit changes its options.
func client(tb testing.TB, edit func(*ch.Options)) ch.Conn {
	tb.Helper()
	opts := &ch.Options{Addr: []string{server.Addr()}, Protocol: ch.HTTP}
	if edit != nil {
		edit(opts)
	}
	conn, err := ch.Open(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := conn.Close(); err != nil {
			tb.Error(err)
		}
	})
	return conn
}

// create makes a table named after the test, drops it afterwards and returns
// its name.
func create(tb testing.TB, conn ch.Conn, definition string) string {
	tb.Helper()
	name := "`" + strings.ReplaceAll(tb.Name(), "/", "_") + "`"
	if err := conn.Exec(tb.Context(), "CREATE OR REPLACE TABLE "+name+" "+definition); err != nil {
		tb.Fatal(err)
	}
	return name
}
