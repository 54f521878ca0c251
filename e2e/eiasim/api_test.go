package eiasim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

// page is an answer as a client sees it.
type page struct {
	Response struct {
		Total string
		Data  []map[string]*string
	}
	Request struct {
		Command string
		Params  map[string]any
	}
	Warnings []struct{ Warning string }
}

type api struct {
	t   testing.TB
	sim *eiasim.Server
	url string
}

func newAPI(t testing.TB, cfg eiasim.Config) *api {
	t.Helper()
	sim, err := eiasim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sim.Handler())
	t.Cleanup(srv.Close)
	return &api{t: t, sim: sim, url: srv.URL}
}

func (a *api) do(method, path, body string) (int, string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// get asks the demand route with pairs of parameter and value.
func (a *api) get(pairs ...string) page {
	a.t.Helper()
	return a.route("region-data", pairs...)
}

func (a *api) route(route string, pairs ...string) page {
	a.t.Helper()
	q := url.Values{"api_key": {"K"}, "data[0]": {"value"}, "frequency": {"hourly"}}
	for p := range slices.Chunk(pairs, 2) {
		q.Add(p[0], p[1])
	}
	status, body := a.do(http.MethodGet, "/v2/electricity/rto/"+route+"/data/?"+q.Encode(), "")
	var p page
	if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusOK {
		a.t.Fatalf("status %d, %v: %.300s", status, err, body)
	}
	return p
}

func (p page) column(name string) []string {
	var out []string
	for _, r := range p.Response.Data {
		if r[name] == nil {
			out = append(out, "null")
		} else {
			out = append(out, *r[name])
		}
	}
	return out
}

// Oracle: the keys, their order and the types of a recorded answer.
func TestAnswerHasTheRecordedShape(t *testing.T) {
	a := newAPI(t, eiasim.Config{Data: fixture(t, "AVA", "CISO-PGAE"), Areas: []string{"AVA", "CISO-PGAE"}, Revised: -1})
	for route, facets := range map[string]string{
		"region-data":        "facets%5Brespondent%5D%5B%5D=AVA&facets%5Btype%5D%5B%5D=D",
		"region-sub-ba-data": "facets%5Bsubba%5D%5B%5D=PGAE&facets%5Bparent%5D%5B%5D=CISO",
	} {
		for _, slash := range []string{"", "/"} {
			_, got := a.do(http.MethodGet, "/v2/electricity/rto/"+route+"/data"+slash+"?api_key=MOCK_API_KEY&frequency=hourly&data%5B0%5D=value&"+
				facets+"&start=2022-06-01T00&end=2022-06-01T00&sort%5B0%5D%5Bcolumn%5D=period&sort%5B0%5D%5Bdirection%5D=asc&offset=0&length=5000", "")
			recorded, err := os.ReadFile("testdata/" + route + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(shape(t, recorded), shape(t, []byte(got))); diff != "" {
				t.Errorf("%s: shape (-recorded +answered):\n%s", route, diff)
			}
			if !strings.Contains(got, `\/v2\/electricity\/rto\/`) {
				t.Errorf("slashes are not escaped in %s", got)
			}
		}
	}
}

// shape returns the paths of a JSON document with the type of each value.
func shape(t *testing.T, text []byte) []string {
	t.Helper()
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		out = append(out, fmt.Sprintf("%s %T", path, v))
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(path+"."+k, x)
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		}
	}
	walk("", doc)
	slices.Sort(out)
	return slices.Compact(out)
}

func TestSelection(t *testing.T) {
	a := newAPI(t, eiasim.Config{Data: fixture(t, "AVA", "TVA", "FPL", "MISO-0027"), Areas: []string{"AVA", "TVA", "FPL", "MISO-0027"}, Revised: -1})
	one := []string{"start", "2022-06-01T00", "end", "2022-06-01T00"}
	with := func(more ...string) []string { return append(slices.Clone(one), more...) }
	for name, tc := range map[string]struct {
		params []string
		column string
		want   []string
	}{
		"facet values are alternatives": {with("facets[respondent][]", "TVA", "facets[respondent][]", "AVA"), "respondent", []string{"AVA", "TVA"}},
		"numbered facets":               {with("facets[respondent][0]", "TVA", "facets[type][0]", "D"), "respondent", []string{"TVA"}},
		"unknown value":                 {with("facets[respondent][]", "XYZ"), "respondent", nil},
		"unknown type":                  {with("facets[type][]", "NG"), "respondent", nil},
		"no facets":                     {one, "respondent", []string{"AVA", "FPL", "TVA"}},
		"sorted down":                   {with("sort[0][column]", "respondent", "sort[0][direction]", "desc"), "respondent", []string{"TVA", "FPL", "AVA"}},
		"sorted by two": {
			[]string{"start", "2022-06-01T00", "end", "2022-06-01T01", "sort[0][column]", "period", "sort[0][direction]", "desc", "sort[1][column]", "respondent", "sort[1][direction]", "desc"},
			"respondent",
			[]string{"TVA", "FPL", "AVA", "TVA", "FPL", "AVA"},
		},
		"range is inclusive":   {[]string{"start", "2022-06-01T00", "end", "2022-06-01T02", "facets[respondent][]", "TVA"}, "period", []string{"2022-06-01T00", "2022-06-01T01", "2022-06-01T02"}},
		"values are text":      {with("facets[respondent][]", "TVA"), "value", []string{"3160"}},
		"missing is null":      {[]string{"start", "2022-06-02T15", "end", "2022-06-02T15", "facets[respondent][]", "TVA"}, "value", []string{"null"}},
		"offset":               {with("offset", "2"), "respondent", []string{"TVA"}},
		"offset beyond":        {with("offset", "3"), "respondent", nil},
		"length":               {with("length", "1"), "respondent", []string{"AVA"}},
		"before the beginning": {[]string{"end", "2019-01-01T00"}, "period", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, a.get(tc.params...).column(tc.column)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.column, diff)
			}
		})
	}
	sub := a.route("region-sub-ba-data", "start", "2022-06-01T00", "end", "2022-06-01T00", "facets[subba][]", "0027")
	if got := sub.column("subba"); !slices.Equal(got, []string{"0027"}) {
		t.Errorf("sub-areas %q: leading zeros must stay", got)
	}
}

func TestCapAndWarnings(t *testing.T) {
	a := newAPI(t, twelve())
	p := a.get("length", "6000")
	if len(p.Response.Data) != 5000 || p.Response.Total != fmt.Sprint(12*35064) {
		t.Errorf("%d of %s rows, want 5000 of all", len(p.Response.Data), p.Response.Total)
	}
	var warned []string
	for _, w := range p.Warnings {
		warned = append(warned, w.Warning)
	}
	if diff := cmp.Diff([]string{"parameter out of range: length", "incomplete return"}, warned); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if p := a.get("start", "2022-06-01T00", "end", "2022-06-01T00"); len(p.Warnings) != 0 {
		t.Errorf("warnings %v on a complete answer", p.Warnings)
	}
	if key := p.Request.Params["api_key"]; key != "K" {
		t.Errorf("the request is echoed with key %v; the real service gives it away", key)
	}
}

// Oracle: recorded answers to wrong requests.
func TestRefusals(t *testing.T) {
	a := newAPI(t, eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"PJM"}, APIKey: "K"})
	const data = "/v2/electricity/rto/region-data/data/"
	for name, tc := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"no key":            {data, 403, `{"error":{"code":"API_KEY_MISSING",`},
		"wrong key":         {data + "?api_key=X", 403, `{"error":{"code":"API_KEY_INVALID",`},
		"unknown facet":     {data + "?api_key=K&facets[None][]=1", 400, `"error":"Invalid facet 'None' provided. The only valid facets are 'respondent' and 'type'."`},
		"unknown data":      {data + "?api_key=K&data[]=prce", 400, `"error":"Invalid data 'prce' provided.`},
		"unknown frequency": {data + "?api_key=K&frequency=yearly", 400, `"error":"Invalid frequency 'yearly' provided.`},
		"bad start":         {data + "?api_key=K&start=yesterday", 400, `"error":"Invalid start 'yesterday'`},
		"bad offset":        {data + "?api_key=K&offset=-1", 400, `"error":"Invalid offset '-1'`},
		"unknown route":     {"/v2/electricity/rto/none/data/?api_key=K", 404, `"error":"Not found."`},
		"unknown path":      {"/v2/natural-gas/?api_key=K", 404, `"error":"Not found."`},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := a.do(http.MethodGet, tc.path, ""); status != tc.status || !strings.Contains(body, tc.want) {
				t.Errorf("status %d, body %s, want %d with %s", status, body, tc.status, tc.want)
			}
		})
	}
}

func TestMetadataAndFacets(t *testing.T) {
	a := newAPI(t, generated)
	if _, body := a.do(http.MethodGet, "/v2/electricity/rto/region-data/?api_key=K", ""); !strings.Contains(body, `"startPeriod":"2020-01-01T00"`) {
		t.Errorf("metadata %s", body)
	}
	_, body := a.do(http.MethodGet, "/v2/electricity/rto/region-data/facet/respondent/?api_key=K", "")
	if !strings.Contains(body, `{"alias":"(PJM) PJM Interconnection, LLC","id":"PJM","name":"PJM Interconnection, LLC"}`) {
		t.Errorf("facet %s", body)
	}
}

// The clock: with now = T the newest visible period is T - 1h, and the future stays hidden.
func TestClock(t *testing.T) {
	a := newAPI(t, generated)
	for now, newest := range map[string]string{
		"2022-06-01T05:00:00Z":      "2022-06-01T04",
		"2022-06-01T05:59:59Z":      "2022-06-01T04",
		"2022-06-01T06:00:00Z":      "2022-06-01T05",
		"2022-06-01T06:30:00+02:00": "2022-06-01T03",
	} {
		if status, body := a.do(http.MethodPut, "/_sim/now", `{"now":"`+now+`"}`); status != http.StatusNoContent {
			t.Fatalf("status %d: %s", status, body)
		}
		p := a.get("facets[respondent][]", "PJM", "start", "2022-05-31T00", "sort[0][column]", "period", "sort[0][direction]", "desc", "length", "1")
		if got := p.column("period"); !slices.Equal(got, []string{newest}) {
			t.Errorf("now %s: newest %q, want %s", now, got, newest)
		}
	}
}

// Every value is final 48 h after its publication, and the share that changes until then is the one asked for.
func TestRevisions(t *testing.T) {
	a := newAPI(t, eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"PJM"}, Revised: .02})
	const hours = 24 * 40
	first := make([]string, hours)
	changed := 0
	for h := range hours + 48 {
		now := start().Add(time.Duration(h+1) * time.Hour)
		a.sim.SetNow(now)
		from := now.Add(-50 * time.Hour)
		p := a.get("facets[respondent][]", "PJM", "start", from.Format("2006-01-02T15"))
		values := p.column("value")
		if h < hours {
			first[h] = values[len(values)-1]
		}
		if i := h - 48; i >= 0 {
			if values[len(values)-49] != first[i] {
				changed++
			}
			begin, truth, _ := a.sim.Truth("PJM")
			want := truth[int(start().Sub(begin)/time.Hour)+i]
			if got := values[len(values)-49]; got != "null" && got != fmt.Sprintf("%.0f", want) {
				t.Errorf("hour %d is %s two days later, want %.0f", i, got, want)
			}
		}
	}
	// Binomial(960, 0.02) has mean 19 and standard deviation 4.3.
	if changed < 5 || changed > 35 {
		t.Errorf("%d of %d values were revised, want about 2 %%", changed, hours)
	}
}

func TestFaultsOfValues(t *testing.T) {
	a := newAPI(t, eiasim.Config{Data: fixture(t, "AVA", "TVA"), Areas: []string{"AVA", "TVA"}, Revised: -1})
	from, to := start(), start().Add(2*time.Hour)
	in := eiasim.Range{Area: "TVA", From: from, To: to}
	for name, tc := range map[string]struct {
		faults eiasim.Faults
		column string
		want   []string // of TVA, four hours from one before the range on
	}{
		"none":        {eiasim.Faults{}, "value", []string{"3159", "3160", "3161", "3162"}},
		"text":        {corrupt(in, eiasim.CorruptText), "value", []string{"3159", "abc", "abc", "3162"}},
		"null":        {corrupt(in, eiasim.CorruptNull), "value", []string{"3159", "null", "null", "3162"}},
		"null period": {corrupt(in, eiasim.CorruptNullPeriod), "period", []string{"2022-05-31T23", "null", "null", "2022-06-01T02"}},
		"thousand":    {corrupt(in, eiasim.CorruptThousand), "value", []string{"3159", "3160000", "3161000", "3162"}},
		"negative":    {corrupt(in, eiasim.CorruptNegative), "value", []string{"3159", "-3160", "-3161", "3162"}},
		"duplicate":   {corrupt(in, eiasim.CorruptDuplicate), "value", []string{"3159", "3160", "3477", "3161", "3478", "3162"}},
		"renamed":     {corrupt(in, eiasim.CorruptRenamed), "demand", []string{"null", "3160", "3161", "null"}},
		"scale":       {eiasim.Faults{Scale: []eiasim.ScaleFault{{Range: in, Factor: 2}}}, "value", []string{"3159", "6320", "6322", "3162"}},
		"drop":        {eiasim.Faults{Drop: []eiasim.DropFault{{Range: in}}}, "value", []string{"3159", "3162"}},
		"everywhere": {
			eiasim.Faults{Drop: []eiasim.DropFault{{Range: eiasim.Range{From: from}}}}, "value", []string{"3159"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tc.faults)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := a.do(http.MethodPut, "/_sim/faults", string(text)); status != http.StatusNoContent {
				t.Fatalf("status %d: %s", status, body)
			}
			p := a.get("facets[respondent][]", "TVA", "start", "2022-05-31T23", "end", "2022-06-01T02")
			if diff := cmp.Diff(tc.want, p.column(tc.column)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.column, diff)
			}
			if p.Response.Total != fmt.Sprint(len(p.Response.Data)) {
				t.Errorf("total %s of %d rows", p.Response.Total, len(p.Response.Data))
			}
		})
	}
	if status, _ := a.do(http.MethodDelete, "/_sim/faults", ""); status != http.StatusNoContent || len(a.sim.Faults().Drop) != 0 {
		t.Errorf("faults %+v after DELETE", a.sim.Faults())
	}
}

func corrupt(r eiasim.Range, kind string) eiasim.Faults {
	return eiasim.Faults{Corrupt: []eiasim.CorruptFault{{Range: r, Kind: kind}}}
}

func TestFaultsAreChecked(t *testing.T) {
	a := newAPI(t, generated)
	for body, want := range map[string]string{
		`{"errors":[{"kind":"odd","share":1}]}`:                       `errors[0].kind`,
		`{"errors":[{"kind":"slow","share":2}]}`:                      `errors[0].share`,
		`{"errors":[{"kind":"slow","share":1,"delay":"x"}]}`:          `errors[0].delay`,
		`{"corrupt":[{"kind":"odd"}]}`:                                `corrupt[0].kind`,
		`{"corrupt":[{"kind":"text","share":-1}]}`:                    `corrupt[0].share`,
		`{"drop":[{"area":"XYZ"}]}`:                                   `is not served`,
		`{"drop":[{"from":"2022-06-02T00:00:00Z","until":"2023"}]}`:   `unknown field`,
		`{"scale":[{"area":"PJM","from":"yesterday","factor":2}]}`:    `decode body`,
		`{"corrupt":[{"area":"PJM","kind":"text","from":"2022-06"}]}`: `decode body`,
	} {
		if status, got := a.do(http.MethodPut, "/_sim/faults", body); status != http.StatusBadRequest || !strings.Contains(got, want) {
			t.Errorf("%s: status %d, body %s, want 400 with %s", body, status, got, want)
		}
	}
	for _, body := range []string{"", "{}", `{"now":"noon"}`} {
		if status, _ := a.do(http.MethodPut, "/_sim/now", body); status != http.StatusBadRequest {
			t.Errorf("now %q: status %d", body, status)
		}
	}
}

// A share of errors is a share of requests, and the same one for the same seed.
func TestErrorShare(t *testing.T) {
	count := func(kind string) (failed int, pattern []bool) {
		a := newAPI(t, eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"PJM"}, Seed: 3})
		if err := a.sim.SetFaults(eiasim.Faults{Errors: []eiasim.ErrorFault{{Kind: kind, Share: .25}}}); err != nil {
			t.Fatal(err)
		}
		for range 400 {
			status, body := a.do(http.MethodGet, "/v2/electricity/rto/region-data/?api_key=K", "")
			bad := status != http.StatusOK || !json.Valid([]byte(body)) || strings.Contains(body, `"error"`)
			if bad {
				failed++
			}
			pattern = append(pattern, bad)
		}
		return failed, pattern
	}
	var first []bool
	for _, kind := range []string{eiasim.ErrorServer, eiasim.ErrorOverRate, eiasim.ErrorTooMany, eiasim.ErrorInBody, eiasim.ErrorTruncated} {
		n, pattern := count(kind)
		// Binomial(400, 0.25) has mean 100 and standard deviation 8.7.
		if n < 70 || n > 130 {
			t.Errorf("%s: %d of 400 requests failed, want about 100", kind, n)
		}
		if first == nil {
			first = pattern
		}
		if !slices.Equal(first, pattern) {
			t.Errorf("%s strikes other requests than the faults before, with the same seed", kind)
		}
	}
}

func TestResetCutsTheConnection(t *testing.T) {
	a := newAPI(t, generated)
	if err := a.sim.SetFaults(eiasim.Faults{Errors: []eiasim.ErrorFault{{Kind: eiasim.ErrorReset, Share: 1}}}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+"/v2/electricity/rto/region-data/?api_key=K", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(&bytes.Buffer{}, resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want an unexpected end", err)
	}
}

// Requests, the clock and the faults may meet at any time; the race detector is the oracle.
func TestConcurrentUse(t *testing.T) {
	a := newAPI(t, generated)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for h := range 20 {
				a.sim.SetNow(start().Add(time.Duration(h) * time.Hour))
				if err := a.sim.SetFaults(corrupt(eiasim.Range{Area: "PJM"}, eiasim.CorruptText)); err != nil {
					t.Error(err)
				}
				if p := a.get("start", "2022-05-31T00", "length", fmt.Sprint(i+1)); len(p.Response.Data) != i+1 {
					t.Errorf("%d rows, want %d", len(p.Response.Data), i+1)
				}
			}
		})
	}
	wg.Wait()
}
