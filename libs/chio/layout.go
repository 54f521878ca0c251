package chio

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// layout says how the fields of a row become columns of an insert. It is derived from the struct alone: the server
// converts plain strings to the LowCardinality of its tables, so that no insert has to ask for the table first.
type layout struct {
	insert  string
	columns []clickhouse.ColumnNameAndType
	fields  []int
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
	var l layout
	var names []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("ch")
		if name == "" {
			continue
		}
		typ, err := columnType(t.Field(i).Type)
		if err != nil {
			return layout{}, fmt.Errorf("column %s.%s: %w", table, name, err)
		}
		names = append(names, "`"+name+"`")
		l.columns = append(l.columns, clickhouse.ColumnNameAndType{Name: name, Type: typ})
		l.fields = append(l.fields, i)
	}
	if len(names) == 0 {
		return layout{}, fmt.Errorf("row %s of table %s has no field with a ch tag", t, table)
	}
	l.insert = "INSERT INTO `" + table + "` (" + strings.Join(names, ", ") + ")"
	return l, nil
}

// layout returns the layout of the rows' type, which must be one for all of them.
func (s *Store) layout(table string, rows []reflect.Value) (layout, error) {
	t := rows[0].Type()
	for _, row := range rows[1:] {
		if row.Type() != t {
			return layout{}, fmt.Errorf("rows of types %s and %s in one write to table %s", t, row.Type(), table)
		}
	}
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

// appendTo appends one column after the other, which costs the driver half of what rows cost it.
func (l layout) appendTo(batch driver.Batch, rows []reflect.Value) error {
	for i, field := range l.fields {
		values, err := column(rows, field)
		if err == nil {
			err = batch.Column(i).Append(values)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w: %w", l.columns[i].Name, err, stage.ErrPermanent)
		}
	}
	return nil
}

// column returns the values of one field as a slice of the field's type.
func column(rows []reflect.Value, field int) (any, error) {
	switch rows[0].Field(field).Kind() {
	case reflect.String:
		return collect(rows, field, reflect.Value.String), nil
	case reflect.Float64:
		return collect(rows, field, reflect.Value.Float), nil
	case reflect.Bool:
		return collect(rows, field, reflect.Value.Bool), nil
	case reflect.Uint64:
		return collect(rows, field, reflect.Value.Uint), nil
	case reflect.Uint32:
		return collect(rows, field, func(v reflect.Value) uint32 { return uint32(v.Uint()) }), nil
	case reflect.Uint16:
		return collect(rows, field, func(v reflect.Value) uint16 { return uint16(v.Uint()) }), nil
	case reflect.Map:
		return collect(rows, field, as[map[string]string]), nil
	case reflect.Slice:
		if rows[0].Field(field).Type().Elem().Kind() == reflect.String {
			return collect(rows, field, as[[]string]), nil
		}
		return collect(rows, field, as[[]float64]), nil
	default:
		times := collect(rows, field, as[time.Time])
		return times, checkTimes(times)
	}
}

func collect[T any](rows []reflect.Value, field int, get func(reflect.Value) T) []T {
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = get(row.Field(field))
	}
	return out
}

func as[T any](v reflect.Value) T {
	x, _ := reflect.TypeAssert[T](v)
	return x
}

// checkTimes refuses what DateTime64 cannot hold; the driver would store another time without a word. The zero time is
// stored as the Unix epoch.
func checkTimes(times []time.Time) error {
	for _, t := range times {
		if year := t.Year(); !t.IsZero() && (year < 1900 || year > 2261) {
			return fmt.Errorf("time %s is outside the years 1900 to 2261", t.Format(time.RFC3339))
		}
	}
	return nil
}
