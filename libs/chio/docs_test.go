package chio

import (
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

const document = "../../docs/tables.md"

// sections returns the parts of the document by the name in their heading.
func sections(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	heading := regexp.MustCompile(`(?m)^##+ (.+)$`)
	text := string(data)
	at := heading.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		out[text[m[2]:m[3]]] = text[m[1]:end]
	}
	return out
}

// The document names every table, view and column that exists, with its type, and no others.
func TestDocumentIsComplete(t *testing.T) {
	s := open(t)
	parts := sections(t)
	exists := schema(t, s)
	row := regexp.MustCompile("(?m)^\\| `(\\w+)` *\\| `([^`]+)`")
	table := "" // of which the views below speak
	for name := range exists {
		if _, ok := parts[name]; !ok {
			t.Errorf("%s does not describe %s", document, name)
		}
	}
	for _, r := range records() {
		table = r.Table()
		base := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(parts[table], -1) {
			base[m[1]] = m[2]
		}
		compare(t, table, maps.Clone(base), exists[table])
		for _, view := range viewsOf(table) {
			described := map[string]string{}
			if strings.Contains(parts[view], "Columns as in the table") {
				for c, typ := range base {
					if !strings.Contains(parts[view], "without `"+c+"`") {
						described[c] = typ
					}
				}
			}
			for _, m := range row.FindAllStringSubmatch(parts[view], -1) {
				described[m[1]] = m[2]
			}
			compare(t, view, described, exists[view])
			delete(exists, view)
		}
		delete(exists, table)
	}
	for name := range exists {
		t.Errorf("%s belongs to no table", name)
	}
}

// viewsOf returns the views on a table.
func viewsOf(table string) []string {
	switch table {
	case "observation_revisions":
		return []string{"v_revisions"}
	case "forecasts":
		return []string{"v_forecasts", "v_forecasts_latest"}
	case "scores":
		return []string{"v_scores", "v_scores_daily"}
	case "alerts":
		return []string{"v_alerts", "v_alerts_open", "v_alert_history", "v_alert_response", "v_alert_noise"}
	case "query_log":
		return []string{"v_queries"}
	}
	return []string{"v_" + table}
}

func compare(t *testing.T, name string, described map[string]string, exists [][2]string) {
	t.Helper()
	for _, c := range exists {
		if got := described[c[0]]; got != plainType(c[1]) {
			t.Errorf("%s describes %s.%s as %q, it is %q", document, name, c[0], got, plainType(c[1]))
		}
		delete(described, c[0])
	}
	for c := range described {
		t.Errorf("%s describes %s.%s, which does not exist", document, name, c)
	}
}

// Every query of the document runs and finds something.
func TestQueriesOfTheDocument(t *testing.T) {
	s := open(t)
	write(t, s, "t", fixture()...)
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	if len(queries) < len(records()) {
		t.Errorf("%d queries, want one a table at least", len(queries))
	}
	for _, q := range queries {
		if _, rows, err := s.Query(t.Context(), q[1]); err != nil || len(rows) == 0 {
			t.Errorf("%d rows, %v from query\n%s", len(rows), err, q[1])
		}
	}
}

// Somebody types the queries of the runbooks in the middle of an outage: they must at least run.
func TestQueriesOfTheRunbooks(t *testing.T) {
	s := open(t)
	data, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		for q := range strings.SplitSeq(regexp.MustCompile(`--.*`).ReplaceAllString(block[1], ""), ";") {
			if strings.TrimSpace(q) == "" {
				continue
			}
			n++
			if _, _, err := s.Query(t.Context(), q); err != nil {
				t.Errorf("%v from query\n%s", err, q)
			}
		}
	}
	if n < 10 {
		t.Errorf("%d queries found in the runbooks, want more: has their form changed?", n)
	}
}

// What the document says about curl: the query is the body, database and format are parameters.
func TestPlainHTTP(t *testing.T) {
	cfg := config(t)
	s := open(t)
	write(t, s, "t", fixture()...)
	url := "http://" + cfg.Addr + "/?default_format=CSVWithNames&database=" + cfg.Database
	body := strings.NewReader("SELECT series, ts FROM v_observations WHERE series = 'eia.PJM' ORDER BY ts LIMIT 1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\"series\",\"ts\"\n\"eia.PJM\",\"2026-03-01 00:00:00.000\"\n"; string(got) != want {
		t.Errorf("status %s, answer\n%s\nwant\n%s", res.Status, got, want)
	}
}
