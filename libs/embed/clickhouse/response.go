package clickhouse

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/compress"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/native"
)

// bufferSize is how much of a result is collected before it is sent. As on a
// server, an error before that still sets the status, and a smaller result is
// sent with its length.
const bufferSize = 1 << 20

//nolint:gochecknoglobals // pool of byte slices
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// response encodes a result, collects it and sends it.
type response struct {
	w      http.ResponseWriter
	q      *request
	format string
	tag    string
	sent   bool
	buf    *[]byte // encoded and not sent
	stats  chdb.Stats
	bytes  uint64 // of the result so far, as the engine wrote it

	blocks *compress.Writer // nil: blocks are not compressed
	whole  io.WriteCloser   // nil: the body is not compressed
}

func newResponse(w http.ResponseWriter, q *request) *response {
	out := &response{w: w, q: q, format: first(q.statement.Format, q.format), tag: newTag(), buf: buffers.Get().(*[]byte)}
	h := w.Header()
	h.Set("X-ClickHouse-Query-Id", q.queryID)
	h.Set("X-ClickHouse-Format", out.format)
	h.Set("X-ClickHouse-Exception-Tag", out.tag)
	h.Set("Content-Type", contentType(out.format))
	if q.compress != compress.None {
		out.blocks = compress.NewWriter(compress.LevelZero, q.compress)
	}
	return out
}

// close frees the buffer. A large one is left to the garbage collector.
func (out *response) close() {
	*out.buf = (*out.buf)[:0]
	if cap(*out.buf) <= 2*bufferSize {
		buffers.Put(out.buf)
	}
}

// add counts what the statement read and wrote since the last call. It shows in
// the header unless that is sent.
func (out *response) add(s chdb.Stats) {
	out.stats.Add(s)
	if out.sent {
		return
	}
	out.w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(
		`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d","elapsed_ns":"%d"}`,
		out.stats.RowsRead, out.stats.BytesRead, out.stats.RowsWritten, out.stats.BytesWritten, time.Since(out.q.started).Nanoseconds()))
}

// write adds a part of the result.
func (out *response) write(block []byte) error {
	out.bytes += uint64(len(block))
	if err := out.encode(block); err != nil {
		return err
	}
	if len(*out.buf) < bufferSize || out.q.hold {
		return nil
	}
	return out.send()
}

// finish ends the result.
func (out *response) finish() error {
	if !out.sent && out.q.encoding == nil {
		out.w.Header().Set("Content-Length", strconv.Itoa(len(*out.buf)))
	}
	if err := out.send(); err != nil {
		return err
	}
	if out.whole != nil {
		return out.whole.Close()
	}
	return nil
}

// fail reports an error: by status or, if that was sent, inside of the body.
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
	*out.buf = append(*out.buf, data...)
	_ = out.finish() // the client may be gone
}

// encode appends a part of the result in the form the client asked for.
func (out *response) encode(block []byte) error {
	plain := *out.buf
	if out.blocks != nil {
		plain = nil
	}
	if out.q.revision > 0 && strings.EqualFold(out.format, "Native") {
		var err error
		if plain, err = native.Upgrade(plain, block, out.q.revision); err != nil {
			return exception(codeNotImplemented, "%v: convert the column in the query. (NOT_IMPLEMENTED)", err)
		}
	} else {
		plain = append(plain, block...)
	}
	if out.blocks == nil {
		*out.buf = plain
		return nil
	}
	if len(plain) == 0 {
		return nil
	}
	if err := out.blocks.Compress(plain); err != nil {
		return fmt.Errorf("compress result: %w", err)
	}
	*out.buf = append(*out.buf, out.blocks.Data...)
	return nil
}

// send passes the collected result on.
func (out *response) send() error {
	if e := out.q.encoding; !out.sent && e != nil {
		var err error
		if out.whole, err = e.writer(out.w); err != nil {
			return err
		}
		out.w.Header().Set("Content-Encoding", e.name)
	}
	out.sent = true
	var w io.Writer = out.w
	if out.whole != nil {
		w = out.whole
	}
	_, err := w.Write(*out.buf)
	*out.buf = (*out.buf)[:0]
	if err != nil {
		return fmt.Errorf("send result: %w", err)
	}
	return nil
}

// newTag marks the exception frame of one response; 16 characters.
func newTag() string { return rand.Text()[:16] }

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
