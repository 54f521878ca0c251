package ingestor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/csvfile"
)

// Summary describes a configured source.
type Summary struct {
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	Series   int           `json:"series"` // 0 when every key is taken
	Unit     string        `json:"unit"`
	Poll     time.Duration `json:"poll"`
	Expected time.Duration `json:"expected_age"` // of the newest value of the series with the longest lag
	Steps    int           `json:"steps"`
	Reads    string        `json:"reads"` // where from, without secrets
}

// Summaries describes the sources of a valid file.
func (f File) Summaries() []Summary {
	var out []Summary
	for _, s := range f.Sources {
		x := Summary{Name: s.Name, Kind: s.Kind, Unit: s.Unit, Poll: s.Poll, Steps: len(s.Steps), Reads: s.reads()}
		if !s.any() {
			x.Series = len(s.keys())
		}
		for _, key := range s.keys() {
			x.Expected = max(x.Expected, s.expected(key))
		}
		out = append(out, x)
	}
	return out
}

// reads says where the observations of s come from.
func (s *Spec) reads() string {
	switch s.Kind {
	case KindEIA:
		return s.EIA.URL
	case KindCSV:
		return cmp.Or(s.CSV.Path, csvfile.Name(s.CSV.URL))
	case KindPush:
		return "POST /v1/sources/" + s.Name + "/observations"
	case KindNATS:
		stream, subject := s.inbound()
		return subject + " of " + stream
	}
	return ""
}

// Checked is what a dry fetch of a source found.
type Checked struct {
	Name    string
	Note    string    // why nothing was fetched
	From    time.Time // asked for from here to now
	Rows    int       // as received
	Unknown []string  // series that the source does not have
	Silent  []string  // series of which nothing came, though the source has them
	Late    []string  // series whose newest value is older than expected
	Newest  time.Time // of all values
	Bad     int       // malformed rows
	Failed  int       // rows that a step could not be done to
	Example string    // the first thing that is wrong with a row
	Sample  []Sampled // newest values, of up to three series
	Took    time.Duration
	Err     error
}

// Sampled is one value as it would be published.
type Sampled struct {
	Series series.ID
	Obs    series.Observation
	Unit   string
}

// checkSpan is how far back a dry fetch of an API asks; files are read as a whole.
const checkSpan = 7 * day

// Check fetches what the source has of every series, without publishing or saving anything, and says what it found.
func Check(ctx context.Context, s Spec, deps Deps) (out Checked) {
	deps = deps.withDefaults()
	out.Name = s.Name
	if !s.pulled() {
		out.Note = "observations are sent to it: " + s.reads()
		if s.Kind == KindPush {
			_, out.Err = secret("token", s.Push.TokenEnv, s.Push.TokenFile, "the token that senders present")
		}
		return out
	}
	r, err := assemble(s, deps, newMetrics(nil), upstreams{})
	if err != nil {
		out.Err = err
		return out
	}
	started := deps.Now()
	defer func() { out.Took = deps.Now().Sub(started) }()
	if out.Unknown, out.Err = r.source.Unknown(ctx, r.keys); out.Err != nil {
		return out
	}
	out.From = started.Add(-checkSpan).Truncate(step).UTC()
	if s.Kind == KindCSV {
		out.From = time.Unix(0, 0).UTC()
	}
	known := slices.DeleteFunc(slices.Clone(r.keys), func(k string) bool { return slices.Contains(out.Unknown, k) })
	for keys := range slices.Chunk(known, keysPerRequest) {
		f, err := r.source.Fetch(ctx, Window{From: out.From, To: started.Truncate(step).UTC(), Keys: keys})
		if err != nil {
			out.Err = err
			return out
		}
		out.add(r, keys, f, started)
	}
	return out
}

func (c *Checked) add(r *Runner, keys []string, f Fetched, now time.Time) {
	c.Rows += f.Count
	c.Bad += len(f.Stray)
	for _, key := range keys {
		rows := f.Keys[key]
		c.Bad += len(rows.Malformed)
		c.Failed += len(rows.Failed)
		if c.Example == "" && len(rows.Malformed) > 0 {
			m := rows.Malformed[0]
			c.Example = fmt.Sprintf("%s: %s: %.200s", r.id(key), m.Reason, m.Payload)
		}
		values := slices.DeleteFunc(slices.Clone(rows.Obs), func(o series.Observation) bool { return math.IsNaN(o.Value) })
		if len(values) == 0 {
			c.Silent = append(c.Silent, key)
			continue
		}
		newest := values[len(values)-1]
		c.Newest = later(c.Newest, newest.TS)
		if now.Sub(newest.TS) > r.spec.expected(key) {
			c.Late = append(c.Late, key)
		}
		if len(c.Sample) < 3 {
			c.Sample = append(c.Sample, Sampled{r.id(key), newest, r.spec.Unit})
		}
	}
}

func (g *Ingestor) answerSources(context.Context, []byte) ([]byte, error) {
	var f File
	for _, r := range g.runners {
		f.Sources = append(f.Sources, r.spec)
	}
	out, err := json.Marshal(f.Summaries())
	if err != nil {
		return nil, fmt.Errorf("sources: encode the answer: %w", err)
	}
	return out, nil
}
