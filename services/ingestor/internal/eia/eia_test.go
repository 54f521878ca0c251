package eia_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/eia"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "s3cr3t+key/=" // needs escaping in a URL

func config(url string) eia.Config {
	return eia.Config{
		BaseURL: url, Key: key, Type: "D",
		Timeout: time.Second, Tries: 4, Wait: time.Microsecond, MaxWait: time.Millisecond,
	}
}

func client(cfg eia.Config) *eia.Client {
	b := breaker.New(breaker.Settings{Name: "eia", Failures: 100, Failure: eia.Down}, nil)
	return eia.New(cfg, &http.Client{}, rate.NewLimiter(rate.Inf, 1), b)
}

// serve answers the data route by hand and counts the requests.
func serve(t *testing.T, answer http.HandlerFunc) (eia.Config, *atomic.Int64) {
	t.Helper()
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	return config(srv.URL), &n
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func hour(h int) time.Time { return time.Date(2019, 1, 2, h, 0, 0, 0, time.UTC) }

func window(keys ...string) source.Window {
	return source.Window{From: hour(0), To: hour(23), Keys: keys}
}

func row(h int, value string) string {
	return fmt.Sprintf(`{"period":"2019-01-02T%02d","respondent":"AEC","respondent-name":"PowerSouth","type":"D",`+
		`"type-name":"Demand","value":%s,"value-units":"megawatthours"}`, h, value)
}

func body(total string, rows ...string) string {
	return fmt.Sprintf(`{"response":{"total":%s,"dateFormat":"YYYY-MM-DD\"T\"HH24","frequency":"hourly","data":[%s]},`+
		`"request":{"params":{"api_key":%q}},"apiVersion":"2.1.13"}`, total, strings.Join(rows, ","), key)
}

// Oracle: answers recorded from the service on 2026-07-09.
func TestFetchRecorded(t *testing.T) {
	for file, tc := range map[string]struct {
		route, key string
		value      float64
		query      map[string][]string
	}{
		"testdata/region_data.json": {eia.RouteRegion, "AEC", 486, map[string][]string{
			"facets[respondent][]": {"AEC"}, "facets[type][]": {"D"},
		}},
		"testdata/region_sub_ba_data.json": {eia.RouteSubBA, "CISO-PGAE", 9235, map[string][]string{
			"facets[parent][]": {"CISO"}, "facets[subba][]": {"PGAE"},
		}},
	} {
		t.Run(file, func(t *testing.T) {
			recorded, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cfg, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				want := map[string][]string{
					"api_key": {key}, "frequency": {"hourly"}, "data[0]": {"value"}, "length": {"5000"}, "offset": {"0"},
					"start": {"2019-01-02T00"}, "end": {"2019-01-02T23"}, "sort[0][column]": {"period"}, "sort[0][direction]": {"asc"},
				}
				maps.Copy(want, tc.query)
				got := map[string][]string{}
				for name := range want {
					got[name] = r.URL.Query()[name]
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("query (-want +got):\n%s", diff)
				}
				if want := "/v2/electricity/rto/" + tc.route + "/data/"; r.URL.Path != want {
					t.Errorf("path %s, want %s", r.URL.Path, want)
				}
				_, _ = w.Write(recorded)
			})
			got, err := client(cfg).Fetch(t.Context(), window(tc.key))
			if err != nil {
				t.Fatal(err)
			}
			want := source.Fetched{
				Keys:  map[string]source.Rows{tc.key: {Obs: []series.Observation{{TS: hour(0), Value: tc.value}}}},
				Pages: 1, Count: 1,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("fetched (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownRecorded(t *testing.T) {
	recorded, err := os.ReadFile("testdata/facet_parent.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, _ := serve(t, says(200, string(recorded)))
	got, err := client(cfg).Unknown(t.Context(), []string{"PJM", "XYZ", "ERCO"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"XYZ"}, got); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

// Oracle: the shapes listed in the technical documentation, and what clients have met.
func TestValues(t *testing.T) {
	for name, tc := range map[string]struct {
		row    string
		value  float64
		reason string
		schema int
	}{
		"string":          {row: row(0, `"9235"`), value: 9235},
		"number":          {row: row(0, `9235`), value: 9235},
		"fraction":        {row: row(0, `"12.5"`), value: 12.5},
		"negative":        {row: row(0, `"-1210"`), value: -1210},
		"null":            {row: row(0, `null`), value: math.NaN()},
		"escaped":         {row: row(0, `"\u0034\u0032"`), value: 42},
		"words":           {row: row(0, `"abc"`), reason: `value: "abc" is not a number`},
		"empty":           {row: row(0, `""`), reason: `value: "" is not a number`},
		"NaN":             {row: row(0, `"NaN"`), reason: `value: "NaN" is not a number`},
		"infinite":        {row: row(0, `"1e999"`), reason: `value: "1e999" is not a number`},
		"object":          {row: row(0, `{"a":1}`), reason: `value: "{\"a\":1}" is not a number`},
		"no value":        {row: `{"period":"2019-01-02T00","respondent":"AEC","type":"D"}`, reason: "value: field missing", schema: 1},
		"no period":       {row: `{"respondent":"AEC","type":"D","value":"1"}`, reason: "period: field missing", schema: 1},
		"null period":     {row: `{"period":null,"respondent":"AEC","type":"D","value":"1"}`, reason: "period: null, want YYYY-MM-DDTHH"},
		"daily period":    {row: `{"period":"2019-01-02","respondent":"AEC","type":"D","value":"1"}`, reason: `period: "2019-01-02", want YYYY-MM-DDTHH`},
		"local period":    {row: `{"period":"2019-01-02T00-07","respondent":"AEC","value":"1"}`, reason: `period: "2019-01-02T00-07", want YYYY-MM-DDTHH`},
		"no respondent":   {row: `{"period":"2019-01-02T00","value":"1"}`, reason: "respondent: field missing", schema: 1},
		"not an object":   {row: `17`, reason: "row: not an object", schema: 1},
		"unit changed":    {row: strings.Replace(row(0, `"1"`), "megawatt", "gigawatt", 1), reason: `value-units: "gigawatthours", want "megawatthours"`, schema: 1},
		"null is no unit": {row: strings.Replace(row(0, `"1"`), `"megawatthours"`, "null", 1), value: 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := serve(t, says(200, body(`"1"`, tc.row)))
			f, err := client(cfg).Fetch(t.Context(), window("AEC"))
			if err != nil {
				t.Fatal(err)
			}
			got := f.Keys["AEC"]
			want := source.Rows{Obs: []series.Observation{{TS: hour(0), Value: tc.value}}}
			if tc.reason != "" {
				want = source.Rows{Malformed: []series.Malformed{{Payload: tc.row, Reason: tc.reason}}, Schema: tc.schema}
			}
			ignorePeriod := cmpopts.IgnoreFields(series.Malformed{}, "Period")
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), ignorePeriod); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// pages answers with slices of rows, whatever the total it claims.
func pages(total string, size int, rows []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		offset = min(offset, len(rows))
		_, _ = w.Write([]byte(body(total, rows[offset:min(offset+size, len(rows))]...)))
	}
}

func TestPaging(t *testing.T) {
	var rows []string
	for h := range 10 {
		rows = append(rows, row(h, strconv.Itoa(100+h)))
	}
	overlapping := append(append([]string{}, rows[:4]...), append([]string{rows[2], rows[3]}, rows[4:]...)...)
	for name, tc := range map[string]struct {
		total    string
		size     int // rows the server gives at once; the client asks for 4
		rows     []string
		requests int64
	}{
		"total is a string":      {`"10"`, 4, rows, 3},
		"total is a number":      {`10`, 4, rows, 3},
		"total is too large":     {`"99"`, 4, rows, 4},
		"total is too small":     {`"3"`, 4, rows, 3},
		"total is the last page": {`"8"`, 4, rows[:8], 3}, // a full page could hide more
		"pages are short":        {`"10"`, 3, rows, 4},
		"pages overlap":          {`"12"`, 4, overlapping, 8}, // all of it once more: overlaps have hidden rows
		"nothing":                {`"0"`, 4, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, n := serve(t, pages(tc.total, tc.size, tc.rows))
			cfg.PageSize = 4
			f, err := client(cfg).Fetch(t.Context(), window("AEC"))
			if err != nil {
				t.Fatal(err)
			}
			distinct := map[string]bool{}
			for _, r := range tc.rows {
				distinct[r] = true
			}
			obs := f.Keys["AEC"].Obs
			received := len(tc.rows)
			if len(distinct) < received {
				received *= 2
			}
			if len(obs) != len(distinct) || f.Count != received {
				t.Errorf("%d observations of %d rows, want %d of %d", len(obs), f.Count, len(distinct), received)
			}
			for h, o := range obs {
				if !o.TS.Equal(hour(h)) || o.Value != float64(100+h) {
					t.Errorf("observation %d is %v", h, o)
				}
			}
			if n.Load() != tc.requests {
				t.Errorf("%d requests, want %d", n.Load(), tc.requests)
			}
		})
	}
}

func TestPagingWithoutProgressEnds(t *testing.T) {
	cfg, n := serve(t, says(200, body(`"99"`, row(0, `"1"`), row(1, `"2"`))))
	cfg.PageSize = 2
	_, err := client(cfg).Fetch(t.Context(), window("AEC"))
	if !errors.Is(err, source.ErrSchema) || n.Load() != 6 {
		t.Errorf("error %v after %d requests, want a schema error after three readings of 2", err, n.Load())
	}
}

// A value that is revised between two pages comes twice.
func TestDuplicateWithAnotherValue(t *testing.T) {
	cfg, _ := serve(t, says(200, body(`"4"`, row(0, `"1"`), row(0, `"1"`), row(0, `"2"`), row(0, `"2"`))))
	f, err := client(cfg).Fetch(t.Context(), window("AEC"))
	if err != nil {
		t.Fatal(err)
	}
	want := source.Rows{
		Obs:   []series.Observation{{TS: hour(0), Value: 1}},
		Twins: []series.Observation{{TS: hour(0), Value: 2}},
	}
	if diff := cmp.Diff(want, f.Keys["AEC"]); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestRowsNobodyAskedFor(t *testing.T) {
	other := strings.Replace(row(0, `"1"`), `"AEC"`, `"PJM"`, 1)
	forecast := strings.Replace(row(0, `"1"`), `"type":"D"`, `"type":"DF"`, 1)
	nobody := `{"period":"2019-01-02T00","value":"1"}`
	cfg, _ := serve(t, says(200, body(`"4"`, other, forecast, nobody, row(0, `"7"`))))
	f, err := client(cfg).Fetch(t.Context(), window("AEC", "TVA"))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Keys["AEC"].Obs; len(got) != 1 || got[0].Value != 7 {
		t.Errorf("observations %v, want 7 alone", got)
	}
	if len(f.Stray) != 1 || f.Stray[0].Payload != nobody {
		t.Errorf("stray rows %+v, want the one without a respondent", f.Stray)
	}
}

// Oracle: the recorded errors, with the status codes that were reported for them.
func TestErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		answer   http.HandlerFunc
		kind     error
		text     string // part of the error
		requests int64
	}{
		"key missing": {
			says(403, `{"error":{"code":"API_KEY_MISSING","message":"No api_key was supplied."}}`), source.ErrKey,
			"api key: EIA says API_KEY_MISSING; set EIA_API_KEY to the key from your registration e-mail", 1,
		},
		"key invalid": {
			says(403, `{"error":{"code":"API_KEY_INVALID","message":"An invalid api_key was supplied."}}`), source.ErrKey,
			"api key: EIA says API_KEY_INVALID; set EIA_API_KEY to the key from your registration e-mail", 1,
		},
		"key invalid with status 200": {
			says(200, `{"error":{"code":"API_KEY_INVALID","message":"x"}}`), source.ErrConfig, "API_KEY_INVALID", 1,
		},
		"bad facet": {
			says(400, `{"error":"Invalid facet 'None' provided. The only valid facets are 'respondent', and 'type'.","code":400}`),
			source.ErrRejected, "Invalid facet 'None' provided", 1,
		},
		"bad facet with status 200": {
			says(200, `{"error":"Invalid facet 'None' provided.","code":400}`), source.ErrRejected, "status 400", 1,
		},
		"error without code": {says(200, `{"error":"Something odd."}`), source.ErrRejected, "Something odd.", 1},
		"not found":          {says(404, `{"error":"Not found.","code":404}`), source.ErrRejected, "Not found.", 1},
		"over rate limit": {
			says(403, `{"error":{"code":"OVER_RATE_LIMIT","message":"x"}}`), source.ErrUnavailable, "throttled: status 403", 4,
		},
		"too many requests": {says(429, `slow down`), source.ErrUnavailable, "throttled: status 429", 4},
		"plain 500":         {says(500, "Something unexpected happened."), source.ErrUnavailable, "Something unexpected happened.", 4},
		"500 in a 200":      {says(200, `{"error":"Oops.","code":500}`), source.ErrUnavailable, "Oops.", 4},
		"truncated":         {says(200, body(`"1"`, row(0, `"1"`))[:120]), source.ErrUnavailable, "truncated or not JSON after 120 bytes", 4},
		"a web page":        {says(200, "<html>maintenance</html>"), source.ErrUnavailable, "not JSON", 4},
		"empty":             {says(200, ""), source.ErrUnavailable, "after 0 bytes", 4},
		"no response":       {says(200, `{"apiVersion":"3"}`), source.ErrSchema, "field response is missing", 1},
		"no data":           {says(200, `{"response":{"total":"0"}}`), source.ErrSchema, "field response.data is missing", 1},
		"data is text":      {says(200, `{"response":{"total":"0","data":"none"}}`), source.ErrSchema, `field "response.data" is a JSON string`, 1},
		"no total":          {says(200, `{"response":{"data":[]}}`), source.ErrSchema, "field response.total", 1},
		"redirect": {
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
			source.ErrRejected, "status 302", 1,
		},
		"silence": {
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			source.ErrUnavailable, "no answer within 30ms", 4,
		},
		"the key quoted back": {says(400, `{"error":"bad request: api_key=`+key+`","code":400}`), source.ErrRejected, "api_key=REDACTED", 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, n := serve(t, tc.answer)
			if name == "silence" {
				cfg.Timeout = 30 * time.Millisecond
			}
			_, err := client(cfg).Fetch(t.Context(), window("AEC"))
			if !errors.Is(err, tc.kind) || !strings.Contains(fmt.Sprint(err), tc.text) {
				t.Errorf("error %v, want %q of kind %v", err, tc.text, tc.kind)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), key) || strings.Contains(fmt.Sprint(err), "\n") {
				t.Errorf("error %q holds the key or a line break", err)
			}
			if n.Load() != tc.requests {
				t.Errorf("%d requests, want %d", n.Load(), tc.requests)
			}
		})
	}
}

func TestTransientErrorsPass(t *testing.T) {
	var n atomic.Int64
	cfg, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			says(500, "Something unexpected happened.")(w, r)
		case 2:
			says(200, body(`"1"`, row(0, `"1"`))[:90])(w, r)
		case 3:
			says(403, `{"error":{"code":"OVER_RATE_LIMIT","message":"x"}}`)(w, r)
		default:
			says(200, body(`"1"`, row(0, `"5"`)))(w, r)
		}
	})
	f, err := client(cfg).Fetch(t.Context(), window("AEC"))
	if err != nil || len(f.Keys["AEC"].Obs) != 1 {
		t.Errorf("fetched %+v, error %v", f, err)
	}
}

func TestKeyNeverShows(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		srv.Close()
		_, err := client(config(srv.URL)).Fetch(t.Context(), window("AEC"))
		checkSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
		if !errors.Is(err, source.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("base URL that cannot be parsed", func(t *testing.T) {
		_, err := client(config("http://bad host")).Fetch(t.Context(), window("AEC"))
		checkSecret(t, fmt.Sprintf("%v %+v", err, err))
		if !errors.Is(err, source.ErrConfig) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("row that quotes it", func(t *testing.T) {
		cfg, _ := serve(t, says(200, body(`"1"`, `{"period":"x","respondent":"AEC","note":"`+key+`","value":"1"}`)))
		f, err := client(cfg).Fetch(t.Context(), window("AEC"))
		if err != nil || len(f.Keys["AEC"].Malformed) != 1 {
			t.Fatalf("fetched %+v, error %v", f, err)
		}
		checkSecret(t, fmt.Sprintf("%+v", f))
	})
}

func checkSecret(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "s3cr3t") {
		t.Errorf("the key shows in %q", text)
	}
}

func TestCancelIsNotTheUpstreamsFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := client(cfg).Fetch(ctx, window("AEC"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, source.ErrUnavailable) {
		t.Errorf("error %v, want context.Canceled alone", err)
	}
}

func TestBreakerLeavesTheUpstreamAlone(t *testing.T) {
	cfg, n := serve(t, says(500, "down"))
	b := breaker.New(breaker.Settings{Name: "eia", Failures: 6, Cooldown: time.Hour, Failure: eia.Down}, nil)
	c := eia.New(cfg, &http.Client{}, rate.NewLimiter(rate.Inf, 1), b)
	for range 5 {
		if _, err := c.Fetch(t.Context(), window("AEC")); !errors.Is(err, source.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	}
	if n.Load() != 6 {
		t.Errorf("%d requests, want 6", n.Load())
	}
}

// trip answers without a network, so that waiting can be tested on a fake clock.
type trip func(*http.Request) *http.Response

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestRetryAfterIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		hc := &http.Client{Transport: trip(func(*http.Request) *http.Response {
			rec := httptest.NewRecorder()
			if tries++; tries == 1 {
				rec.Header().Set("Retry-After", "17")
				rec.WriteHeader(http.StatusTooManyRequests)
			} else {
				_, _ = rec.WriteString(body(`"0"`))
			}
			return rec.Result()
		})}
		begin := time.Now()
		b := breaker.New(breaker.Settings{Name: "eia"}, nil)
		if _, err := eia.New(config("http://eia"), hc, rate.NewLimiter(rate.Inf, 1), b).Fetch(t.Context(), window("AEC")); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited != 17*time.Second {
			t.Errorf("waited %s, want 17s", waited)
		}
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hc := &http.Client{Transport: trip(func(*http.Request) *http.Response {
			rec := httptest.NewRecorder()
			_, _ = rec.WriteString(body(`"0"`))
			return rec.Result()
		})}
		begin := time.Now()
		c := eia.New(config("http://eia"), hc, rate.NewLimiter(2, 1), breaker.New(breaker.Settings{Name: "eia"}, nil))
		for range 11 {
			if _, err := c.Fetch(t.Context(), window("AEC")); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("11 requests at 2 a second took %s, want 5s", took)
		}
	})
}

// FuzzRow: whatever a row holds, it is an observation, malformed or not ours; the client never fails.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{row(0, `"1"`), row(0, "null"), `{}`, `[]`, `null`, `{"period":1,"respondent":"AEC","value":[]}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text := body(`"1"`, raw)
		hc := &http.Client{Transport: trip(func(*http.Request) *http.Response {
			rec := httptest.NewRecorder()
			_, _ = rec.WriteString(text)
			return rec.Result()
		})}
		c := eia.New(config("http://eia"), hc, rate.NewLimiter(rate.Inf, 1), breaker.New(breaker.Settings{Name: "eia"}, nil))
		got, err := c.Fetch(t.Context(), window("AEC"))
		if err != nil && !errors.Is(err, source.ErrUnavailable) && !errors.Is(err, source.ErrSchema) && !errors.Is(err, source.ErrRejected) &&
			!errors.Is(err, source.ErrConfig) {
			t.Errorf("error %v of no kind", err)
		}
		for _, o := range got.Keys["AEC"].Obs {
			if math.IsInf(o.Value, 0) {
				t.Errorf("observation %v", o)
			}
		}
	})
}

// A server that sorts differently for each request hides rows behind repetitions; reading again finds them. Oracle: the
// ten rows themselves.
func TestOverlappingPagesLoseNothing(t *testing.T) {
	var rows []string
	for h := range 10 {
		rows = append(rows, row(h, strconv.Itoa(100+h)))
	}
	n := 0
	cfg, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		if n++; n == 2 {
			offset -= 2 // the second page begins with the end of the first, and its own end is never shown
		}
		_, _ = w.Write([]byte(body(`"10"`, rows[min(offset, 10):min(offset+4, 10)]...)))
	})
	cfg.PageSize = 4
	f, err := client(cfg).Fetch(t.Context(), window("AEC"))
	if err != nil || len(f.Keys["AEC"].Obs) != 10 {
		t.Errorf("%d observations, error %v, want 10", len(f.Keys["AEC"].Obs), err)
	}
}

// Keys say which route and type are asked, and one request serves all balancing authorities with the same types.
func TestKeysChooseRouteAndType(t *testing.T) {
	var asked []string
	cfg, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, strings.Join([]string{
			strings.Split(r.URL.Path, "/")[4], strings.Join(append(q["facets[respondent][]"], q["facets[subba][]"]...), "+"),
			strings.Join(q["facets[type][]"], "+"),
		}, " "))
		var rows []string
		for _, ba := range q["facets[respondent][]"] {
			for i, kind := range q["facets[type][]"] {
				rows = append(rows, fmt.Sprintf(`{"period":"2024-01-01T00","respondent":%q,"type":%q,"value":"%d","value-units":"megawatthours"}`, ba, kind, i+1))
			}
		}
		for _, sub := range q["facets[subba][]"] {
			rows = append(rows, fmt.Sprintf(`{"period":"2024-01-01T00","subba":%q,"parent":"MISO","value":9,"value-units":"megawatthours"}`, sub))
		}
		_, _ = w.Write([]byte(body(strconv.Itoa(len(rows)), rows...)))
	})
	keys := []string{"PJM", "PJM.NG", "TVA.NG", "TVA", "MISO-0027", "ERCO.TI"}
	f, err := client(cfg).Fetch(t.Context(), window(keys...))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"region-data PJM+TVA D+NG", "region-data ERCO TI", "region-sub-ba-data 0027 "}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	got := map[string]float64{}
	for key, rows := range f.Keys {
		got[key] = rows.Obs[0].Value
	}
	if want := map[string]float64{"PJM": 1, "PJM.NG": 2, "TVA": 1, "TVA.NG": 2, "MISO-0027": 9, "ERCO.TI": 1}; !maps.Equal(got, want) {
		t.Errorf("values %v, want %v", got, want)
	}
}

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"PJM", "PJM.NG", "TVA.DF", "CISO.TI", "MISO-0027"} {
		if err := eia.CheckKey(key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for key, want := range map[string]string{
		"PJM.D": "write PJM", "PJM.X": `"X" is not a type`, "-0027": "not a sub-area", "MISO-": "not a sub-area", ".NG": "no balancing authority", "MISO-0027.NG": "not a sub-area",
	} {
		if err := eia.CheckKey(key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", key, err, want)
		}
	}
}
