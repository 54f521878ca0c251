package eia

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// row is one row as received. A nil field is absent; `null` is there and says nothing.
type row struct {
	Period     json.RawMessage `json:"period"`
	Respondent json.RawMessage `json:"respondent"`
	Type       json.RawMessage `json:"type"`
	Parent     json.RawMessage `json:"parent"`
	SubBA      json.RawMessage `json:"subba"`
	Value      json.RawMessage `json:"value"`
	Units      json.RawMessage `json:"value-units"`
}

// collect adds one row and reports whether it says something new.
func (c *Client) collect(rows *source.Collector, route string, raw json.RawMessage) bool {
	var r row
	payload := string(raw)
	bad := func(key, reason string, schema bool) bool {
		period, _ := text(r.Period)
		return rows.AddMalformed(key, series.Malformed{Period: period, Payload: payload, Reason: reason}, schema)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return bad("", "row: not an object", true)
	}
	key, reason := c.key(route, &r)
	if reason != "" {
		return bad("", reason, true)
	}
	// Facets are alternatives one by one, so that two parents and two sub-areas match four pairs.
	if !rows.Has(key) {
		return rows.Skip(payload)
	}
	ts, reason, schema := periodOf(r.Period)
	if reason != "" {
		return bad(key, reason, schema)
	}
	v, reason, schema := valueOf(r.Value)
	if reason != "" {
		return bad(key, reason, schema)
	}
	if u, ok := text(r.Units); ok && u != unit {
		return bad(key, fmt.Sprintf("value-units: %q, want %q", u, unit), true)
	}
	return rows.Add(key, series.Observation{TS: ts, Value: v})
}

// key returns the key a row belongs to, or what is wrong with it.
func (c *Client) key(route string, r *row) (key, reason string) {
	if route == RouteSubBA {
		parent, ok := text(r.Parent)
		sub, also := text(r.SubBA)
		if !ok || !also {
			return "", "parent, subba: field missing"
		}
		return parent + "-" + sub, ""
	}
	respondent, ok := text(r.Respondent)
	if !ok {
		return "", "respondent: field missing"
	}
	if t, ok := text(r.Type); ok && t != c.plain() {
		return respondent + "." + t, ""
	}
	return respondent, ""
}

func periodOf(raw json.RawMessage) (ts time.Time, reason string, schema bool) {
	if raw == nil {
		return ts, "period: field missing", true
	}
	s, ok := text(raw)
	if !ok {
		return ts, fmt.Sprintf("period: %.40s, want YYYY-MM-DDTHH", raw), false
	}
	ts, err := time.Parse(layout, s)
	if err != nil {
		return ts, fmt.Sprintf("period: %.40q, want YYYY-MM-DDTHH", s), false
	}
	return ts, "", false
}

// valueOf reads a value: a string or, before version 2.1.6, a number. Null is a missing report.
func valueOf(raw json.RawMessage) (v float64, reason string, schema bool) {
	switch {
	case raw == nil:
		return 0, "value: field missing", true
	case string(raw) == "null":
		return math.NaN(), "", false
	}
	s, ok := text(raw)
	if !ok {
		s = string(raw)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	// ParseFloat also reads "NaN" and "Inf", which no report means.
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Sprintf("value: %.40q is not a number", s), false
	}
	return v, "", false
}

// text returns the JSON string raw holds, and whether it holds one.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true // nothing to unescape, as in nearly every row
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
