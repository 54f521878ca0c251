// Package native rewrites ClickHouse's Native format from the form the
// embedded engine writes into the form that clients of the HTTP interface ask
// for with client_protocol_version.
//
// The engine writes revision 0: per block the number of columns and rows, per
// column name, type and data. From revision 1 on a block starts with a block
// info (overflow flag and bucket number), and from revision 54454 on each
// column says between its type and its data whether it has a custom
// serialization. The data itself is the same. So a block is rewritten by
// inserting bytes, for which the length of each column must be known: the
// package walks over the data by type and copies it unseen.
package native

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrType says that a column has a type whose length in bytes is unknown
// here: AggregateFunction, Variant, Dynamic, JSON and the like.
var ErrType = errors.New("native: type not supported over this protocol version")

// ErrTruncated says that the data ends inside of a block.
var ErrTruncated = errors.New("native: truncated block")

// customSerialization is the first revision with a custom serialization flag.
const customSerialization = 54454

// blockInfo says: field 1, not an overflow block; field 2, bucket -1; end.
const blockInfo = "\x01\x00\x02\xff\xff\xff\xff\x00"

// Upgrade appends the blocks of src, written for revision 0, to dst in the
// form of the given revision, and returns dst. src must hold whole blocks.
func Upgrade(dst, src []byte, revision uint64) ([]byte, error) {
	if revision == 0 {
		return append(dst, src...), nil
	}
	w := walker{data: src}
	for w.pos < len(src) {
		dst = append(dst, blockInfo...)
		var err error
		if dst, err = w.block(dst, revision >= customSerialization); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (w *walker) block(dst []byte, flag bool) ([]byte, error) {
	from := w.pos
	columns, rows := w.uvarint(), w.uvarint()
	dst = append(dst, w.data[from:w.pos]...)
	for range columns {
		from = w.pos
		name, typ := w.string(), w.string()
		dst = append(dst, w.data[from:w.pos]...)
		if flag {
			dst = append(dst, 0)
		}
		from = w.pos
		if rows > 0 {
			w.prefix(string(typ))
			w.column(string(typ), rows)
		}
		if w.err != nil {
			return dst, fmt.Errorf("column %s %s: %w", name, typ, w.err)
		}
		dst = append(dst, w.data[from:w.pos]...)
	}
	return dst, w.err
}

// walker moves over serialized columns. The first error stops it.
type walker struct {
	data []byte
	pos  int
	err  error
}

func (w *walker) skip(n uint64) {
	if w.err != nil {
		return
	}
	if n > uint64(len(w.data)-w.pos) {
		w.err = ErrTruncated
		return
	}
	w.pos += int(n)
}

// skipN passes n values of size bytes.
func (w *walker) skipN(n uint64, size int) {
	if size > 0 && n > uint64(len(w.data)) {
		w.err = errors.Join(w.err, ErrTruncated)
		return
	}
	w.skip(n * uint64(size))
}

func (w *walker) uvarint() uint64 {
	if w.err != nil {
		return 0
	}
	v, n := binary.Uvarint(w.data[w.pos:])
	if n <= 0 {
		w.err = ErrTruncated
		return 0
	}
	w.pos += n
	return v
}

func (w *walker) uint64() uint64 {
	from := w.pos
	if w.skip(8); w.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(w.data[from:])
}

func (w *walker) string() []byte {
	n := w.uvarint()
	from := w.pos
	w.skip(n)
	return w.data[from:w.pos]
}

// prefix passes what a type writes once per column, before the data: the
// version of a LowCardinality dictionary, wherever it is nested.
func (w *walker) prefix(typ string) {
	name, args := split(typ)
	switch name {
	case "LowCardinality":
		w.skip(8)
	case "Array", "Nullable":
		w.prefix(args)
	case "Tuple":
		for _, e := range list(args) {
			w.prefix(element(e))
		}
	default:
		if to := alias(name, args); to != "" {
			w.prefix(to)
		}
	}
}

// column passes rows values of a type.
func (w *walker) column(typ string, rows uint64) {
	name, args := split(typ)
	if size, ok := fixedSize(name, args); ok {
		w.skipN(rows, size)
		return
	}
	switch name {
	case "String":
		w.strings(rows)
	case "Nullable":
		w.skip(rows)
		w.column(args, rows)
	case "Array":
		w.array(args, rows)
	case "Tuple":
		w.tuple(args, rows)
	case "LowCardinality":
		w.lowCardinality(args, rows)
	default:
		if to := alias(name, args); to != "" {
			w.column(to, rows)
			return
		}
		w.err = errors.Join(w.err, fmt.Errorf("%s: %w", name, ErrType))
	}
}

// strings: each its length and its bytes. Short ones, nearly all there are,
// are passed without a call.
func (w *walker) strings(rows uint64) {
	for ; rows > 0 && w.err == nil; rows-- {
		if w.pos < len(w.data) && w.data[w.pos] < 0x80 {
			if next := w.pos + 1 + int(w.data[w.pos]); next <= len(w.data) {
				w.pos = next
				continue
			}
		}
		w.skip(w.uvarint())
	}
}

// array: the end offset of each array, then the elements of all.
func (w *walker) array(elem string, rows uint64) {
	if rows == 0 {
		return
	}
	w.skipN(rows-1, 8)
	w.column(elem, w.uint64())
}

func (w *walker) tuple(args string, rows uint64) {
	elements := list(args)
	if len(elements) == 0 { // Tuple() is one byte a row
		w.skip(rows)
	}
	for _, e := range elements {
		w.column(element(e), rows)
	}
}

// lowCardinality: flags, the dictionary, then one key per row whose width is
// in the lowest byte of the flags. An empty column writes nothing.
func (w *walker) lowCardinality(elem string, rows uint64) {
	if rows == 0 {
		return
	}
	if name, args := split(elem); name == "Nullable" {
		elem = args // key 0 is NULL; the dictionary holds plain values
	}
	flags := w.uint64()
	width := 1 << (flags & 3)
	w.column(elem, w.uint64())
	w.skipN(w.uint64(), width)
}
