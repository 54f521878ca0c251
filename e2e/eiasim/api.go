package eiasim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	apiVersion  = "2.1.13"
	apiPrefix   = "/v2/electricity/rto/"
	slowDefault = 2 * time.Second
)

func (s *Server) routeAPI(mux *http.ServeMux) {
	for _, slash := range []string{"", "/{$}"} {
		mux.HandleFunc("GET "+apiPrefix+"{route}/data"+slash, s.api(s.serveData))
		mux.HandleFunc("GET "+apiPrefix+"{route}/facet/{facet}"+slash, s.api(s.serveFacet))
		mux.HandleFunc("GET "+apiPrefix+"{route}"+slash, s.api(s.serveRoute))
	}
	mux.HandleFunc("GET /v2/", s.api(func(w http.ResponseWriter, _ *http.Request) { notFound(w) }))
}

// api wraps an API route with the gate: headers, the key, and the faults of whole responses.
func (s *Server) api(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n := s.requests.Add(1)
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "max-age=0, no-cache, no-store")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("X-Content-Type-Options", "nosniff")
		switch key := r.URL.Query().Get("api_key"); {
		case key == "":
			gateError(w, http.StatusForbidden, "API_KEY_MISSING",
				"No api_key was supplied.  Please register for one at https://www.eia.gov/opendata/register.php")
			return
		case key == "INVALID", s.cfg.APIKey != "" && key != s.cfg.APIKey:
			gateError(w, http.StatusForbidden, "API_KEY_INVALID",
				"An invalid api_key was supplied.  Please register for one at https://www.eia.gov/opendata/register.php")
			return
		}
		f := s.view().faults.errorFor(s.cfg.Seed, n)
		if f == nil {
			serve(w, r)
			return
		}
		f.strike(w, r, serve)
	}
}

// strike answers in place of serve, or through it.
func (e *ErrorFault) strike(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	switch e.Kind {
	case ErrorServer:
		http.Error(w, "Something unexpected happened.", http.StatusInternalServerError)
	case ErrorOverRate:
		gateError(w, http.StatusForbidden, "OVER_RATE_LIMIT", "You have exceeded your rate limit.  Try again later.")
	case ErrorTooMany:
		gateError(w, http.StatusTooManyRequests, "OVER_RATE_LIMIT", "You have exceeded your rate limit.  Try again later.")
	case ErrorBadRequest:
		badRequest(w, refusef("Invalid facet '%s' provided. The only valid facets are 'respondent' and 'type'.", "region"))
	case ErrorGateInBody:
		gateError(w, http.StatusOK, "OVER_RATE_LIMIT", "You have exceeded your rate limit.  Try again later.")
	case ErrorInBody:
		writeJSON(w, http.StatusOK, map[string]any{"error": "Something unexpected happened.", "code": 500})
	case ErrorSlow:
		delay, err := e.delay()
		if err != nil {
			delay = slowDefault
		}
		select {
		case <-time.After(delay):
			serve(w, r)
		case <-r.Context().Done():
		}
	case ErrorTruncated, ErrorReset:
		half := &halfWriter{ResponseWriter: w}
		serve(half, r)
		_, _ = w.Write(half.body[:len(half.body)/2])
		if e.Kind == ErrorReset {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) // the one way net/http offers to cut a connection
		}
	}
}

// halfWriter keeps a body back so that only a part of it can be sent.
type halfWriter struct {
	http.ResponseWriter
	body []byte
}

func (h *halfWriter) Write(b []byte) (int, error) {
	h.body = append(h.body, b...)
	return len(b), nil
}

func (s *Server) serveData(w http.ResponseWriter, r *http.Request) {
	route := r.PathValue("route")
	if facetsOf(route) == nil {
		notFound(w)
		return
	}
	q, err := parseQuery(route, r.URL.Query())
	if err != nil {
		badRequest(w, err)
		return
	}
	v := s.view()
	rows := s.rows(&q, v)
	from := max(0, min(q.offset, len(rows))-v.faults.overlap(s.cfg.Seed, s.requests.Load()))
	page := rows[from:min(from+q.limit, len(rows))]

	b := make([]byte, 0, 1024+200*len(page))
	quote := `"`
	if v.faults.Numbers {
		quote = ""
	}
	b = append(b, `{"response":{"total":`+quote...)
	b = strconv.AppendInt(b, int64(len(rows)), 10)
	b = append(b, quote+`,"dateFormat":"YYYY-MM-DD\"T\"HH24","frequency":"hourly","data":[`...)
	for i := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = page[i].appendJSON(b, q.value, v.faults.Numbers)
	}
	b = append(b, `],"description":`...)
	b = appendJSON(b, description(route))
	b = append(b, `},"request":`...)
	b = appendJSON(b, echo(r.URL.Path, &q))
	b = append(b, `,"apiVersion":"`+apiVersion+`","ExcelAddInVersion":"2.1.0"`...)
	if warnings := q.warnings(len(page), len(rows)); warnings != nil {
		b = appendJSON(append(b, `,"warnings":`...), warnings)
	}
	b = append(b, '}')
	_, _ = w.Write(b) // a client that hung up is its own trouble
}

type warning struct {
	Warning     string `json:"warning"`
	Description string `json:"description"`
}

func (q *query) warnings(got, total int) []warning {
	var out []warning
	if q.overlong {
		out = append(out, warning{"parameter out of range: length", "The API can only return 5000 rows in JSON format."})
	}
	if got < total {
		out = append(out, warning{"incomplete return", "The API can only return 5000 rows in JSON format.  Please consider " +
			"constraining your request with facet, start, or end, or using offset to paginate results."})
	}
	return out
}

// echo repeats the request, the API key included, as the real service does.
func echo(path string, q *query) map[string]any {
	orNull := func(name string) any {
		if v := q.raw.Get(name); v != "" {
			return v
		}
		return nil
	}
	params := map[string]any{
		"api_key": q.raw.Get("api_key"), "frequency": "hourly", "facets": []string{}, "data": []string{},
		"start": orNull("start"), "end": orNull("end"),
		"offset": strconv.Itoa(q.offset), "length": strconv.Itoa(q.limit),
	}
	if len(q.facets) > 0 {
		params["facets"] = q.facets
	}
	if q.value {
		params["data"] = []string{"value"}
	}
	sort := []map[string]string{}
	for _, o := range q.sort {
		direction := "asc"
		if o.desc {
			direction = "desc"
		}
		sort = append(sort, map[string]string{"column": o.column, "direction": direction})
	}
	params["sort"] = sort
	return map[string]any{"command": strings.TrimSuffix(path, "/") + "/", "params": params}
}

func description(route string) string {
	what := "Hourly demand, day-ahead demand forecast, net generation, and interchange by balancing authority."
	if route == routeSubBA {
		what = "Hourly demand by balancing authority subregion."
	}
	return what + "  \n    Source: Form EIA-930\n    Product: Hourly Electric Grid Monitor"
}

func (s *Server) serveFacet(w http.ResponseWriter, r *http.Request) {
	route, facet := r.PathValue("route"), r.PathValue("facet")
	if !slices.Contains(facetsOf(route), facet) {
		notFound(w)
		return
	}
	names := map[string]string{}
	for _, a := range s.areas {
		switch {
		case a.Route != route:
		case facet == "respondent":
			names[a.ba] = a.Name
		case facet == "type":
			names[a.typ()], _ = typeName(a.kind)
		case facet == "parent":
			names[a.parent] = a.parentName
		case facet == "subba":
			names[a.sub] = a.Name
		}
	}
	facets := []map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		facets = append(facets, map[string]string{"id": id, "name": names[id], "alias": "(" + id + ") " + names[id]})
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"response":   map[string]any{"totalFacets": len(facets), "facets": facets},
		"request":    bareRequest(r.URL),
		"apiVersion": apiVersion,
	})
}

func (s *Server) serveRoute(w http.ResponseWriter, r *http.Request) {
	route := r.PathValue("route")
	if facetsOf(route) == nil {
		notFound(w)
		return
	}
	facets := []map[string]string{}
	for _, f := range facetsOf(route) {
		facets = append(facets, map[string]string{"id": f, "description": f})
	}
	first, _ := s.span()
	writeJSON(w, http.StatusOK, map[string]any{
		"response": map[string]any{
			"id": route, "name": "Hourly Demand", "description": description(route), "facets": facets,
			"frequency": []map[string]string{{
				"id": "hourly", "description": "One data point for each hour.", "query": "H", "format": `YYYY-MM-DD"T"HH24`,
			}},
			"data":             map[string]any{"value": map[string]string{"alias": "Demand", "units": "megawatthours"}},
			"startPeriod":      first.Format(hourLayout),
			"endPeriod":        s.Now().Add(-s.cfg.Lag).Format(hourLayout),
			"defaultFrequency": "hourly",
		},
		"request":    bareRequest(r.URL),
		"apiVersion": apiVersion,
	})
}

func bareRequest(u *url.URL) map[string]any {
	return map[string]any{"command": u.Path, "params": map[string]string{"api_key": u.Query().Get("api_key")}}
}

// gateError answers as the gate in front of the API does: error is an object.
func gateError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

// badRequest answers as the API itself does: error is a string.
func badRequest(w http.ResponseWriter, err error) {
	writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error(), "code": http.StatusBadRequest})
}

func notFound(w http.ResponseWriter) {
	writeJSON(w, http.StatusNotFound, map[string]any{"error": "Not found.", "code": http.StatusNotFound})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(appendJSON(nil, v))
}

// appendJSON appends v with escaped slashes, as the real service writes them.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(fmt.Sprintf("%q", err.Error()))
	}
	return append(b, strings.ReplaceAll(string(text), "/", `\/`)...)
}
