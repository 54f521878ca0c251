package chdb

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"unsafe"
)

// errNoResult is a null result, which the library documents as impossible.
var errNoResult = errors.New("chdb: the library returned no result")

// Error is an exception raised by the engine.
type Error struct {
	// Code is ClickHouse's error code, for example 60 for an unknown table.
	// 0 means that the engine gave none.
	Code int
	// Message is the full text, starting with "Code: N. DB::Exception: ".
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

func (l *Library) result(h handle) (*Result, error) {
	if h == 0 {
		return nil, errNoResult
	}
	r := &Result{lib: l, h: h}
	if text := l.resultError(h); text != "" {
		r.Close()
		return nil, newException(text)
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

// Stats returns the counters of the statement so far.
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

func newException(text string) *Error {
	m := regexp.MustCompile(`^Code: (\d+)\. `).FindStringSubmatch(text)
	if m == nil {
		return &Error{Message: fmt.Sprintf("DB::Exception: %s", text)}
	}
	code, _ := strconv.Atoi(m[1])
	return &Error{Code: code, Message: text}
}
