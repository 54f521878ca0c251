package clickhouse_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
)

// logTable is the table the shared engine notes statements in, as the project's migrations make it.
const logTable = `CREATE TABLE IF NOT EXISTS logs.query_log (query_id String, user LowCardinality(String), kind LowCardinality(String),
	started_at DateTime64(3, 'UTC'), elapsed_seconds Float64, read_rows UInt64, read_bytes UInt64, written_rows UInt64, written_bytes UInt64,
	result_bytes UInt64, exception_code UInt32, exception String, database LowCardinality(String), client LowCardinality(String), text String)
	ENGINE = MergeTree ORDER BY (started_at, query_id)`

func mustPost(t *testing.T, query string, params url.Values) answer {
	t.Helper()
	a := post(t, query, params, nil)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %s", query, a.body)
	}
	return a
}

// logged returns columns of what was noted of a statement.
func logged(t *testing.T, columns, id string) string {
	t.Helper()
	mustPost(t, "CREATE DATABASE IF NOT EXISTS logs", nil)
	mustPost(t, logTable, nil)
	mustPost(t, "SYSTEM FLUSH LOGS", nil)
	return mustPost(t, "SELECT "+columns+" FROM logs.query_log WHERE query_id = {id:String}", url.Values{"param_id": {id}}).body
}

func TestQueryLog(t *testing.T) {
	table := create(t, client(t, nil), "(id UInt32, s String) ENGINE = MergeTree ORDER BY id")
	// The engine does not always count the last blocks of a stream.
	const columns = "user, kind, if(result_bytes > 1000000, read_rows > 0, read_rows), written_rows, written_bytes > 0, result_bytes, exception_code, database, text"
	for name, tc := range map[string]struct {
		query, body, params string
		want                string
	}{
		"select":        {query: "SELECT sum(number) FROM numbers(3000000)", want: "default\tSelect\t3000000\t0\t0\t14\t0\tdefault\tSELECT sum(number) FROM numbers(3000000)\n"},
		"streamed":      {query: "SELECT number FROM numbers(300000) FORMAT RowBinary", want: "default\tSelect\t1\t0\t0\t2400000\t0\tdefault\tSELECT number FROM numbers(300000) FORMAT RowBinary\n"},
		"select, small": {query: "SELECT 'a\tb' -- it's", params: "database=system", want: "default\tSelect\t1\t0\t0\t5\t0\tsystem\tSELECT \\'a\\tb\\' -- it\\'s\n"},
		"insert":        {query: "INSERT INTO " + table + " FORMAT TSV", body: "1\tx\n2\ty\n", want: "default\tInsert\t0\t2\t1\t0\t0\tdefault\tINSERT INTO " + table + " FORMAT TSV\n"},
		"insert values": {query: "INSERT INTO " + table + " VALUES (1, 'secret')", want: "default\tInsert\t1\t1\t1\t0\t0\tdefault\tINSERT INTO " + table + " FORMAT Values\n"},
		"insert select": {query: "INSERT INTO " + table + " SELECT number, '' FROM numbers(10)", want: "default\tInsert\t10\t10\t1\t0\t0\tdefault\tINSERT INTO " + table + " SELECT number, \\'\\' FROM numbers(10)\n"},
		"error":         {query: "SELECT nosuch", want: "default\tSelect\t0\t0\t0\t0\t47\tdefault\tSELECT nosuch\n"},
		"two":           {query: "SELECT 1; DROP TABLE x", want: "default\tSelect\t0\t0\t0\t0\t62\tdefault\tSELECT 1; DROP TABLE x\n"},
		"bad setting":   {query: "SELECT 1", params: "nosuch=1", want: "default\tSelect\t0\t0\t0\t0\t115\tdefault\tSELECT 1\n"},
		"no query":      {params: "database=x", want: "default\t\t0\t0\t0\t0\t62\tx\t\n"},
	} {
		t.Run(name, func(t *testing.T) {
			params, err := url.ParseQuery(tc.params)
			if err != nil {
				t.Fatal(err)
			}
			params.Set("query_id", t.Name())
			post(t, tc.query, params, strings.NewReader(tc.body))
			if diff := cmp.Diff(tc.want, logged(t, columns, t.Name())); diff != "" {
				t.Errorf("entry mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQueryLogOfAnalyst(t *testing.T) {
	asAnalyst(t, "DROP TABLE x", url.Values{"query_id": {t.Name()}})
	if got, want := logged(t, "user, kind, exception_code, client", t.Name()), "analyst\tDrop\t164\tGo-http-client/1.1\n"; got != want {
		t.Errorf("entry %q, want %q", got, want)
	}
}

// A statement that is long in coming to an end is noted with its time, and as killed when its client left.
func TestQueryLogOfCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	id := t.Name() + rand.Text()
	params := url.Values{"query_id": {id}, "query": {"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number))"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL()+"/?"+params.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := errgroup.Group{}
	g.Go(func() error {
		if res, err := http.DefaultClient.Do(req); err == nil {
			return res.Body.Close()
		}
		return nil
	})
	waitFor(t, 1)
	cancel()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 0)
	deadline := time.Now().Add(10 * time.Second)
	for got := ""; got != "394\t1\n"; { // the handler returns a moment after the engine has let go
		if got = logged(t, "exception_code, elapsed_seconds > 0", id); time.Now().After(deadline) {
			t.Fatalf("entry %q, want code 394 and a time", got)
		}
	}
}

func TestLogDoesNotLogItself(t *testing.T) {
	logged(t, "1", "")
	if got := mustPost(t, "SELECT count() FROM logs.query_log WHERE text LIKE 'INSERT INTO `logs`%'", nil).body; got != "0\n" {
		t.Errorf("%s statements of the log in the log", got)
	}
}

// What is noted before the table exists, and while the server closes, is in it.
func TestQueryLogIsComplete(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir := t.TempDir()
	s := open(t, clickhouse.Config{Dir: dir, QueryLog: "logs.query_log"})
	exec1(t, s, "SELECT 'before'")
	exec1(t, s, "SYSTEM FLUSH LOGS")
	exec1(t, s, "CREATE DATABASE logs")
	exec1(t, s, logTable)
	exec1(t, s, "SELECT 'after'")
	closeServer(t, s, 3*time.Second)

	s = open(t, clickhouse.Config{Dir: dir})
	defer closeServer(t, s, 3*time.Second)
	want := "SELECT 'before'\nSYSTEM FLUSH LOGS\nCREATE DATABASE logs\n" + logTable + "\nSELECT 'after'\n"
	if diff := cmp.Diff(want, exec1(t, s, "SELECT text FROM logs.query_log ORDER BY started_at FORMAT TSVRaw")); diff != "" {
		t.Errorf("log mismatch (-want +got):\n%s", diff)
	}
}
