package eiasim

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// row is one row of a response, before it is written.
type row struct {
	area    *area
	ts      time.Time
	value   float64 // NaN is written as null
	corrupt string  // kind of CorruptFault, or ""
}

// rows returns all rows that q matches, in the order it asks for. Without one, rows come by period and area.
func (s *Server) rows(q *query, v view) []row {
	var out []row
	for i := range s.areas {
		a := &s.areas[i]
		if !q.wants(a) {
			continue
		}
		from, to := 0, s.visible(a, v.now)
		if !q.start.IsZero() {
			from = max(from, a.index(q.start))
		}
		if !q.end.IsZero() {
			to = min(to, a.index(q.end)+1)
		}
		for at := from; at < to; at++ {
			out = s.appendRows(out, a, at, v)
		}
	}
	slices.SortStableFunc(out, func(x, y row) int { return q.compare(&x, &y) })
	return out
}

// appendRows adds the row of one period: none when it is dropped, two when it is duplicated.
func (s *Server) appendRows(out []row, a *area, at int, v view) []row {
	r := row{area: a, ts: a.time(at)}
	if v.faults.dropped(a, r.ts) {
		return out
	}
	r.value = math.Round(s.value(a, at, v.now) * v.faults.factor(a, r.ts))
	r.corrupt = v.faults.corruption(s.cfg.Seed, a, r.ts)
	switch r.corrupt {
	case CorruptThousand:
		r.value *= 1000
	case CorruptNegative:
		r.value = -r.value
	case CorruptNull:
		r.value = math.NaN()
	case CorruptDuplicate:
		other := r
		other.value = math.Round(r.value*1.1) + 1
		return append(out, r, other)
	}
	return append(out, r)
}

// typ returns the type of region-data as the API writes it.
func (a *area) typ() string { return cmp.Or(a.kind, "D") }

// compare orders rows by the columns of q, then by period and area so that pages never overlap.
func (q *query) compare(x, y *row) int {
	for _, o := range q.sort {
		var c int
		switch o.column {
		case "period":
			c = x.ts.Compare(y.ts)
		case "respondent":
			c = strings.Compare(x.area.ba, y.area.ba)
		case "type":
			c = strings.Compare(x.area.typ(), y.area.typ())
		case "parent":
			c = strings.Compare(x.area.parent, y.area.parent)
		case "subba":
			c = strings.Compare(x.area.sub, y.area.sub)
		case "value":
			c = cmp.Compare(x.value, y.value)
		}
		if o.desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	if c := x.ts.Compare(y.ts); c != 0 {
		return c
	}
	return strings.Compare(x.area.ID, y.area.ID)
}

// appendJSON appends r as the API writes it: values are strings, a missing report is null.
func (r *row) appendJSON(b []byte, withValue, numbers bool) []byte {
	periodName, valueName := "period", "value"
	if r.corrupt == CorruptRenamed {
		periodName, valueName = "timestamp", "demand"
	}
	b = append(b, `{"`...)
	b = append(b, periodName...)
	b = append(b, `":`...)
	if r.corrupt == CorruptNullPeriod {
		b = append(b, "null"...)
	} else {
		b = append(r.ts.AppendFormat(append(b, '"'), hourLayout), '"')
	}
	a := r.area
	if a.Route == routeSubBA {
		b = appendField(b, "subba", a.sub)
		b = appendField(b, "subba-name", a.Name)
		b = appendField(b, "parent", a.parent)
		b = appendField(b, "parent-name", a.parentName)
	} else {
		name, _ := typeName(a.kind)
		b = appendField(b, "respondent", a.ba)
		b = appendField(b, "respondent-name", a.Name)
		b = appendField(b, "type", a.typ())
		b = appendField(b, "type-name", name)
	}
	if withValue {
		switch {
		case r.corrupt == CorruptText:
			b = appendField(b, valueName, "abc")
		case math.IsNaN(r.value):
			b = append(b, `,"`+valueName+`":null`...)
		case numbers:
			b = strconv.AppendFloat(append(b, `,"`+valueName+`":`...), r.value, 'f', -1, 64)
		default:
			b = appendField(b, valueName, strconv.FormatFloat(r.value, 'f', -1, 64))
		}
		b = appendField(b, "value-units", "megawatthours")
	}
	return append(b, '}')
}

// appendField appends a field whose text is plain ASCII without quotes, as all names and numbers here are.
func appendField(b []byte, name, text string) []byte {
	return strconv.AppendQuoteToASCII(append(append(append(b, `,"`...), name...), `":`...), text)
}
