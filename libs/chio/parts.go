package chio

import (
	"fmt"
	"reflect"

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
