package clickhouse

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
)

// body undoes the encodings of a request body and bounds its size. blocks says
// that the client compressed the data with ClickHouse's own block format.
func (g *gateway) body(r *http.Request, blocks bool) (*bufio.Reader, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return nil, exception(codeNotImplemented, "External tables are not supported by the embedded engine. (NOT_IMPLEMENTED)")
	}
	in, err := decode(r.Header.Get("Content-Encoding"), r.Body)
	if err != nil {
		return nil, err
	}
	if blocks {
		in = newBlockReader(in)
	}
	return bufio.NewReader(&cappedReader{in: in, left: g.maxBody, limit: g.maxBody}), nil
}

// cappedReader fails when more than limit bytes are read.
type cappedReader struct {
	in          io.Reader
	left, limit int64
}

func (c *cappedReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, exception(codeQueryTooLarge, "Request body of more than %d bytes. (QUERY_IS_TOO_LARGE)", c.limit)
	}
	return n, err
}

// blockReader decompresses ClickHouse's block format. The decoder wraps the
// end of the input as an error of its own, at the start of a block as well as
// inside of one: the bytes consumed since the last block tell them apart.
type blockReader struct {
	blocks *compress.Reader
	in     countingReader
}

func newBlockReader(in io.Reader) *blockReader {
	b := &blockReader{in: countingReader{in: in}}
	b.blocks = compress.NewReader(&b.in)
	return b
}

func (b *blockReader) Read(p []byte) (int, error) {
	before := b.in.n
	n, err := b.blocks.Read(p)
	switch {
	case err == nil || !errors.Is(err, io.EOF):
		return n, err
	case b.in.n > before:
		return n, io.ErrUnexpectedEOF
	}
	return n, io.EOF
}

type countingReader struct {
	in io.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// isEmpty reports whether the body has no data left.
func isEmpty(body *bufio.Reader) (bool, error) {
	_, err := body.Peek(1)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, bodyError(err)
	}
	return false, nil
}

// bodyError types the failure to read a body, unless it is typed.
func bodyError(err error) error {
	if asException(err) != nil {
		return err
	}
	return exception(codeCannotReadAll, "Cannot read the request body: %v", err)
}

// drain reads the rest of a refused body, so that a client that sends before
// it listens gets to the answer.
func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, maxStatement) }
