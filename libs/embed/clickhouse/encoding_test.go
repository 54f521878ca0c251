package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAcceptable(t *testing.T) {
	for accept, want := range map[string]string{
		"": "", "identity": "", "snappy, xz": "", "gzip": "gzip", "deflate, gzip, br, zstd": "zstd", "lz4, deflate": "lz4", "GZIP;q=0.5, br;q=0": "gzip",
		"zstd; q=0.0, deflate": "deflate", "*": "",
	} {
		got := ""
		if e := acceptable(accept); e != nil {
			got = e.name
		}
		if got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
		}
	}
}

// A body that was cut off anywhere must not look complete: its rows would be committed.
func TestDecodeOfTruncated(t *testing.T) {
	plain := strings.Repeat("a body of some length, ", 100)
	for _, e := range encodings {
		t.Run(e.name, func(t *testing.T) {
			var sent bytes.Buffer
			w, err := e.writer(&sent)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, plain); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for n := range sent.Len() + 1 {
				var got []byte
				r, err := decode(e.name, bytes.NewReader(sent.Bytes()[:n]))
				if err == nil {
					got, err = io.ReadAll(r)
				}
				if whole := n == sent.Len(); whole != (err == nil) && n > 0 {
					t.Errorf("%d of %d bytes: %d bytes, error %v", n, sent.Len(), len(got), err)
				} else if whole && string(got) != plain {
					t.Errorf("got %d bytes, want %d", len(got), len(plain))
				}
				if errors.Is(err, io.EOF) && err == io.EOF { //nolint:errorlint // the end itself, which callers take for one
					t.Errorf("%d of %d bytes: the error is the end", n, sent.Len())
				}
			}
		})
	}
}
