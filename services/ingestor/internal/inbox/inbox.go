// Package inbox reads the observations that others send: the body of an HTTP push, or a message on the bus.
//
//	{"series": [{"key": "meter-7", "unit": "MWh", "observations": [{"ts": "2024-01-01T05:00:00Z", "value": 12.5}]}]}
//
// A value of null says that there is none. unit may be left out; it must be the one that the source is configured with.
// A body is taken as a whole or not at all: whoever sent it is told every field that is wrong, and what to do.
package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/localtime"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Problem is what is wrong with a field of a body, and what to do about it.
type Problem struct {
	Field   string `json:"field"` // "series[0].observations[3].ts"
	Problem string `json:"problem"`
	Fix     string `json:"fix"`
}

// Errors are all that is wrong with a body; the first of them when there are many.
type Errors []Problem

// Error returns the first problem and how many more there are.
func (p Errors) Error() string {
	text := p[0].Field + ": " + p[0].Problem + "; " + p[0].Fix
	if more := len(p) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// shown is how many problems are told at once.
const shown = 20

// Terms say what a source takes.
type Terms struct {
	Time localtime.Format
	Step time.Duration           // times are a whole number of it
	Has  func(key string) bool   // whether the source has a series
	Unit func(key string) string // in which unit its values come
}

type message struct {
	Series []struct {
		Key          *string       `json:"key"`
		Unit         *string       `json:"unit"`
		Observations []observation `json:"observations"`
	} `json:"series"`
}

type observation struct {
	TS    json.RawMessage `json:"ts"`
	Value json.RawMessage `json:"value"`
}

// Decode returns the rows of a body by key. Its error is of type Errors.
func Decode(body []byte, terms Terms) (map[string]source.Rows, error) {
	var m message
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return nil, Errors{shape(err)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, Errors{{"body", "there is more after the JSON object", "send one object"}}
	}
	r := reader{terms: terms, times: localtime.New(terms.Time)}
	if len(m.Series) == 0 {
		r.refuse("series", "missing or empty", `send {"series": [{"key": "…", "observations": [{"ts": "2024-01-01T05:00:00Z", "value": 1.5}]}]}`)
	}
	var keys []string
	for i, s := range m.Series {
		at := fmt.Sprintf("series[%d].", i)
		switch {
		case s.Key == nil || *s.Key == "":
			r.refuse(at+"key", "missing", "name the series")
			continue
		case !terms.Has(*s.Key):
			r.refuse(at+"key", fmt.Sprintf("%.60q is not a series of this source", *s.Key), "correct it, or add it to the source's series")
			continue
		case s.Unit != nil && *s.Unit != terms.Unit(*s.Key):
			r.refuse(at+"unit", fmt.Sprintf("%.20q, want %q", *s.Unit, terms.Unit(*s.Key)), "convert the values, or correct the unit")
		case len(s.Observations) == 0:
			r.refuse(at+"observations", "missing or empty", `send [{"ts": "2024-01-01T05:00:00Z", "value": 1.5}]`)
		}
		keys = append(keys, *s.Key)
	}
	rows := source.NewCollector(source.Window{Keys: keys})
	for i, s := range m.Series {
		if s.Key != nil && rows.Has(*s.Key) {
			for j, o := range s.Observations {
				r.add(rows, *s.Key, fmt.Sprintf("series[%d].observations[%d].", i, j), o)
			}
		}
	}
	if r.n > 0 {
		return nil, r.problems
	}
	return rows.Fetched().Keys, nil
}

type reader struct {
	terms    Terms
	times    *localtime.Reader
	problems Errors
	n        int
}

func (r *reader) refuse(field, problem, fix string) {
	if r.n++; r.n <= shown {
		r.problems = append(r.problems, Problem{field, problem, fix})
	}
}

func (r *reader) add(rows *source.Collector, key, at string, o observation) {
	var text string
	if o.TS == nil || json.Unmarshal(o.TS, &text) != nil {
		r.refuse(at+"ts", "missing or not text", `write it as "2024-01-01T05:00:00Z"`)
		return
	}
	ts, err := r.times.Time(key, text)
	switch {
	case err != nil:
		r.refuse(at+"ts", strings.TrimPrefix(err.Error(), "period: "), `write it as "2024-01-01T05:00:00Z"`)
		return
	case ts.Year() < 1970 || ts.Year() > 2200:
		r.refuse(at+"ts", ts.Format(time.RFC3339)+" is not a time that the record holds", "send a year from 1970 to 2200")
		return
	case !series.OnGrid(ts, r.terms.Step):
		r.refuse(at+"ts", fmt.Sprintf("%s is not a whole number of %s", ts.Format(time.RFC3339), r.terms.Step), "send one value for each hour")
		return
	}
	v := math.NaN()
	if o.Value == nil {
		r.refuse(at+"value", "missing", "send a number, or null when there is none")
		return
	}
	if string(o.Value) != "null" && json.Unmarshal(o.Value, &v) != nil {
		r.refuse(at+"value", fmt.Sprintf("%.40s is not a number", o.Value), "send a number without quotes, or null when there is none")
		return
	}
	if !rows.Add(key, series.Observation{TS: ts, Value: v}) {
		return // the same once more
	}
	if rows.Contradicted(key) {
		r.refuse(at+"value", "another value of the same time is in this body", "send each time of a series once")
	}
}

// shape words what is wrong with the JSON.
func shape(err error) Problem {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return Problem{wrong.Field, "is a JSON " + wrong.Value, "send a JSON " + kind(wrong)}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return Problem{strings.Trim(name, `"`), "there is no such field", "send key, unit and observations, each of ts and value"}
	}
	return Problem{"body", "not JSON: " + err.Error(), "send one JSON object with the field series"}
}

func kind(wrong *json.UnmarshalTypeError) string {
	switch wrong.Type.Kind().String() {
	case "slice":
		return "array"
	case "struct":
		return "object"
	}
	return wrong.Type.Kind().String()
}
