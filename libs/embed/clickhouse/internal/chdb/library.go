// Package chdb binds the C API of libchdb, the ClickHouse engine as a shared
// library, without cgo.
//
// The binding is thin: it loads the library, turns the library's signal
// handlers off (the Go runtime must keep its own), opens connections and runs
// statements. A connection runs one statement at a time and is not safe for
// concurrent use; the library itself is. Every SQL text, parameter and data
// chunk is passed with its length, so zero bytes are allowed anywhere.
package chdb

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"
)

// handle is an opaque pointer owned by the library. It is never dereferenced
// here and never points into Go memory.
type handle uintptr

// Library is a loaded libchdb. It stays loaded until the process ends, since
// the engine's threads may outlive its last connection.
type Library struct {
	setSignalHandlers func(enabled int32)
	version           func() string

	connect  func(argc int32, argv unsafe.Pointer) handle
	closeCon func(conn handle)

	query  func(conn handle, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) handle
	stream func(conn handle, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) handle
	insert func(conn handle, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) handle

	fetch        func(conn, stream handle) handle
	cancelStream func(conn, stream handle)

	appendInsert  func(stream handle, data unsafe.Pointer, n uintptr) int32
	doneInsert    func(stream handle) handle
	cancelInsert  func(stream handle)
	insertError   func(stream handle) string
	destroyInsert func(stream handle)

	buffer        func(result handle) unsafe.Pointer
	length        func(result handle) uintptr
	resultError   func(result handle) string
	rowsRead      func(result handle) uint64
	bytesRead     func(result handle) uint64
	rowsWritten   func(result handle) uint64
	bytesWritten  func(result handle) uint64
	destroyResult func(result handle)
}

// Load opens the shared library at path and resolves every function used
// here. Loading the same path twice is cheap and harmless.
func Load(path string) (*Library, error) {
	so, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	l := &Library{}
	for name, fn := range map[string]any{
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_version":                     &l.version,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeCon,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.stream,
		"chdb_stream_insert_with_params_n": &l.insert,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancelStream,
		"chdb_stream_append":               &l.appendInsert,
		"chdb_stream_done":                 &l.doneInsert,
		"chdb_stream_cancel_insert":        &l.cancelInsert,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.destroyInsert,
		"chdb_result_buffer":               &l.buffer,
		"chdb_result_length":               &l.length,
		"chdb_result_error":                &l.resultError,
		"chdb_result_storage_rows_read":    &l.rowsRead,
		"chdb_result_storage_bytes_read":   &l.bytesRead,
		"chdb_result_rows_written":         &l.rowsWritten,
		"chdb_result_bytes_written":        &l.bytesWritten,
		"chdb_destroy_query_result":        &l.destroyResult,
	} {
		symbol, err := purego.Dlsym(so, name)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", path, err)
		}
		purego.RegisterFunc(fn, symbol)
	}
	// Before the first connection: afterwards the handlers would already have
	// replaced those of the Go runtime (preemption, nil dereference, SIGTERM).
	l.setSignalHandlers(0)
	return l, nil
}

// Version is the library's own version, such as "26.7.3".
func (l *Library) Version() string { return l.version() }
