package eia

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// page is the part of a data answer that matters. total is a string, and was a number before version 2.1.6.
type page struct {
	Total json.RawMessage    `json:"total"`
	Data  *[]json.RawMessage `json:"data"`
}

// Fetch returns the rows of w. The order of rows across pages is not trusted: rows are told apart by what they say.
func (c *Client) Fetch(ctx context.Context, w source.Window) (source.Fetched, error) {
	rows := source.NewCollector(w)
	rows.Redact = c.redact
	var pages, count int
	for _, a := range c.asks(w.Keys) {
		p, n, err := c.complete(ctx, rows, a, w)
		if err != nil {
			return source.Fetched{}, err
		}
		pages += p
		count += n
	}
	f := rows.Fetched()
	f.Pages, f.Count = pages, count
	return f, nil
}

// passes is how often the pages of one request are read when they overlap.
const passes = 3

// complete adds the rows of one request and returns how many pages and rows came. Where rows came twice, pages may have
// overlapped, and then others did not come at all: it reads all pages again until a pass brings nothing new.
func (c *Client) complete(ctx context.Context, rows *source.Collector, a ask, w source.Window) (pages, count int, err error) {
	for pass := 1; ; pass++ {
		got, err := c.pass(ctx, rows, a, w)
		if err != nil {
			return pages, count, err
		}
		pages += got.pages
		count += got.rows
		switch {
		case got.repeated == 0 && got.news == got.rows, pass > 1 && got.repeated == 0 && got.news == 0:
			return pages, count, nil
		case pass == passes && got.repeated > 0:
			return pages, count, source.Errorf(source.ErrSchema, "%s: page at offset %d repeats an earlier page", path(a.route, "/data/"), got.repeated)
		case pass == passes:
			return pages, count, source.Errorf(source.ErrUnavailable, "%s: pages overlap: %d readings and still new rows", path(a.route, "/data/"), passes)
		}
	}
}

// pass is what one reading of all pages brought.
type pass struct {
	pages, rows, news int
	repeated          int // offset of a page that came before, or 0
}

func (c *Client) pass(ctx context.Context, rows *source.Collector, a ask, w source.Window) (pass, error) {
	var out pass
	params, at := c.params(a, w), path(a.route, "/data/")
	seen := map[string]bool{} // first and last rows of pages
	for offset := 0; ; {
		params.Set("offset", strconv.Itoa(offset))
		p, err := get[page](ctx, c, at, params)
		if err != nil {
			return out, err
		}
		out.pages++
		if p.Data == nil {
			return out, source.Errorf(source.ErrSchema, "%s: field response.data is missing", at)
		}
		data := *p.Data
		for _, raw := range data {
			if c.collect(rows, a.route, raw) {
				out.news++
			}
		}
		out.rows += len(data)
		// total has been too small and too large at times. An empty page is the end in any case; a full one is not.
		total, err := strconv.Atoi(strings.Trim(string(p.Total), `"`))
		if err != nil {
			return out, source.Errorf(source.ErrSchema, "%s: field response.total is %.40q, want a number", at, p.Total)
		}
		if len(data) == 0 {
			return out, nil
		}
		ends := string(data[0]) + string(data[len(data)-1])
		if seen[ends] {
			out.repeated = offset
			return out, nil
		}
		seen[ends] = true
		if offset += len(data); offset >= total && len(data) < c.cfg.PageSize {
			return out, nil
		}
	}
}

func path(route, rest string) string { return "/v2/electricity/rto/" + route + rest }

func (c *Client) params(a ask, w source.Window) url.Values {
	p := url.Values{
		"frequency": {"hourly"},
		"data[0]":   {"value"},
		"start":     {w.From.UTC().Format(layout)},
		"end":       {w.To.UTC().Format(layout)},
		"length":    {strconv.Itoa(c.cfg.PageSize)},
	}
	sort := []string{"period", "respondent", "type"}
	if a.route == RouteSubBA {
		sort = []string{"period", "parent", "subba"}
		parents := map[string]bool{}
		for _, k := range a.keys {
			parent, sub, _ := strings.Cut(k, "-")
			p.Add("facets[subba][]", sub)
			if !parents[parent] {
				p.Add("facets[parent][]", parent)
			}
			parents[parent] = true
		}
	} else {
		p["facets[respondent][]"] = a.keys
		p["facets[type][]"] = a.types
	}
	// A full key: without it pages overlap.
	for i, column := range sort {
		p.Set(fmt.Sprintf("sort[%d][column]", i), column)
		p.Set(fmt.Sprintf("sort[%d][direction]", i), "asc")
	}
	return p
}

// Unknown returns those of keys that the API does not list.
func (c *Client) Unknown(ctx context.Context, keys []string) ([]string, error) {
	var unknown []string
	for _, a := range c.asks(keys) {
		facets := []string{"respondent"}
		if a.route == RouteSubBA {
			facets = []string{"parent", "subba"}
		}
		known := map[string]map[string]bool{}
		for _, f := range facets {
			ids, err := c.facet(ctx, a.route, f)
			if err != nil {
				return nil, err
			}
			known[f] = ids
		}
		for _, k := range keys {
			parent, sub, isSub := strings.Cut(k, "-")
			ba, _, _ := strings.Cut(k, ".")
			switch {
			case isSub && a.route == RouteSubBA && !(known["parent"][parent] && known["subba"][sub]),
				!isSub && a.route == RouteRegion && slices.Contains(a.keys, ba) && !known["respondent"][ba]:
				unknown = append(unknown, k)
			}
		}
	}
	slices.Sort(unknown)
	return slices.Compact(unknown), nil
}

// facet returns the ids of a facet.
func (c *Client) facet(ctx context.Context, route, name string) (map[string]bool, error) {
	type facets struct {
		Facets []struct {
			ID string `json:"id"`
		} `json:"facets"`
	}
	listed, err := get[facets](ctx, c, path(route, "/facet/"+name+"/"), nil)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(listed.Facets))
	for _, f := range listed.Facets {
		ids[f.ID] = true
	}
	return ids, nil
}
