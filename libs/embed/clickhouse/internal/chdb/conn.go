package chdb

import (
	"errors"
	"runtime"
	"unsafe"
)

// ErrConnect says that the library refused a connection. It gives no reason:
// the usual ones are a data directory in use by another process, a directory
// it cannot write and a wrong argument.
var ErrConnect = errors.New("chdb: connection refused by the library")

// Conn is one connection to the engine of this process. It runs one statement
// at a time; settings and the current database belong to it.
type Conn struct {
	lib *Library
	// cell is what chdb_connect returns: a pointer to the connection, which
	// chdb_close_conn wants back; conn is what it points to.
	cell, conn handle
}

// Connect opens a connection with command line style arguments such as
// "--path=/data". The first connection of a process starts the engine; later
// ones must name the same path.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := make([]*byte, 0, len(args)+2)
	for _, a := range append([]string{"clickhouse"}, args...) {
		b := append([]byte(a), 0)
		argv = append(argv, &b[0])
	}
	argc := len(argv)
	argv = append(argv, nil)
	cell := l.connect(int32(argc), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if cell == 0 {
		return nil, ErrConnect
	}
	// The cell is memory of the library; read it without making a Go pointer
	// out of a number.
	conn := **(**handle)(unsafe.Pointer(&cell))
	if conn == 0 {
		return nil, ErrConnect
	}
	return &Conn{lib: l, cell: cell, conn: conn}, nil
}

// Close closes the connection. Closing the last one of the process stops the
// engine. Close is idempotent.
func (c *Conn) Close() {
	if c.cell == 0 {
		return
	}
	c.lib.closeCon(c.cell)
	c.cell, c.conn = 0, 0
}

// Param is the value of a {Name:Type} placeholder. Value is written as in a
// TSV field: backslash, tab and newline are escaped, \N is NULL.
type Param struct {
	Name, Value string
}

// params holds the parallel arrays the C API wants, in Go memory that must
// stay alive for the duration of the call.
type params struct {
	names, values       []*byte
	nameLens, valueLens []uintptr
}

func newParams(list []Param) *params {
	p := &params{}
	for _, x := range list {
		p.names, p.nameLens = append(p.names, pointer(x.Name)), append(p.nameLens, uintptr(len(x.Name)))
		p.values, p.valueLens = append(p.values, pointer(x.Value)), append(p.valueLens, uintptr(len(x.Value)))
	}
	return p
}

// pointer never returns nil: the library rejects null pointers even where the
// length is zero.
func pointer(s string) *byte {
	if s == "" {
		return new(byte)
	}
	return unsafe.StringData(s)
}

type call func(conn handle, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) handle

func (c *Conn) call(f call, sql, format string, list []Param) handle {
	p := newParams(list)
	h := f(c.conn, unsafe.Pointer(pointer(sql)), uintptr(len(sql)), unsafe.Pointer(pointer(format)), uintptr(len(format)),
		unsafe.Pointer(unsafe.SliceData(p.names)), unsafe.Pointer(unsafe.SliceData(p.nameLens)),
		unsafe.Pointer(unsafe.SliceData(p.values)), unsafe.Pointer(unsafe.SliceData(p.valueLens)), uintptr(len(list)))
	runtime.KeepAlive(p)
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	return h
}

// Query runs one statement to its end and returns the whole result. The
// caller closes the result. An error of the engine is an *Error.
func (c *Conn) Query(sql, format string, list []Param) (*Result, error) {
	return c.lib.result(c.call(c.lib.query, sql, format, list))
}
