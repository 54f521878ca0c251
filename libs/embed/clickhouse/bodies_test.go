package clickhouse_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// codecs are the other end of each encoding.
func codecs() map[string]struct {
	writer func(io.Writer) io.WriteCloser
	reader func(io.Reader) (io.Reader, error)
} {
	return map[string]struct {
		writer func(io.Writer) io.WriteCloser
		reader func(io.Reader) (io.Reader, error)
	}{
		"gzip":    {func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"deflate": {func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
		"br":      {func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
		"lz4":     {func(w io.Writer) io.WriteCloser { return lz4.NewWriter(w) }, func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil }},
		"zstd": {func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				panic(err)
			}
			return z
		}, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }},
	}
}

func TestEncodings(t *testing.T) {
	table := create(t, client(t, nil), "(n UInt64) ENGINE = MergeTree ORDER BY n")
	rows := strings.Repeat("7\n", 300_000)
	for name, codec := range codecs() {
		t.Run(name, func(t *testing.T) {
			var sent bytes.Buffer
			w := codec.writer(&sent)
			if _, err := io.WriteString(w, rows); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if a := encoded(t, name, "INSERT INTO "+table+" FORMAT TSV", &sent); a.status != http.StatusOK {
				t.Fatal(a.body)
			}
			a := encoded(t, name, "SELECT n FROM "+table, nil)
			r, err := codec.reader(strings.NewReader(a.body))
			if err != nil {
				t.Fatalf("%v of %s %.100q", err, a.header.Get("Content-Encoding"), a.body)
			}
			got, err := io.ReadAll(r)
			if err != nil || string(got) != rows || a.header.Get("Content-Encoding") != name {
				t.Errorf("read %d bytes of %q, %v; want %d of %q", len(got), a.header.Get("Content-Encoding"), err, len(rows), name)
			}
			// An error after the first megabyte is in the body, compressed as that is.
			a = encoded(t, name, "SELECT throwIf(number = 1000000) FROM numbers(2000000)", nil)
			if r, err = codec.reader(strings.NewReader(a.body)); err != nil {
				t.Fatal(err)
			}
			if got, err = io.ReadAll(r); err != nil || !bytes.HasSuffix(got, []byte("\r\n__exception__\r\n")) {
				t.Errorf("%v; a result that broke off ends with %.200q", err, got[max(0, len(got)-200):])
			}
			mustPost(t, "TRUNCATE TABLE "+table, nil)
		})
	}
}

// encoded sends a body in an encoding, and accepts that for the answer.
func encoded(t *testing.T, name, query string, body io.Reader) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/?"+url.Values{"query": {query}}.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Encoding", name)
	}
	req.Header.Set("Accept-Encoding", name)
	return do(t, req)
}

// Clients switch compression of the answer off.
func TestNoEncoding(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/?enable_http_compression=0&query=SELECT+1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "zstd")
	if a := do(t, req); a.body != "1\n" || a.header.Get("Content-Encoding") != "" {
		t.Errorf("body %q in encoding %q", a.body, a.header.Get("Content-Encoding"))
	}
}
