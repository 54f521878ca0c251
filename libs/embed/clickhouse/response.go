package clickhouse

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/native"
)

//nolint:gochecknoglobals // pool of copy buffers
var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// response encodes a result and sends it. Nothing is sent before the first
// write or finish, so that an error before it can still set the status.
type response struct {
	w      http.ResponseWriter
	q      *request
	format string
	tag    string
	sent   bool

	blocks  *compress.Writer // nil: plain
	gzip    *gzip.Writer     // nil: plain
	scratch []byte
	held    bytes.Buffer // output of a request that wants nothing before the end
}

func newResponse(w http.ResponseWriter, q *request) *response {
	out := &response{w: w, q: q, format: first(q.statement.Format, q.format), tag: strings.ReplaceAll(newQueryID(), "-", "")[:16]}
	h := w.Header()
	h.Set("X-ClickHouse-Format", out.format)
	h.Set("X-ClickHouse-Exception-Tag", out.tag)
	h.Set("Content-Type", contentType(out.format))
	if q.compress != compress.None {
		out.blocks = compress.NewWriter(compress.LevelZero, q.compress)
	}
	if q.gzip {
		h.Set("Content-Encoding", "gzip")
		out.gzip = gzip.NewWriter(w)
	}
	return out
}

// summary reports what the statement read and wrote.
func (out *response) summary(s chdb.Stats) {
	out.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d"}`,
		s.RowsRead, s.BytesRead, s.RowsWritten, s.BytesWritten))
}

// write sends a part of the result; more follows.
func (out *response) write(block []byte) error {
	data, err := out.encode(block)
	if err != nil {
		return err
	}
	if out.q.hold {
		out.held.Write(data)
		return nil
	}
	if err := out.send(data); err != nil {
		return err
	}
	if out.gzip == nil {
		_ = http.NewResponseController(out.w).Flush() // a failure shows at the next write
	}
	return nil
}

// finish sends the last part of the result, or the empty result.
func (out *response) finish(block []byte) error {
	data, err := out.encode(block)
	if err != nil {
		return err
	}
	if out.held.Len() > 0 {
		out.held.Write(data)
		data = out.held.Bytes()
	}
	if !out.sent && out.gzip == nil {
		out.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	if err := out.send(data); err != nil {
		return err
	}
	if out.gzip != nil {
		return out.gzip.Close()
	}
	return nil
}

// fail reports an error, by status or, if that was sent, inside of the body.
func (out *response) fail(err error) {
	if !out.sent {
		out.w.Header().Del("X-ClickHouse-Exception-Tag")
		writeException(out.w, err)
		return
	}
	data := frame(toException(err), out.tag)
	if out.blocks != nil && out.blocks.Compress(data) == nil {
		data = out.blocks.Data
	}
	_ = out.send(data) // the client may be gone
	if out.gzip != nil {
		_ = out.gzip.Close()
	}
}

// encode brings a part of the result into the form the client asked for. The
// returned slice is valid until the next call.
func (out *response) encode(block []byte) ([]byte, error) {
	if len(block) == 0 {
		return nil, nil
	}
	if out.q.revision > 0 && strings.EqualFold(out.format, "Native") {
		var err error
		if out.scratch, err = native.Upgrade(out.scratch[:0], block, out.q.revision); err != nil {
			return nil, exception(codeNotImplemented, "%v: convert the column in the query", err)
		}
		block = out.scratch
	}
	if out.blocks != nil {
		if err := out.blocks.Compress(block); err != nil {
			return nil, fmt.Errorf("compress result: %w", err)
		}
		block = out.blocks.Data
	}
	return block, nil
}

func (out *response) send(data []byte) error {
	out.sent = true
	var w io.Writer = out.w
	if out.gzip != nil {
		w = out.gzip
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("send result: %w", err)
	}
	return nil
}

func contentType(format string) string {
	switch f := strings.ToLower(format); {
	case strings.HasPrefix(f, "tabseparated"), strings.HasPrefix(f, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8; header=absent"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case f == "native", strings.HasPrefix(f, "rowbinary"):
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}
