package chio

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// layout says how the fields of a row become columns of an insert. It is derived from the struct alone: the server
// converts plain strings to the LowCardinality of its tables, so that no insert has to ask for the table first.
type layout struct {
	row    reflect.Type
	fields []field
}

// field is a field of a row that is a column.
type field struct {
	name   string // of the column
	field  string // of the struct
	typ    string // in which its values travel, unless they have a dictionary
	kind   reflect.Type
	offset uintptr
}

const (
	typeString = "String"
	typeTime   = "DateTime64(3, 'UTC')"
)

// columnType returns the type in which values of t travel.
func columnType(t reflect.Type) (string, error) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return typeTime, nil
	case reflect.TypeFor[[]string]():
		return "Array(" + typeString + ")", nil
	case reflect.TypeFor[[]float64]():
		return "Array(Float64)", nil
	case reflect.TypeFor[map[string]string]():
		return "Map(" + typeString + ", " + typeString + ")", nil
	case reflect.TypeFor[string](), reflect.TypeFor[float64](), reflect.TypeFor[bool]():
		return strings.ToUpper(t.Name()[:1]) + t.Name()[1:], nil
	case reflect.TypeFor[uint16]():
		return "UInt16", nil
	case reflect.TypeFor[uint32]():
		return "UInt32", nil
	case reflect.TypeFor[uint64]():
		return "UInt64", nil
	}
	return "", fmt.Errorf("no column type for Go type %s", t)
}

func newLayout(table string, t reflect.Type) (layout, error) {
	l := layout{row: t}
	for f := range t.Fields() {
		name := f.Tag.Get("ch")
		if name == "" {
			continue
		}
		typ, err := columnType(f.Type)
		if err != nil {
			return layout{}, fmt.Errorf("column %s.%s: %w", table, name, err)
		}
		l.fields = append(l.fields, field{name: name, field: f.Name, typ: typ, kind: f.Type, offset: f.Offset})
	}
	if len(l.fields) == 0 {
		return layout{}, fmt.Errorf("row %s of table %s has no field with a ch tag", t, table)
	}
	return l, nil
}

// layout returns the layout of rows of type t.
func (s *Store) layout(table string, t reflect.Type) (layout, error) {
	if l, ok := s.layouts.Load(t); ok {
		return l.(layout), nil
	}
	l, err := newLayout(table, t)
	if err != nil {
		return layout{}, err
	}
	s.layouts.Store(t, l)
	return l, nil
}

// statement returns the INSERT of the layout's columns.
func (l layout) statement(table string) string {
	names := make([]string, len(l.fields))
	for i, f := range l.fields {
		names[i] = "`" + f.name + "`"
	}
	return "INSERT INTO `" + table + "` (" + strings.Join(names, ", ") + ")"
}
