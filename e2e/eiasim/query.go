package eiasim

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const pageCap = 5000 // rows in one JSON response

// query is one request for data.
type query struct {
	route         string
	value         bool                // data[] asked for value
	facets        map[string][]string // by name; values of one facet are alternatives
	start, end    time.Time           // inclusive; zero means open
	sort          []order
	offset, limit int
	overlong      bool // more than pageCap rows were asked for
	raw           url.Values
}

type order struct {
	column string
	desc   bool
}

// refusal is the text of a 400 answer, worded as the real service words it.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// facetsOf returns the facet names of a route, or nil for a route that does not exist.
func facetsOf(route string) []string {
	switch route {
	case routeRegion:
		return []string{"respondent", "type"}
	case routeSubBA:
		return []string{"subba", "parent"}
	}
	return nil
}

// parseQuery reads the bracketed parameters. Its error is what the API tells its user.
func parseQuery(route string, v url.Values) (query, error) {
	// Parameters are name[index][field], with or without index: facets[respondent][], facets[type][0], sort[0][column].
	bracketed := regexp.MustCompile(`^(\w+)\[([^\]]*)\](?:\[([^\]]*)\])?$`)
	q := query{route: route, facets: map[string][]string{}, limit: pageCap, raw: v}
	orders := map[string]order{}
	for name, values := range v {
		m := bracketed.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		switch m[1] {
		case "data":
			for _, column := range values {
				if column != "value" {
					return q, refusef("Invalid data '%s' provided. The only valid data are 'value'.", column)
				}
				q.value = true
			}
		case "facets":
			if !slices.Contains(facetsOf(route), m[2]) {
				return q, refusef("Invalid facet '%s' provided. The only valid facets are '%s'.",
					m[2], strings.Join(facetsOf(route), "' and '"))
			}
			q.facets[m[2]] = append(q.facets[m[2]], values...)
		case "sort":
			o := orders[m[2]]
			if m[3] == "column" {
				o.column = values[0]
			} else {
				o.desc = values[0] == "desc"
			}
			orders[m[2]] = o
		}
	}
	for i := range len(orders) {
		q.sort = append(q.sort, orders[strconv.Itoa(i)])
	}
	return q, q.parseScalars()
}

func (q *query) parseScalars() error {
	if f := q.raw.Get("frequency"); f != "" && f != "hourly" {
		return refusef("Invalid frequency '%s' provided. The only valid frequencies are 'hourly'.", f)
	}
	for name, at := range map[string]*time.Time{"start": &q.start, "end": &q.end} {
		s := q.raw.Get(name)
		if s == "" {
			continue
		}
		t, err := time.Parse(hourLayout, s)
		if err != nil {
			return refusef("Invalid %s '%s' provided. The expected format is 'YYYY-MM-DD\"T\"HH24'.", name, s)
		}
		*at = t
	}
	for name, n := range map[string]*int{"offset": &q.offset, "length": &q.limit} {
		s := q.raw.Get(name)
		if s == "" {
			continue
		}
		i, err := strconv.Atoi(s)
		if err != nil || i < 0 {
			return refusef("Invalid %s '%s' provided.", name, s)
		}
		*n = i
	}
	q.overlong = q.limit > pageCap
	q.limit = min(q.limit, pageCap)
	return nil
}

// wants reports whether the facets choose a.
func (q *query) wants(a *area) bool {
	if a.Route != q.route {
		return false
	}
	facets := map[string]string{"respondent": a.ba, "type": a.typ()}
	if a.Route == routeSubBA {
		facets = map[string]string{"subba": a.sub, "parent": a.parent}
	}
	for name, values := range q.facets {
		if !slices.Contains(values, facets[name]) {
			return false
		}
	}
	return true
}
