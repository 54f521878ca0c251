package clickhouse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
)

// A body cut off anywhere but between two blocks must not look complete.
func TestBlockReader(t *testing.T) {
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	var sent bytes.Buffer
	for _, part := range []string{strings.Repeat("ab", 1000), "end"} {
		if err := w.Compress([]byte(part)); err != nil {
			t.Fatal(err)
		}
		sent.Write(w.Data)
	}
	whole, last := sent.Len(), sent.Len()-len(w.Data)
	for n := range whole + 1 {
		got, err := io.ReadAll(newBlockReader(bytes.NewReader(sent.Bytes()[:n])))
		var want error
		if n != 0 && n != last && n != whole {
			want = io.ErrUnexpectedEOF
		}
		if !errors.Is(err, want) {
			t.Fatalf("%d of %d bytes: error %v, want %v", n, whole, err, want)
		}
		if n == whole && string(got) != strings.Repeat("ab", 1000)+"end" {
			t.Errorf("got %d bytes, want 2003", len(got))
		}
	}
}

func TestCappedReader(t *testing.T) {
	for _, tc := range []struct {
		body string
		code int
	}{{body: "1234"}, {body: "12345", code: codeQueryTooLarge}} {
		got, err := io.ReadAll(&cappedReader{in: strings.NewReader(tc.body), left: 4, limit: 4})
		if tc.code == 0 && (err != nil || string(got) != tc.body) {
			t.Errorf("%q: read %q, error %v", tc.body, got, err)
		}
		if e := asException(err); tc.code != 0 && (e == nil || e.Code != tc.code) {
			t.Errorf("%q: error %v, want code %d", tc.body, err, tc.code)
		}
	}
}
