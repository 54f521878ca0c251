package chdb

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"
)

// errNoResult is a null result, which the library documents as impossible.
var errNoResult = errors.New("chdb: the library returned no result")

// Error is an exception raised by the engine.
type Error struct {
	// Code is ClickHouse's error code, for example 60 for an unknown table.
	// 0 means that the engine gave none.
	Code int
	// Message is the full text; with a code it starts with
	// "Code: N. DB::Exception: ".
	Message string
}

// Error returns the engine's text.
func (e *Error) Error() string { return e.Message }

// Result is a block of output in the format of the statement, in memory of
// the library.
type Result struct {
	lib *Library
	h   handle
}

// Stats counts what a statement read from and wrote to tables.
type Stats struct {
	RowsRead, BytesRead, RowsWritten, BytesWritten uint64
}

// Add adds what a later piece of the same statement counted.
func (s *Stats) Add(t Stats) {
	s.RowsRead += t.RowsRead
	s.BytesRead += t.BytesRead
	s.RowsWritten += t.RowsWritten
	s.BytesWritten += t.BytesWritten
}

func (l *Library) result(h handle) (*Result, error) {
	if h == 0 {
		return nil, errNoResult
	}
	r := &Result{lib: l, h: h}
	if text := l.resultError(h); text != "" {
		r.Close()
		return nil, newError(text)
	}
	return r, nil
}

// Bytes is the output. It is valid until Close and must not be modified.
func (r *Result) Bytes() []byte {
	n := r.lib.length(r.h)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(r.lib.buffer(r.h)), n)
}

// Stats returns what the statement read and wrote for this output: all of it for
// a whole result, the part since the piece before for a piece of a stream.
func (r *Result) Stats() Stats {
	return Stats{
		RowsRead: r.lib.rowsRead(r.h), BytesRead: r.lib.bytesRead(r.h),
		RowsWritten: r.lib.rowsWritten(r.h), BytesWritten: r.lib.bytesWritten(r.h),
	}
}

// Close frees the output.
func (r *Result) Close() {
	if r.h != 0 {
		r.lib.destroyResult(r.h)
		r.h = 0
	}
}

// newError takes the code out of the engine's text.
func newError(text string) *Error {
	e := &Error{Message: text}
	if rest, ok := strings.CutPrefix(text, "Code: "); ok {
		number, _, _ := strings.Cut(rest, ".")
		e.Code, _ = strconv.Atoi(number) // 0 if it is none
	}
	return e
}
