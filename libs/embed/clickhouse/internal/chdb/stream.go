package chdb

import (
	"errors"
	"io"
	"runtime"
	"unsafe"
)

// Stream is a running query whose output is fetched piece by piece.
type Stream struct {
	conn *Conn
	h    handle
	done bool
}

// Stream starts a query. The caller closes the stream; the connection accepts
// no other statement before that.
func (c *Conn) Stream(sql, format string, list []Param) (*Stream, error) {
	r, err := c.lib.result(c.call(c.lib.stream, sql, format, list))
	if err != nil {
		return nil, err
	}
	return &Stream{conn: c, h: r.h}, nil
}

// Next waits for the next piece of output. It returns io.EOF at the end. The
// caller closes the result.
func (s *Stream) Next() (*Result, error) {
	r, err := s.conn.lib.result(s.conn.lib.fetch(s.conn.conn, s.h))
	if err != nil {
		s.done = true
		return nil, err
	}
	if len(r.Bytes()) == 0 {
		s.done = true
		r.Close()
		return nil, io.EOF
	}
	return r, nil
}

// Close cancels the query if it has not ended and frees it.
func (s *Stream) Close() {
	if s.h == 0 {
		return
	}
	if !s.done {
		s.conn.lib.cancelStream(s.conn.conn, s.h)
	}
	s.conn.lib.destroyResult(s.h)
	s.h = 0
}

// Insert is an INSERT whose data is appended in pieces of any size.
type Insert struct {
	lib *Library
	h   handle
}

// errAppend is a failed append without a text, which should not happen.
var errAppend = errors.New("chdb: append refused by the library")

// Insert starts an INSERT. The statement carries neither FORMAT nor data. The
// caller closes the insert; the connection accepts no other statement before
// that.
func (c *Conn) Insert(sql, format string, list []Param) (*Insert, error) {
	h := c.call(c.lib.insert, sql, format, list)
	if h == 0 {
		return nil, errNoResult
	}
	i := &Insert{lib: c.lib, h: h}
	if err := i.err(); err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

// Write appends data in the format of the insert. The engine copies it, and
// blocks when it is slower than the writer.
func (i *Insert) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	state := i.lib.appendInsert(i.h, unsafe.Pointer(&p[0]), uintptr(len(p)))
	runtime.KeepAlive(p)
	if state != 0 {
		return 0, errors.Join(i.err(), errAppend)
	}
	return len(p), nil
}

// Finish ends the data and commits it.
func (i *Insert) Finish() (Stats, error) {
	r, err := i.lib.result(i.lib.doneInsert(i.h))
	if err != nil {
		return Stats{}, err
	}
	defer r.Close()
	return r.Stats(), nil
}

// Close frees the insert; one that was not finished is cancelled.
func (i *Insert) Close() {
	if i.h != 0 {
		i.lib.destroyInsert(i.h)
		i.h = 0
	}
}

// err returns the engine's error of this insert, if there is one. Its type is
// error, so that no error is a nil interface.
func (i *Insert) err() error {
	if text := i.lib.insertError(i.h); text != "" {
		return newError(text)
	}
	return nil
}
