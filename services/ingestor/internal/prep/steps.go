package prep

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

type convert struct {
	from, to      string
	scale, offset float64
	only          []string
}

func (c convert) apply(rows map[string]source.Rows) {
	for key, r := range rows {
		if len(c.only) > 0 && !slices.Contains(c.only, key) {
			continue
		}
		r.Obs, r.Twins = c.each(&r, r.Obs), c.each(&r, r.Twins)
		rows[key] = r
	}
}

func (c convert) each(r *source.Rows, obs []series.Observation) []series.Observation {
	out := obs[:0]
	for _, o := range obs {
		v := o.Value*c.scale + c.offset
		if math.IsInf(v, 0) {
			fail(r, "convert", o.TS, fmt.Sprintf("%g %s is too large to be a number of %s", o.Value, c.from, c.to), []input{shown("", o)})
			continue
		}
		o.Value = v // a missing value stays one
		out = append(out, o)
	}
	return out
}

type resample struct {
	from, to time.Duration
	mean     bool
}

// apply makes one value of each period that is over. The newest one may still be incomplete, which is no failure: it is
// left for later. A period without any value is missing; one with some of them fails.
func (s resample) apply(rows map[string]source.Rows) {
	for key, r := range rows {
		rows[key] = s.series(r)
	}
}

func (s resample) series(r source.Rows) source.Rows {
	obs, twins := r.Obs, map[time.Time][]series.Observation{}
	for _, o := range r.Twins {
		end := s.end(o.TS)
		twins[end] = append(twins[end], o)
	}
	r.Obs, r.Twins = nil, nil
	for len(obs) > 0 {
		end := s.end(obs[0].TS)
		n := 1
		for n < len(obs) && s.end(obs[n].TS).Equal(end) {
			n++
		}
		part := obs[:n]
		obs = obs[n:]
		if last := part[n-1].TS; len(obs) == 0 && last.Before(end) {
			break
		}
		if v, reason := s.value(part, end, len(twins[end])); reason == "" {
			r.Obs = append(r.Obs, series.Observation{TS: end, Value: v})
		} else {
			var in []input
			for _, o := range append(slices.Clone(part), twins[end]...) {
				in = append(in, shown("", o))
			}
			fail(&r, "resample", end, reason, in)
		}
	}
	return r
}

// end returns the end of the period of the grid that the period ending at t belongs to.
func (s resample) end(t time.Time) time.Time {
	if end := t.Truncate(s.to); end.Equal(t) {
		return end
	}
	return t.Truncate(s.to).Add(s.to)
}

// value returns the value of the period that ends at end, or why there is none.
func (s resample) value(part []series.Observation, end time.Time, twins int) (v float64, reason string) {
	want := int(s.to / s.from)
	missing, sum := 0, 0.0
	for _, o := range part {
		if end.Sub(o.TS)%s.from != 0 {
			return 0, fmt.Sprintf("%s is not on a grid of %s", o.TS.Format(time.RFC3339), s.from)
		}
		if math.IsNaN(o.Value) {
			missing++
			continue
		}
		sum += o.Value
	}
	switch {
	case twins > 0:
		return 0, fmt.Sprintf("%d values are contradicted", twins)
	case missing == len(part):
		return math.NaN(), ""
	case len(part)-missing != want:
		return 0, fmt.Sprintf("%d of %d values", len(part)-missing, want)
	case s.mean:
		return sum / float64(want), ""
	}
	return sum, ""
}

// Total adds up the series of some keys to one more.
type Total struct {
	Key       string
	Of        []string
	Check     string  // key that reports the same total, or ""
	Tolerance float64 // largest difference to it, as a share of it
}

// apply adds the rows of the total, of the hours from which on all parts report up to the newest that all have reported:
// one may have begun later, and one may be late. An hour in between fails when a part is missing in it. A sum that disagrees with the check is published, and the
// disagreement reported: which of the two is wrong cannot be told here.
func (t Total) apply(rows map[string]source.Rows) {
	var out source.Rows
	values := make([]map[int64]float64, len(t.Of))
	hours := map[int64]bool{}
	var from, upTo time.Time
	for i, key := range t.Of {
		obs := rows[key].Obs
		if len(obs) == 0 {
			rows[t.Key] = out
			return
		}
		values[i] = byHour(rows[key])
		for _, o := range obs {
			hours[o.TS.Unix()] = true
		}
		if first := obs[0].TS; first.After(from) {
			from = first
		}
		if newest := obs[len(obs)-1].TS; upTo.IsZero() || newest.Before(upTo) {
			upTo = newest
		}
	}
	whole := map[int64]float64{}
	if t.Check != "" {
		whole = byHour(rows[t.Check])
	}
	for _, h := range slices.Sorted(maps.Keys(hours)) {
		ts := time.Unix(h, 0).UTC()
		if ts.Before(from) || ts.After(upTo) {
			continue
		}
		t.hour(&out, ts, values, whole)
	}
	rows[t.Key] = out
}

func (t Total) hour(out *source.Rows, ts time.Time, values []map[int64]float64, whole map[int64]float64) {
	sum, missing := 0.0, []string{}
	var in []input
	for i, key := range t.Of {
		v, ok := values[i][ts.Unix()]
		if !ok || math.IsNaN(v) {
			missing = append(missing, key)
			v = math.NaN()
		} else {
			sum += v
		}
		in = append(in, shown(key, series.Observation{TS: ts, Value: v}))
	}
	switch {
	case len(missing) == len(t.Of):
		out.Obs = append(out.Obs, series.Observation{TS: ts, Value: math.NaN()})
		return
	case len(missing) > 0:
		fail(out, "total", ts, fmt.Sprintf("no value of %s", joined(missing)), in)
		return
	}
	out.Obs = append(out.Obs, series.Observation{TS: ts, Value: sum})
	if v, ok := whole[ts.Unix()]; ok && math.Abs(sum-v) > t.Tolerance*math.Abs(v) {
		in = append(in, shown(t.Check, series.Observation{TS: ts, Value: v}))
		// The sum stands, so this is a failure of the check alone and no malformed row.
		var note source.Rows
		fail(&note, "total", ts, fmt.Sprintf("parts add up to %g, %s says %g", sum, t.Check, v), in)
		out.Failed = append(out.Failed, note.Failed...)
	}
}

// joined returns some of names as text.
func joined(names []string) string {
	const shown = 5
	if len(names) > shown {
		return fmt.Sprintf("%v and %d more", names[:shown], len(names)-shown)
	}
	return fmt.Sprint(names)
}

// byHour returns values by time. One that the source contradicts counts as missing: a sum must not depend on which of
// the two came first.
func byHour(r source.Rows) map[int64]float64 {
	out := make(map[int64]float64, len(r.Obs))
	for _, o := range r.Obs {
		out[o.TS.Unix()] = o.Value
	}
	for _, o := range r.Twins {
		out[o.TS.Unix()] = math.NaN()
	}
	return out
}
