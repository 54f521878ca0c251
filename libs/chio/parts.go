package chio

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// parts are the rows of one table as slices of one struct type, in the order they came.
type parts struct {
	row    reflect.Type
	slices []reflect.Value
	open   bool // the last slice is ours, and takes rows that come alone
}

// add takes a row, or the rows that it stands for.
func (p *parts) add(row stage.Row) error {
	v := reflect.Indirect(reflect.ValueOf(row))
	t := v.Type()
	_, many := row.(stage.Many)
	if many {
		t = t.Elem()
	}
	switch {
	case p.row == nil:
		p.row = t
	case p.row != t:
		return fmt.Errorf("rows of types %s and %s in one write to table %s", p.row, t, row.Table())
	}
	if many {
		p.slices, p.open = append(p.slices, v), false
		return nil
	}
	if !p.open {
		p.slices, p.open = append(p.slices, reflect.MakeSlice(reflect.SliceOf(t), 0, 1)), true
	}
	last := len(p.slices) - 1
	p.slices[last] = reflect.Append(p.slices[last], v)
	return nil
}

// sort brings the slices of a series together when each slice is of one series, in the order they came. That is the order
// of the table, so the store need not sort the rows.
func (p *parts) sort(l layout) {
	p.slices = slices.DeleteFunc(p.slices, func(v reflect.Value) bool { return v.Len() == 0 })
	key := l.fields[0]
	if key.kind != reflect.TypeFor[string]() {
		return
	}
	first := make(map[unsafe.Pointer]string, len(p.slices))
	for _, s := range p.slices {
		name := s.Index(0).FieldByName(key.field).String()
		mixed := false
		visit(s, l.row, key, func(v *string) { mixed = mixed || *v != name })
		if mixed {
			return
		}
		first[s.UnsafePointer()] = name
	}
	slices.SortStableFunc(p.slices, func(a, b reflect.Value) int {
		return strings.Compare(first[a.UnsafePointer()], first[b.UnsafePointer()])
	})
}

// cut takes rows from the front, at most so many.
func (p *parts) cut(most int) (head []reflect.Value, rows int) {
	for len(p.slices) > 0 && rows < most {
		first := p.slices[0]
		n := min(first.Len(), most-rows)
		head = append(head, first.Slice(0, n))
		rows += n
		if n < first.Len() {
			p.slices[0] = first.Slice(n, first.Len())
		} else {
			p.slices = p.slices[1:]
		}
	}
	return head, rows
}
