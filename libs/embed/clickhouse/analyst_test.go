package clickhouse_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
)

// asAnalyst posts a statement as the analyst.
func asAnalyst(t *testing.T, query string, params url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/?"+params.Encode(), strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("analyst", analyst.Password)
	return do(t, req)
}

// filtered makes the table that the analyst sees in part, a view on it and a view on the view.
func filtered(t *testing.T) {
	t.Helper()
	for _, statement := range []string{
		"CREATE OR REPLACE TABLE filtered (k String, ts DateTime64(3), v Float64) ENGINE = ReplacingMergeTree PARTITION BY toYear(ts) ORDER BY (k, ts)",
		"INSERT INTO filtered VALUES ('open', '2024-01-01', 1), ('it\\'s secret', '2024-01-01', 2), ('open', '2025-01-01', 3)",
		"CREATE OR REPLACE VIEW v_filtered AS SELECT * FROM filtered FINAL SETTINGS do_not_merge_across_partitions_select_final = 1",
		"CREATE OR REPLACE VIEW v_filtered_max AS SELECT k, max(v) OVER (PARTITION BY k) AS m FROM v_filtered WHERE k IN (SELECT k FROM filtered)",
	} {
		if a := post(t, "", nil, strings.NewReader(statement)); a.status != http.StatusOK {
			t.Fatalf("%s: %s", statement, a.body)
		}
	}
	t.Cleanup(func() {
		for _, drop := range []string{"VIEW v_filtered_max", "VIEW v_filtered", "TABLE filtered"} {
			req, err := http.NewRequest(http.MethodPost, server.URL(), strings.NewReader("DROP "+drop))
			if err != nil {
				t.Fatal(err)
			}
			do(t, req)
		}
	})
}

// The oracle is a server's user with readonly = 1: code 164 for all that is not reading.
func TestAnalystIsRefused(t *testing.T) {
	filtered(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("must not be seen"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The engine of everybody else does read it: what is tested below is not missing.
	if a := post(t, "SELECT file('"+secret+"')", nil, nil); a.body != "must not be seen\n" {
		t.Fatalf("file() answers %q", a.body)
	}
	for _, query := range []string{
		"INSERT INTO filtered VALUES ('x', '2024-01-01', 1)",
		"INSERT INTO filtered SELECT * FROM filtered",
		"INSERT INTO FUNCTION file('/tmp/x.csv') SELECT 1",
		"DROP TABLE filtered", "TRUNCATE TABLE filtered", "OPTIMIZE TABLE filtered FINAL", "ALTER TABLE filtered DELETE WHERE 1",
		"CREATE TABLE x (a UInt8) ENGINE = Memory", "CREATE TEMPORARY TABLE x (a UInt8)", "RENAME TABLE filtered TO x", "UNDROP TABLE filtered",
		"CREATE VIEW x AS SELECT 1", "CREATE FUNCTION x AS (a) -> a", "DETACH TABLE filtered", "ATTACH TABLE filtered",
		"SET max_threads = 1", "SET readonly = 0", "SET additional_table_filters = {}", "USE system",
		"SELECT 1 SETTINGS max_memory_usage = 0", "SELECT 1 SETTINGS readonly = 0", "SELECT * FROM filtered SETTINGS additional_table_filters = {}",
		"KILL QUERY WHERE 1", "SYSTEM RELOAD CONFIG", "SYSTEM DROP MARK CACHE", "BACKUP TABLE filtered TO File('/tmp/x')",
		"SELECT * FROM file('" + secret + "', 'RawBLOB')", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')", "SELECT * FROM remote('127.0.0.1', 'default', 'filtered')",
		"SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV')", "SELECT * FROM executable('id', 'TSV', 'x String')", "SELECT * FROM filesystem('/')",
		"SELECT * FROM merge('default', '^filtered$')", "SELECT * FROM mergeTreeIndex('default', 'filtered')", "SELECT * FROM eval('SELECT 1')",
		"SELECT catboostEvaluate('/x', 1)", "SELECT aiGenerate('x', 'y')",
		"SELECT file('" + secret + "')", "SELECT FILE('" + secret + "')", "SELECT `file`('" + secret + "')", "SELECT “file”('" + secret + "')",
		"SELECT `f\\x69le`('" + secret + "')", "SELECT file/* */\u00a0('" + secret + "')", "SELECT * APPLY(file) FROM (SELECT '" + secret + "')",
		"SELECT ‘'’, file('" + secret + "'), ‘'’", "WITH x AS (SELECT file('" + secret + "') AS y) SELECT y FROM x", "EXPLAIN SELECT file('" + secret + "')",
		"SELECT * FROM system.one WHERE dummy IN (SELECT toUInt8(length(file('" + secret + "'))))", "DESCRIBE (SELECT file('" + secret + "'))",
	} {
		if a := asAnalyst(t, query, nil); a.code != "164" || strings.Contains(a.body, "must not be seen") {
			t.Errorf("%s: status %d, code %q, body %.200s; want code 164", query, a.status, a.code, a.body)
		}
	}
	if got := post(t, "SELECT count() FROM filtered", nil, nil).body; got != "3\n" {
		t.Errorf("%s rows after all that, want 3", got)
	}
}

func TestAnalystReads(t *testing.T) {
	filtered(t)
	for query, want := range map[string]string{
		"SELECT k, v FROM filtered ORDER BY v":                 "open\t1\nopen\t3\n",
		"SELECT count() FROM filtered":                         "2\n",
		"SELECT k, v FROM default.filtered AS f ORDER BY v":    "open\t1\nopen\t3\n",
		"SELECT k, v FROM v_filtered ORDER BY v":               "open\t1\nopen\t3\n",
		"SELECT DISTINCT k, m FROM v_filtered_max":             "open\t3\n",
		"SELECT k FROM view(SELECT * FROM filtered) LIMIT 1":   "open\n",
		"(SELECT 1) UNION ALL (SELECT 1)":                      "1\n1\n",
		"WITH 1 AS x SELECT x":                                 "1\n",
		"SELECT format('{}', number) FROM numbers(1)":          "0\n",
		"SELECT 1 AS x FORMAT JSONEachRow":                     "{\"x\":1}\n",
		"SHOW TABLES LIKE 'filtered'":                          "filtered\n",
		"EXISTS filtered":                                      "1\n",
		"SELECT getSetting('readonly'), currentDatabase()":     "1\tdefault\n",
		"SELECT 'file(', 1 AS `merge`":                         "file(\t1\n",
		"SELECT {a:String}":                                    "x\n",
		"DESCRIBE (SELECT 1 AS x) FORMAT JSONCompactEachRow":   "[\"x\", \"UInt8\", \"\", \"\", \"\", \"\", \"\"]\n",
		"SELECT count() FROM system.tables WHERE name = 'one'": "1\n",
	} {
		a := asAnalyst(t, query, url.Values{"param_a": {"x"}})
		if a.status != http.StatusOK || a.body != want {
			t.Errorf("%s: status %d, body %q, want %q", query, a.status, a.body, want)
		}
	}
}

func TestAnalystSettings(t *testing.T) {
	for name, tc := range map[string]struct{ params, query, code, want string }{
		"may shorten the time":    {params: "max_execution_time=1", query: "SELECT getSetting('max_execution_time')", want: "1\n"},
		"may not lengthen it":     {params: "max_execution_time=65", query: "SELECT getSetting('max_execution_time')", want: "2\n"},
		"may not lift it":         {params: "max_execution_time=0", query: "SELECT getSetting('max_execution_time')", want: "2\n"},
		"is read-only as asked":   {params: "readonly=2", query: "SELECT getSetting('readonly')", want: "1\n"},
		"harmless":                {params: "limit=1&output_format_json_quote_64bit_integers=1", query: "SELECT toUInt64(number) AS x FROM numbers(3) FORMAT JSONEachRow", want: "{\"x\":\"0\"}\n"},
		"database":                {params: "database=system", query: "SELECT currentDatabase()", want: "system\n"},
		"not more memory":         {params: "max_memory_usage=0", query: "SELECT 1", code: "164"},
		"not out of read-only":    {params: "readonly=0", query: "SELECT 1", code: "164"},
		"not out of the filters":  {params: "additional_table_filters=%7B%7D", query: "SELECT 1", code: "164"},
		"not another schema file": {params: "format_schema=/etc/passwd", query: "SELECT 1", code: "164"},
		"unknown":                 {params: "output_format_nosuch=1", query: "SELECT 1", code: "115"},
		"time ends":               {query: "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number))", code: "159"},
		"memory ends":             {query: "SELECT length(range(50000000))", code: "241"},
	} {
		t.Run(name, func(t *testing.T) {
			params, err := url.ParseQuery(tc.params)
			if err != nil {
				t.Fatal(err)
			}
			if a := asAnalyst(t, tc.query, params); a.code != tc.code || tc.code == "" && a.body != tc.want {
				t.Errorf("code %q, body %.200q; want %q, %q", a.code, a.body, tc.code, tc.want)
			}
		})
	}
}

// Analysts wait for each other, and nobody waits for them.
func TestAnalystsDoNotHoldUpOthers(t *testing.T) {
	g := errgroup.Group{}
	for range 9 { // as many as there are connections, and one more
		g.Go(func() error {
			if a := asAnalyst(t, "SELECT sleep(0.3)", nil); a.body != "0\n" {
				return fmt.Errorf("answer %q", a.body)
			}
			return nil
		})
	}
	waitForStatements(t, "SELECT sleep(0.3)", clickhouse.DefaultAnalystConnections)
	for range 20 {
		got := post(t, "SELECT getSetting('readonly'), countIf(query = 'SELECT sleep(0.3)') FROM system.processes", nil, nil).body
		if got != "0\t0\n" && got != "0\t1\n" && got != "0\t2\n" {
			t.Errorf("read-only and statements of analysts: %q, want 0 and at most %d", got, clickhouse.DefaultAnalystConnections)
		}
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// clickhouse-go asks for max_execution_time when its context has a deadline.
func TestAnalystByClient(t *testing.T) {
	filtered(t)
	db := ch.OpenDB(&ch.Options{Addr: []string{server.Addr()}, Protocol: ch.HTTP, Auth: ch.Auth{Username: "analyst", Password: analyst.Password}})
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count() FROM v_filtered").Scan(&n); err != nil || n != 2 {
		t.Errorf("counted %d, %v; want 2", n, err)
	}
	if _, err := db.ExecContext(t.Context(), "DROP TABLE filtered"); err == nil || !strings.Contains(err.Error(), "164") {
		t.Errorf("DROP by an analyst: %v", err)
	}
}
