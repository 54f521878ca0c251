package clickhouse

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// encoding is a way to compress an HTTP body as a whole, apart from
// ClickHouse's own blocks.
type encoding struct {
	name   string // in Content-Encoding and Accept-Encoding
	reader func(io.Reader) (io.Reader, error)
	writer func(io.Writer) (io.WriteCloser, error)
}

// The levels are the cheap ones: results are compressed while somebody waits.
const (
	zlibLevel   = 3
	brotliLevel = 2
)

// encodings are those that are understood, the ones a server prefers first.
//
//nolint:gochecknoglobals // immutable
var encodings = []encoding{
	{
		name: "zstd",
		reader: func(r io.Reader) (io.Reader, error) {
			// One worker is none: the decoder needs no goroutine that would have to be ended.
			return wrapped(zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)))
		},
		writer: func(w io.Writer) (io.WriteCloser, error) {
			return wrapped(zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)))
		},
	},
	{
		name:   "br",
		reader: func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil },
		writer: func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, brotliLevel), nil },
	},
	{
		name:   "lz4",
		reader: func(r io.Reader) (io.Reader, error) { return lz4.NewReader(r), nil },
		writer: func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
	},
	{
		name:   "gzip",
		reader: func(r io.Reader) (io.Reader, error) { return wrapped(gzip.NewReader(r)) },
		writer: func(w io.Writer) (io.WriteCloser, error) { return wrapped(gzip.NewWriterLevel(w, zlibLevel)) },
	},
	{ // which by its definition is zlib's
		name:   "deflate",
		reader: func(r io.Reader) (io.Reader, error) { return wrapped(zlib.NewReader(r)) },
		writer: func(w io.Writer) (io.WriteCloser, error) { return wrapped(zlib.NewWriterLevel(w, zlibLevel)) },
	},
}

// maxWindow bounds what a zstd stream may make the decoder remember: the most
// that its command line tool writes without being asked for more.
const maxWindow = 128 << 20

func wrapped[T any](v T, err error) (T, error) {
	if err != nil {
		return v, fmt.Errorf("compression: %w", err)
	}
	return v, nil
}

// decode undoes the Content-Encoding name.
func decode(name string, body io.Reader) (io.Reader, error) {
	if name == "" || name == "identity" {
		return body, nil
	}
	i := slices.IndexFunc(encodings, func(e encoding) bool { return e.name == name })
	if i < 0 {
		return nil, exception(codeUnknownCompression, "Unknown Content-Encoding %q: send zstd, br, lz4, gzip, deflate or plain. (UNKNOWN_COMPRESSION_METHOD)", name)
	}
	r, err := encodings[i].reader(body)
	if err != nil {
		return nil, bodyError(err)
	}
	return r, nil
}

// acceptable picks the encoding of a response from an Accept-Encoding header, nil for none.
func acceptable(accept string) *encoding {
	var offered []string
	for part := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(part, ";")
		weight = strings.ReplaceAll(weight, " ", "")
		if !strings.HasPrefix(weight, "q=0") || strings.Trim(weight, "q=0.") != "" {
			offered = append(offered, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	for i := range encodings {
		if slices.Contains(offered, encodings[i].name) {
			return &encodings[i]
		}
	}
	return nil
}
