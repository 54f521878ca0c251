// Package prep prepares rows on their way from a source to the bus: units, the hourly grid, totals.
//
// A Pipeline is a list of steps. Each is a pure function from the rows of all keys to the rows of all keys. What a step
// cannot do is a Failure with the input attached, and a malformed row in place of the value: it never makes up a number
// and never turns one into a missing value silently.
//
// Periods are named by their end, as everywhere in the ingestor.
package prep

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Pipeline is a list of steps. The zero value does nothing.
type Pipeline struct {
	steps  []step
	totals []Total
	widen  time.Duration // how much more is asked for before a window, for the first period of the grid to be whole
}

// step changes rows in place. Rows are those of the keys that inputs names.
type step interface {
	apply(rows map[string]source.Rows)
}

// Convert adds a step that converts units, of the keys in only, or of all when it is empty. period is the length of the
// periods at this point.
func (p *Pipeline) Convert(from, to string, period time.Duration, only []string) error {
	scale, offset, err := conversion(from, to, period)
	if err != nil {
		return err
	}
	p.steps = append(p.steps, convert{from: from, to: to, scale: scale, offset: offset, only: only})
	return nil
}

// Resample adds a step that makes one value of each period of length to out of the values of the periods of length from
// in it: their mean, or their sum.
func (p *Pipeline) Resample(from, to time.Duration, how string) error {
	switch {
	case from <= 0 || from >= to || to%from != 0:
		return fmt.Errorf("from: %s does not divide %s; set 30m, 15m or 5m", from, to)
	case how != "mean" && how != "sum":
		return fmt.Errorf("how: %q is not a way to resample; set mean for power, sum for energy", how)
	}
	p.steps = append(p.steps, resample{from: from, to: to, mean: how == "mean"})
	p.widen += to - from
	return nil
}

// Total adds a step that adds up series.
func (p *Pipeline) Total(t Total) {
	p.steps = append(p.steps, t)
	p.totals = append(p.totals, t)
}

// Empty reports whether there are no steps.
func (p *Pipeline) Empty() bool { return len(p.steps) == 0 }

// Apply runs the steps on rows and returns those of keys.
func (p *Pipeline) Apply(rows map[string]source.Rows, keys []string) map[string]source.Rows {
	work := make(map[string]source.Rows, len(rows))
	for key, r := range rows {
		r.Obs, r.Twins, r.Malformed = slices.Clone(r.Obs), slices.Clone(r.Twins), slices.Clone(r.Malformed)
		work[key] = r
	}
	for _, s := range p.steps {
		s.apply(work)
	}
	out := make(map[string]source.Rows, len(keys))
	for _, key := range keys {
		out[key] = work[key]
	}
	return out
}

// Inputs returns the keys that must be read for keys to be made, sorted.
func (p *Pipeline) Inputs(keys []string) []string {
	need := map[string]bool{}
	for _, k := range keys {
		need[k] = true
	}
	// A total may be a part of a later one, so they are resolved from the last to the first.
	for _, t := range slices.Backward(p.totals) {
		if !need[t.Key] {
			continue
		}
		delete(need, t.Key)
		for _, k := range t.Of {
			need[k] = true
		}
		if t.Check != "" {
			need[t.Check] = true
		}
	}
	return slices.Sorted(maps.Keys(need))
}

// Source is a source of which the rows are prepared.
type Source struct {
	from interface {
		Fetch(ctx context.Context, w source.Window) (source.Fetched, error)
		Unknown(ctx context.Context, keys []string) ([]string, error)
	}
	p Pipeline
}

// Fetch returns the prepared rows of w.
func (s *Source) Fetch(ctx context.Context, w source.Window) (source.Fetched, error) {
	f, err := s.from.Fetch(ctx, source.Window{From: w.From.Add(-s.p.widen), To: w.To, Keys: s.p.Inputs(w.Keys)})
	if err != nil {
		return f, err
	}
	f.Keys = s.p.Apply(f.Keys, w.Keys)
	if s.p.widen == 0 {
		return f, nil
	}
	early := func(o series.Observation) bool { return o.TS.Before(w.From) }
	for key, r := range f.Keys {
		r.Obs, r.Twins = slices.DeleteFunc(r.Obs, early), slices.DeleteFunc(r.Twins, early)
		f.Keys[key] = r
	}
	return f, nil
}

// Unknown returns those of keys that the source does not have, or does not have all parts of.
func (s *Source) Unknown(ctx context.Context, keys []string) ([]string, error) {
	unknown, err := s.from.Unknown(ctx, s.p.Inputs(keys))
	if err != nil || len(unknown) == 0 {
		return nil, err
	}
	lacks := func(k string) bool {
		return slices.ContainsFunc(s.p.Inputs([]string{k}), func(in string) bool { return slices.Contains(unknown, in) })
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !lacks(k) }), nil
}

// Wrap returns from with its rows prepared by p.
func (p Pipeline) Wrap(from interface {
	Fetch(ctx context.Context, w source.Window) (source.Fetched, error)
	Unknown(ctx context.Context, keys []string) ([]string, error)
},
) *Source {
	return &Source{from: from, p: p}
}

// input is what a step was given, as it is shown to people.
type input struct {
	TS    time.Time `json:"ts"`
	Key   string    `json:"key,omitempty"`
	Value *float64  `json:"value"` // null is missing
}

func shown(key string, o series.Observation) input {
	in := input{TS: o.TS, Key: key}
	if !math.IsNaN(o.Value) && !math.IsInf(o.Value, 0) {
		in.Value = &o.Value
	}
	return in
}

// fail notes on rows that a step could not make the value of ts.
func fail(rows *source.Rows, name string, ts time.Time, reason string, inputs []input) {
	text, err := json.Marshal(inputs)
	if err != nil {
		text = []byte(err.Error())
	}
	period := ts.UTC().Format(time.RFC3339)
	rows.Failed = append(rows.Failed, source.Failure{Step: name, Period: period, Input: string(text), Reason: reason})
	rows.Malformed = append(rows.Malformed, series.Malformed{Period: period, Payload: string(text), Reason: name + ": " + reason})
}
