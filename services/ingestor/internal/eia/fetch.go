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
	params := c.params(w)
	var pages, count int
	for offset := 0; ; {
		params.Set("offset", strconv.Itoa(offset))
		p, err := get[page](ctx, c, c.path("/data/"), params)
		if err != nil {
			return source.Fetched{}, err
		}
		pages++
		if p.Data == nil {
			return source.Fetched{}, source.Errorf(source.ErrSchema, "%s: field response.data is missing", c.path("/data/"))
		}
		data := *p.Data
		news := 0
		for _, raw := range data {
			if c.collect(rows, raw) {
				news++
			}
		}
		count += len(data)
		offset += len(data)
		// total has been too small and too large at times. An empty page is the end in any case; a full one is not.
		total, err := strconv.Atoi(strings.Trim(string(p.Total), `"`))
		if err != nil {
			return source.Fetched{}, source.Errorf(source.ErrSchema, "%s: field response.total is %.40q, want a number",
				c.path("/data/"), p.Total)
		}
		if len(data) == 0 || offset >= total && len(data) < c.cfg.PageSize {
			break
		}
		if news == 0 {
			return source.Fetched{}, source.Errorf(source.ErrSchema, "%s: page at offset %d repeats earlier rows",
				c.path("/data/"), offset-len(data))
		}
	}
	f := rows.Fetched()
	f.Pages, f.Count = pages, count
	return f, nil
}

func (c *Client) path(rest string) string { return "/v2/electricity/rto/" + c.cfg.Route + rest }

func (c *Client) params(w source.Window) url.Values {
	p := url.Values{
		"frequency": {"hourly"},
		"data[0]":   {"value"},
		"start":     {w.From.UTC().Format(layout)},
		"end":       {w.To.UTC().Format(layout)},
		"length":    {strconv.Itoa(c.cfg.PageSize)},
	}
	sort := []string{"period", "respondent", "type"}
	if c.cfg.Route == RouteSubBA {
		sort = []string{"period", "parent", "subba"}
		parents := map[string]bool{}
		for _, k := range w.Keys {
			parent, sub, _ := strings.Cut(k, "-")
			p.Add("facets[subba][]", sub)
			if !parents[parent] {
				p.Add("facets[parent][]", parent)
			}
			parents[parent] = true
		}
	} else {
		p["facets[respondent][]"] = w.Keys
		p.Set("facets[type][]", c.cfg.Type)
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
	if c.cfg.Route != RouteSubBA {
		known, err := c.facet(ctx, "respondent")
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return known[k] }), nil
	}
	parents, err := c.facet(ctx, "parent")
	if err != nil {
		return nil, err
	}
	subs, err := c.facet(ctx, "subba")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool {
		parent, sub, _ := strings.Cut(k, "-")
		return parents[parent] && subs[sub]
	}), nil
}

// facet returns the ids of a facet.
func (c *Client) facet(ctx context.Context, name string) (map[string]bool, error) {
	type facets struct {
		Facets []struct {
			ID string `json:"id"`
		} `json:"facets"`
	}
	listed, err := get[facets](ctx, c, c.path("/facet/"+name+"/"), nil)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(listed.Facets))
	for _, f := range listed.Facets {
		ids[f.ID] = true
	}
	return ids, nil
}
