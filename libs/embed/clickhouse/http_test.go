package clickhouse_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answer is what matters of an HTTP response.
type answer struct {
	status int
	code   string // X-ClickHouse-Exception-Code
	body   string
	header http.Header
}

// post sends a statement in the URL, or in the body if query is empty.
func post(t *testing.T, query string, params url.Values, body io.Reader) answer {
	t.Helper()
	if params == nil {
		params = url.Values{}
	}
	if query != "" {
		params.Set("query", query)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/?"+params.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: res.StatusCode, code: res.Header.Get("X-ClickHouse-Exception-Code"), body: string(body), header: res.Header}
}

// The oracle is a ClickHouse server's documented HTTP interface: results,
// error codes and the status for each code.
func TestPlainHTTP(t *testing.T) {
	for name, tc := range map[string]struct {
		query, params, body string
		status              int
		code, want          string
	}{
		"query in the URL":            {query: "SELECT 1", status: 200, want: "1\n"},
		"query in the body":           {body: "SELECT 1", status: 200, want: "1\n"},
		"query in both":               {query: "SELECT", body: "1 + 1", status: 200, want: "2\n"},
		"trailing semicolon":          {body: "SELECT 1; -- end\n", status: 200, want: "1\n"},
		"semicolon in a string":       {body: "SELECT 'a;b'", status: 200, want: "a;b\n"},
		"two statements":              {body: "SELECT 1; SELECT 2", status: 400, code: "62"},
		"empty":                       {body: " ", status: 400, code: "62"},
		"syntax error":                {body: "SELEKT 1", status: 400, code: "62"},
		"unknown table":               {body: "SELECT * FROM nosuch", status: 404, code: "60"},
		"unknown database":            {body: "SELECT 1", params: "database=nosuch", status: 404, code: "81"},
		"unknown setting":             {body: "SELECT 1", params: "nosuch=1", status: 404, code: "115"},
		"setting with a strange name": {body: "SELECT 1", params: "a%3D1,b=1", status: 404, code: "115"},
		"bad value of a setting":      {body: "SELECT 1", params: "max_threads=x", status: 400, code: "27"},
		"setting":                     {body: "SELECT getSetting('max_block_size')", params: "max_block_size=77", status: 200, want: "77\n"},
		"query's setting wins":        {body: "SELECT getSetting('max_block_size') SETTINGS max_block_size=5", params: "max_block_size=77", status: 200, want: "5\n"},
		"setting with quotes":         {body: "SELECT getSetting('log_comment')", params: "log_comment=it%27s+%5C", status: 200, want: "it\\'s \\\\\n"},
		"database":                    {body: "SELECT currentDatabase()", params: "database=system", status: 200, want: "system\n"},
		"default format":              {body: "SELECT 1 AS x", params: "default_format=JSONEachRow", status: 200, want: "{\"x\":1}\n"},
		"format clause wins":          {body: "SELECT 1 AS x FORMAT CSV", params: "default_format=Native", status: 200, want: "1\n"},
		"format with a head":          {body: "SELECT number AS x FROM numbers(3) SETTINGS max_block_size=1 FORMAT CSVWithNames", status: 200, want: "\"x\"\n0\n1\n2\n"},
		"column named format":         {body: "SELECT format FROM (SELECT 1 AS format) ORDER BY format DESC", status: 200, want: "1\n"},
		"totals":                      {body: "SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS ORDER BY k", status: 200, want: "0\t2\n1\t2\n\n0\t4\n"},
		"parameter":                   {body: "SELECT {a:UInt8} + 1", params: "param_a=41", status: 200, want: "42\n"},
		"escaped parameter":           {body: "SELECT length({a:String})", params: "param_a=x%5Cty%27", status: 200, want: "4\n"},
		"missing parameter":           {body: "SELECT {a:UInt8}", status: 500, code: "456"},
		"no rows":                     {body: "SELECT 1 WHERE 0", status: 200, want: ""},
		"show":                        {body: "SHOW DATABASES LIKE 'syst%'", status: 200, want: "system\n"},
		"describe in JSON":            {body: "DESCRIBE TABLE system.one FORMAT JSONEachRow", status: 200, want: "{\"name\":\"dummy\",\"type\":\"UInt8\",\"default_type\":\"\",\"default_expression\":\"\",\"comment\":\"\",\"codec_expression\":\"\",\"ttl_expression\":\"\"}\n"},
		"explain":                     {body: "EXPLAIN SYNTAX SELECT 1", status: 200, want: "SELECT 1\nFROM system.one\n"},
		"with":                        {body: "WITH 3 AS x SELECT x", status: 200, want: "3\n"},
		"union":                       {body: "(SELECT 1) UNION ALL (SELECT 1)", status: 200, want: "1\n1\n"},
		"out file":                    {body: "SELECT 1 INTO OUTFILE '/tmp/x'", status: 501, code: "48"},
		"role":                        {body: "SELECT 1", params: "role=x", status: 501, code: "48"},
		"timeout":                     {body: "SELECT sleepEachRow(0.05) FROM numbers(100) SETTINGS max_block_size=1", params: "max_execution_time=0.2", status: 408, code: "159"},
		"ignored option":              {body: "SELECT 1", params: "quota_key=x&wait_end_of_query=1", status: 200, want: "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			params, err := url.ParseQuery(tc.params)
			if err != nil {
				t.Fatal(err)
			}
			got := post(t, tc.query, params, strings.NewReader(tc.body))
			if got.status != tc.status || got.code != tc.code || tc.code == "" && got.body != tc.want {
				t.Errorf("status %d, code %q, body %q; want %d, %q, %q", got.status, got.code, got.body, tc.status, tc.code, tc.want)
			}
			if prefix := "Code: " + tc.code + ". DB::Exception: "; tc.code != "" && !strings.HasPrefix(got.body, prefix) {
				t.Errorf("body %q does not start with %q", got.body, prefix)
			}
		})
	}
}

func TestInsertForms(t *testing.T) {
	conn := client(t, nil)
	table := create(t, conn, "(id UInt32, s String) ENGINE = Memory")
	for name, tc := range map[string]struct{ query, body string }{
		"all in the body":                {body: "INSERT INTO " + table + " VALUES (1, 'a;b'), (2, 'c')"},
		"values in the body":             {query: "INSERT INTO " + table + " VALUES", body: "(1, 'a;b'), (2, 'c')"},
		"values in both":                 {query: "INSERT INTO " + table + " VALUES (1, 'a;b')", body: ", (2, 'c')"},
		"default format":                 {query: "INSERT INTO " + table + " (id, s)", body: "(1, 'a;b'), (2, 'c')"},
		"data in another format":         {query: "INSERT INTO " + table + " FORMAT CSV", body: "1,a;b\n2,c\n"},
		"data behind the format":         {body: "INSERT INTO " + table + " FORMAT CSV\n1,a;b\n2,c\n"},
		"settings before the format":     {query: "INSERT INTO " + table + " SETTINGS max_insert_threads=1 FORMAT JSONEachRow", body: `{"id":1,"s":"a;b"}{"id":2,"s":"c"}`},
		"insert from select":             {body: "INSERT INTO " + table + " SELECT number + 1, ['a;b', 'c'][number + 1] FROM numbers(2)"},
		"insert from select in the URL":  {query: "INSERT INTO " + table + " SELECT number + 1, ['a;b', 'c'][number + 1] FROM numbers(2)"},
		"semicolon behind the values":    {body: "INSERT INTO " + table + " VALUES (1, 'a;b'), (2, 'c');\n"},
		"parenthesised table expression": {body: "INSERT INTO TABLE " + table + " (s, id) VALUES ('a;b', 1), ('c', 2)"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := post(t, tc.query, nil, strings.NewReader(tc.body)); a.status != http.StatusOK || a.body != "" {
				t.Fatalf("status %d, body %s", a.status, a.body)
			}
			got := post(t, "SELECT * FROM "+table+" ORDER BY id", nil, nil)
			if diff := cmp.Diff("1\ta;b\n2\tc\n", got.body); diff != "" {
				t.Errorf("rows mismatch (-want +got):\n%s", diff)
			}
			if a := post(t, "TRUNCATE TABLE "+table, nil, nil); a.status != http.StatusOK {
				t.Fatal(a.body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	got := post(t, "SELECT 1 FORMAT JSONCompact", url.Values{"query_id": {"q-1"}}, nil)
	const summary = `{"read_rows":"1","read_bytes":"1","written_rows":"0","written_bytes":"0","elapsed_ns":"`
	if !strings.HasPrefix(got.header.Get("X-ClickHouse-Summary"), summary) {
		t.Errorf("X-ClickHouse-Summary is %q, want it to begin with %q", got.header.Get("X-ClickHouse-Summary"), summary)
	}
	for name, want := range map[string]string{
		"X-ClickHouse-Query-Id": "q-1",
		"X-ClickHouse-Format":   "JSONCompact",
		"X-ClickHouse-Timezone": "UTC",

		"Content-Type": "application/json; charset=UTF-8",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	if got.header.Get("X-ClickHouse-Server-Display-Name") == "" {
		t.Error("no X-ClickHouse-Server-Display-Name")
	}
	if other := post(t, "SELECT 1", nil, nil); len(other.header.Get("X-ClickHouse-Query-Id")) != 36 {
		t.Errorf("generated query ID is %q, want a UUID", other.header.Get("X-ClickHouse-Query-Id"))
	}
}

func TestGet(t *testing.T) {
	for path, want := range map[string]answer{
		"/ping":                           {status: 200, body: "Ok.\n"},
		"/":                               {status: 200, body: "Ok.\n"},
		"/nosuch":                         {status: 404, body: "There is no handle /nosuch\n"},
		"/?query=SELECT%201":              {status: 200, body: "1\n"},
		"/?query=DROP%20TABLE%20x":        {status: 500, code: "164"},
		"/?query=SELECT%201&user=default": {status: 200, body: "1\n"},
		"/?query=SELECT%201&user=eve":     {status: 403, code: "516"},
		"/?query=SELECT%201&user=default&password=x": {status: 403, code: "516"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := do(t, req)
		if got.status != want.status || got.code != want.code || want.code == "" && got.body != want.body {
			t.Errorf("GET %s: status %d, code %q, body %q; want %d, %q, %q", path, got.status, got.code, got.body, want.status, want.code, want.body)
		}
	}
}
