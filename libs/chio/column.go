package chio

import (
	"bytes"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// column is one column of an insert, ready for the driver. Times and texts that repeat are encoded here: the driver would
// convert each time on its own, and look each text up in a map after boxing it.
type column struct {
	typ    string
	values any    // a slice of the field's type, or nil
	native []byte // in place of values: the column as the server reads it
}

// columns returns the columns of an insert.
func (in insert) columns() ([]column, error) {
	out := make([]column, len(in.layout.fields))
	for i, f := range in.layout.fields {
		c, err := in.column(f)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w: %w", f.name, err, stage.ErrPermanent)
		}
		out[i] = c
	}
	return out, nil
}

func (in insert) column(f field) (column, error) {
	switch f.kind {
	case reflect.TypeFor[string]():
		if native, ok := in.dictionary(f); ok {
			return column{typ: typeDictionary, native: native}, nil
		}
		return column{typ: f.typ, values: gather[string](in, f)}, nil
	case reflect.TypeFor[time.Time]():
		native, err := in.times(f)
		return column{typ: f.typ, native: native}, err
	}
	return column{typ: f.typ, values: in.plain(f)}, nil
}

// plain returns the values of a field as a slice of its type.
func (in insert) plain(f field) any {
	switch f.kind {
	case reflect.TypeFor[float64]():
		return gather[float64](in, f)
	case reflect.TypeFor[bool]():
		return gather[bool](in, f)
	case reflect.TypeFor[uint16]():
		return gather[uint16](in, f)
	case reflect.TypeFor[uint32]():
		return gather[uint32](in, f)
	case reflect.TypeFor[uint64]():
		return gather[uint64](in, f)
	case reflect.TypeFor[[]string]():
		return gather[[]string](in, f)
	case reflect.TypeFor[[]float64]():
		return gather[[]float64](in, f)
	default:
		return gather[map[string]string](in, f) // columnType knows no other
	}
}

// each calls see with every value of a field, which is a T, in order.
func each[T any](in insert, f field, see func(*T)) {
	for _, part := range in.parts {
		visit(part, in.layout.row, f, see)
	}
}

// visit calls see with the values of field f, which is a T, of a slice of rows.
func visit[T any](slice reflect.Value, row reflect.Type, f field, see func(*T)) {
	base, stride := slice.UnsafePointer(), row.Size()
	for i := range slice.Len() {
		// Within the slice: i is below its length, and the offset is that of a field of its elements.
		see((*T)(unsafe.Add(base, uintptr(i)*stride+f.offset)))
	}
}

func gather[T any](in insert, f field) []T {
	out := make([]T, 0, in.rows)
	each(in, f, func(v *T) { out = append(out, *v) })
	return out
}

// times returns a DateTime64(3) column. It refuses what the type cannot hold; the driver would store another time without
// a word. The zero time is stored as the Unix epoch.
func (in insert) times(f field) ([]byte, error) {
	// The years 1900 to 2261.
	const first, end = -2208988800, 9214646400
	out := make(proto.ColInt64, 0, in.rows)
	var bad error
	each(in, f, func(t *time.Time) {
		switch s := t.Unix(); {
		case t.IsZero():
			out = append(out, 0)
		case s < first || s >= end:
			bad = fmt.Errorf("time %s is outside the years 1900 to 2261", t.Format(time.RFC3339))
		default:
			out = append(out, t.UnixMilli())
		}
	})
	var b proto.Buffer
	out.EncodeColumn(&b)
	return b.Buf, bad
}

// fill gives the batch its columns.
func fillBatch(batch driver.Batch, rows int, columns []column) error {
	native := batch.Columns()
	for i, c := range columns {
		var err error
		if c.native != nil {
			err = native[i].Decode(proto.NewReader(bytes.NewReader(c.native)), rows)
		} else {
			err = batch.Column(i).Append(c.values)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w: %w", native[i].Name(), err, stage.ErrPermanent)
		}
	}
	return nil
}
