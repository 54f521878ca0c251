package inbox_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/inbox"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

func terms() inbox.Terms {
	return inbox.Terms{
		Step: time.Hour,
		Has:  func(key string) bool { return key != "other" },
		Unit: func(string) string { return "kW" },
	}
}

func TestDecode(t *testing.T) {
	got, err := inbox.Decode([]byte(`{"series":[
		{"key":"a","unit":"kW","observations":[{"ts":"2024-01-01T06:00:00+01:00","value":1.5},{"ts":"2024-01-01T04","value":null},{"ts":"2024-01-01T04","value":null}]},
		{"key":"b","observations":[{"ts":"2024-01-01 05:00","value":-2}]},
		{"key":"a","observations":[{"ts":"2024-01-01T06:00:00Z","value":3}]}]}`), terms())
	if err != nil {
		t.Fatal(err)
	}
	at := func(h int, v float64) series.Observation {
		return series.Observation{TS: time.Date(2024, 1, 1, h, 0, 0, 0, time.UTC), Value: v}
	}
	want := map[string]source.Rows{
		"a": {Obs: []series.Observation{at(4, math.NaN()), at(5, 1.5), at(6, 3)}},
		"b": {Obs: []series.Observation{at(5, -2)}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Every problem names the field and what to do.
func TestProblems(t *testing.T) {
	obs := func(s string) string { return `{"series":[{"key":"a","observations":[` + s + `]}]}` }
	for name, tc := range map[string]struct{ body, field, problem string }{
		"not JSON":         {`nonsense`, "body", "not JSON"},
		"empty":            {``, "body", "not JSON: EOF"},
		"cut off":          {`{"series":[`, "body", "unexpected EOF"},
		"two objects":      {obs(`{"ts":"2024-01-01T05","value":1}`) + `{}`, "body", "more after"},
		"no series":        {`{}`, "series", "missing"},
		"an array":         {`[]`, "", "is a JSON array"},
		"series is text":   {`{"series":"a"}`, "series", "is a JSON string"},
		"unknown field":    {`{"serie":[]}`, "serie", "no such field"},
		"no key":           {`{"series":[{"observations":[]}]}`, "series[0].key", "missing"},
		"unknown key":      {`{"series":[{"key":"other","observations":[]}]}`, "series[0].key", `"other" is not a series`},
		"wrong unit":       {`{"series":[{"key":"a","unit":"MW","observations":[{"ts":"2024-01-01T05","value":1}]}]}`, "series[0].unit", `"MW", want "kW"`},
		"no observations":  {`{"series":[{"key":"a"}]}`, "series[0].observations", "missing"},
		"no time":          {obs(`{"value":1}`), "series[0].observations[0].ts", "missing"},
		"time is a number": {obs(`{"ts":1704085200,"value":1}`), "series[0].observations[0].ts", "not text"},
		"time is nonsense": {obs(`{"ts":"noon","value":1}`), "series[0].observations[0].ts", `"noon"`},
		"off the grid":     {obs(`{"ts":"2024-01-01T05:30:00Z","value":1}`), "series[0].observations[0].ts", "not a whole number of 1h"},
		"too early":        {obs(`{"ts":"0001-01-01T00:00:00Z","value":1}`), "series[0].observations[0].ts", "not a time"},
		"no value":         {obs(`{"ts":"2024-01-01T05"}`), "series[0].observations[0].value", "missing"},
		"value is text":    {obs(`{"ts":"2024-01-01T05","value":"12"}`), "series[0].observations[0].value", `"12" is not a number`},
		"value too large":  {obs(`{"ts":"2024-01-01T05","value":1e999}`), "series[0].observations[0].value", "1e999 is not a number"},
		"two values":       {obs(`{"ts":"2024-01-01T05","value":1},{"ts":"2024-01-01T05","value":2}`), "series[0].observations[1].value", "another value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := inbox.Decode([]byte(tc.body), terms())
			problems, ok := errors.AsType[inbox.Errors](err)
			if !ok || problems[0].Field != tc.field || !strings.Contains(problems[0].Problem, tc.problem) || problems[0].Fix == "" {
				t.Errorf("error %#v, want %s: %s", err, tc.field, tc.problem)
			}
		})
	}
	many := obs(strings.TrimSuffix(strings.Repeat(`{"value":1},`, 500), ","))
	_, err := inbox.Decode([]byte(many), terms())
	if problems, _ := errors.AsType[inbox.Errors](err); len(problems) != 20 {
		t.Errorf("%d problems told of 500, want the first 20", len(problems))
	}
}

// Decode never panics, and what it takes is on the grid and finite or missing. Oracle: the contract of Decode.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"series":[{"key":"a","unit":"kW","observations":[{"ts":"2024-01-01T05","value":1.5},{"ts":"2024-01-01T06","value":null}]}]}`))
	f.Add([]byte(`{"series":[{"key":"a","observations":[{"ts":"2024-01-01 24:00","value":1e308}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, err := inbox.Decode(body, terms())
		if _, ok := errors.AsType[inbox.Errors](err); err != nil && !ok {
			t.Fatalf("error %v is not Errors", err)
		}
		for key, r := range rows {
			for _, o := range r.Obs {
				if !series.OnGrid(o.TS, time.Hour) || math.IsInf(o.Value, 0) {
					t.Errorf("%s: %v", key, o)
				}
			}
		}
	})
}
