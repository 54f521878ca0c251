package clickhouse_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The oracle is the same query in one block, which the engine formats as a whole.
func TestStreamedFormatsHaveOneHeader(t *testing.T) {
	const query = "SELECT number AS `a\"\nb`, toString(number) AS s, [number] AS l FROM numbers(7) ORDER BY number"
	for _, format := range []string{
		"TSV", "TSVWithNames", "TabSeparatedWithNamesAndTypes", "CSV", "CSVWithNames", "CSVWithNamesAndTypes", "JSONEachRow", "JSONCompactEachRow",
		"JSONCompactEachRowWithNames", "JSONCompactEachRowWithNamesAndTypes", "RowBinary", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes",
	} {
		t.Run(format, func(t *testing.T) {
			want := mustPost(t, query, url.Values{"default_format": {format}}).body
			got := mustPost(t, query, url.Values{"default_format": {format}, "max_block_size": {"2"}}).body
			if got != want || want == "" {
				t.Errorf("in blocks of two rows\n%q\nin one\n%q", got, want)
			}
			empty := mustPost(t, query+" LIMIT 0", url.Values{"default_format": {format}}).body
			// As on a server, a result without rows has its header.
			if strings.Contains(format, "WithNames") != (empty != "") || !strings.HasPrefix(want, empty) {
				t.Errorf("without rows %q, with them %q", empty, want)
			}
		})
	}
}

// The beginning of a result arrives before its end is made: this one has none.
func TestLargeResultIsStreamed(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/?default_format=CSVWithNames", strings.NewReader("SELECT number, sleepEachRow(0.0000001) AS s FROM numbers(1000000000000)"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	head := make([]byte, 3<<20)
	if _, err := io.ReadFull(res.Body, head); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(head), "\"number\",\"s\"\n0,0\n1,0\n") || strings.Count(string(head), "number") != 1 {
		t.Errorf("the result begins with %.100q", head)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	waitForStatements(t, "sleepEachRow(0.0000001)", 0)
}
