package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"
)

// everywhere runs a query on all connections of the engine at the same time
// and returns the different answers. The sleep keeps each connection busy
// until all have begun.
func everywhere(t *testing.T, query string) []string {
	t.Helper()
	g := errgroup.Group{}
	answers := make(chan string, 8)
	for range cap(answers) {
		g.Go(func() error {
			answers <- post(t, query+", sleep(0.1)", nil, nil).body
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(answers)
	seen := map[string]bool{}
	var list []string
	for a := range answers {
		if a = strings.TrimSuffix(a, "\t0\n"); !seen[a] {
			seen[a] = true
			list = append(list, a)
		}
	}
	return list
}

func TestNothingLeaks(t *testing.T) {
	for name, tc := range map[string]struct {
		statement, params string
		probe, want       string
	}{
		"setting of the URL":   {statement: "SELECT 1", params: "max_block_size=77", probe: "SELECT getSetting('max_block_size')", want: "65409"},
		"setting by statement": {statement: "SET max_block_size = 77", probe: "SELECT getSetting('max_block_size')", want: "65409"},
		"readonly":             {statement: "SELECT 1", params: "readonly=1", probe: "SELECT getSetting('readonly')", want: "0"},
		"database of the URL":  {statement: "SELECT 1", params: "database=system", probe: "SELECT currentDatabase()", want: "default"},
		"database by USE":      {statement: "USE system", probe: "SELECT currentDatabase()", want: "default"},
		"temporary table":      {statement: "CREATE TEMPORARY TABLE tmp (x UInt8)", probe: "SELECT count() FROM system.tables WHERE name = 'tmp' AND is_temporary HAVING 1", want: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			params, err := url.ParseQuery(tc.params)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				if a := post(t, tc.statement, params, nil); a.status != http.StatusOK {
					t.Fatal(a.body)
				}
			}
			probe := tc.probe
			if name == "temporary table" {
				probe = "SELECT (SELECT count() FROM system.tables WHERE name = 'tmp' AND is_temporary)"
			}
			if got := everywhere(t, probe); len(got) != 1 || got[0] != tc.want {
				t.Errorf("%s answers %q, want %q on every connection", tc.probe, got, tc.want)
			}
		})
	}
}

func TestParametersDoNotLeak(t *testing.T) {
	for range 20 {
		if a := post(t, "SELECT {secret:String}", url.Values{"param_secret": {"x"}}, nil); a.body != "x\n" {
			t.Fatal(a.body)
		}
	}
	for range 20 {
		if a := post(t, "SELECT {secret:String}", nil, nil); a.code != "456" {
			t.Fatalf("parameter of an earlier request is visible: %s", a.body)
		}
	}
}

func TestParametersOfClient(t *testing.T) {
	conn := client(t, nil)
	var a string
	var b float64
	var c time.Time
	want := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	err := conn.QueryRow(t.Context(), "SELECT {a:String}, {b:Float64}, {c:DateTime('UTC')}",
		ch.Named("a", "it's\ta \\ test\n"), ch.Named("b", "1.5"), ch.DateNamed("c", want, ch.Seconds)).Scan(&a, &b, &c)
	if err != nil {
		t.Fatal(err)
	}
	if a != "it's\ta \\ test\n" || b != 1.5 || !c.Equal(want) {
		t.Errorf("got %q %v %v", a, b, c)
	}
}

// The oracle is the list of error codes of ClickHouse.
func TestTypedErrors(t *testing.T) {
	conn := client(t, nil)
	for query, want := range map[string]int32{
		"SELECT * FROM nosuch": 60,
		"SELECT nosuch":        47,
		"SELECT nosuch()":      46,
		"SELECT FROM WHERE":    62,
		"SELECT 1; SELECT 2":   62,
		"SELECT throwIf(number = 10000000) FROM numbers(20000000)": 395, // in the middle of the result
	} {
		err := drainRows(t.Context(), conn, query)
		var e *ch.Exception
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("%s: error %v, want code %d", query, err, want)
		}
	}
}

func drainRows(ctx context.Context, conn ch.Conn, query string) error {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// A client that goes away must free its connection and stop its statement,
// whatever the statement does.
func TestCancel(t *testing.T) {
	conn := client(t, nil)
	table := create(t, conn, "(n UInt64) ENGINE = MergeTree ORDER BY n")
	for name, query := range map[string]string{
		"query without a result":    "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number))",
		"query with a large result": "SELECT number FROM numbers(1000000000000)",
		"insert from select":        "INSERT INTO " + table + " SELECT number FROM numbers(1000000000000) WHERE rand(number) = 7",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			g := errgroup.Group{}
			g.Go(func() error {
				if err := drainRows(ctx, conn, query); err == nil || ctx.Err() == nil {
					return fmt.Errorf("the query ended before it was cancelled: %w", err)
				}
				return nil
			})
			waitFor(t, 1)
			cancel()
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, 0)
		})
	}
}

// waitFor waits until n statements that contain "numbers(1000000000000)" run in
// the engine.
func waitFor(t *testing.T, n int) {
	t.Helper()
	waitForStatements(t, "numbers(1000000000000)", n)
}

// waitForStatements waits until n statements that contain the text run in the
// engine.
func waitForStatements(t *testing.T, text string, n int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(20 * time.Second)
	want := fmt.Sprintf("%d\n", n)
	for {
		got := post(t, "SELECT count() FROM system.processes WHERE position(query, {text:String}) > 0 AND query NOT LIKE '%system.processes%'", url.Values{"param_text": {text}}, nil).body
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			running := post(t, "SELECT round(elapsed, 1), is_cancelled, query FROM system.processes", nil, nil).body
			t.Fatalf("%s statements run, want %d; of all that run:\n%s", strings.TrimSpace(got), n, running)
		}
	}
}
