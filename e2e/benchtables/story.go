package benchtables

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

const (
	hours    = 2 * 365 * 24 // of each series
	live     = hours / 2    // first hour that arrives as it happens; those before are backfilled
	message  = 500          // most observations of one message of a backfill
	batch    = 100_000      // rows of one insert
	revised  = 0.003        // share of the live values that are corrected
	seed     = 930
	pollSkew = 137 * time.Millisecond // the ingestor's ticker does not strike on the millisecond
)

// begin is the first grid point of every series.
func begin() time.Time { return time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC) }

func hour(i int) time.Time { return begin().Add(time.Duration(i) * time.Hour) }

// plot is one series of the story: two years of a source.
type plot struct {
	id     series.ID
	name   string
	zone   string
	source int
	values []float64
	odd    []bool
}

// story is what the pipeline sees: a year that is backfilled, then a year hour by hour, with corrections.
type story struct{ plots []plot }

// newStory tells of n series. The sources are repeated, each time from five weeks further on, so that no two series
// have the same value at the same time and nothing compresses better than it would in life.
func newStory(d demand, n int) story {
	out := story{plots: make([]plot, n)}
	for k := range out.plots {
		src := d.sources[k%len(d.sources)]
		round := k / len(d.sources)
		from := round * 5 * 7 * 24 % (len(src.values) - hours + 1)
		id := series.ID{Source: "eia", Key: fmt.Sprintf("%s-%04d", src.key, k)}
		out.plots[k] = plot{
			id: id, name: id.String(), zone: ingestor.Zone(src.key), source: k % len(d.sources),
			values: src.values[from : from+hours], odd: src.odd[from : from+hours],
		}
	}
	return out
}

// polled returns when hour i became known: the first poll, every five minutes, after it was published an hour later.
func polled(i int) time.Time {
	jitter := time.Duration(rand.New(rand.NewPCG(seed, uint64(i))).IntN(5)) * time.Millisecond
	return hour(i + 1).Add(2*time.Minute + pollSkew + jitter)
}

func runID(known time.Time) string {
	return fmt.Sprintf("eia-%s-%x", known.Format("20060102T150405Z"), known.UnixMilli())
}

// arrival is one observation as it reaches the validator.
type arrival struct {
	plot    *plot
	i       int // hour
	value   float64
	known   time.Time
	run     string
	message string
	first   bool // not a correction
}

// arrivals calls yield with all observations in the order in which they arrive, a message of a series after the other.
func (s story) arrivals(yield func(arrival) bool) {
	known := polled(live - 1)
	run := runID(known)
	rng := rand.New(rand.NewPCG(seed, 1))
	id := func(p *plot, seq int) string {
		return fmt.Sprintf("%s.%d.%016x%08x", p.name, seq, rng.Uint64(), rng.Uint32())
	}
	for k := range s.plots {
		p, m := &s.plots[k], ""
		for i := range live {
			if i%message == 0 {
				m = id(p, i/message)
			}
			if !yield(arrival{p, i, p.values[i], known, run, m, true}) {
				return
			}
		}
	}
	due := make(map[int][]arrival)
	for i := live; i < hours; i++ {
		known, run := polled(i), runID(polled(i))
		for k := range s.plots {
			p := &s.plots[k]
			m := id(p, i)
			v := p.values[i]
			if at := i + 2 + rng.IntN(46); rng.Float64() < revised && !math.IsNaN(v) {
				due[at] = append(due[at], arrival{p, i, v, polled(at), runID(polled(at)), id(p, hours+i), false})
				v = math.Round(v * (1 + (rng.Float64()-.5)*.08))
			}
			if !yield(arrival{p, i, v, known, run, m, true}) {
				return
			}
		}
		for _, a := range due[i] {
			if !yield(a) {
				return
			}
		}
		delete(due, i)
	}
}

// judged returns the rows that the validator writes for an observation.
func (a arrival) judged() []stage.Row {
	ts := hour(a.i)
	verdict := record.Verdict{Series: a.plot.name, TS: ts, KnownAt: a.known, Value: a.value, Outcome: "pass", MessageID: a.message}
	if a.plot.odd[a.i] {
		verdict.Outcome = "flag"
		verdict.Checks, verdict.Details = []string{"seasonal"}, []string{""}
		verdict.Observed, verdict.Expected, verdict.Threshold = []float64{a.value}, []float64{a.plot.values[max(0, a.i-24)]}, []float64{6}
	}
	return []stage.Row{
		record.Observation{
			Series: a.plot.name, TS: ts, Value: a.value, KnownAt: a.known, Outcome: verdict.Outcome, Unit: "MWh", Zone: a.plot.zone, StepS: 3600,
		},
		record.Revision{Series: a.plot.name, TS: ts, KnownAt: a.known, Value: a.value, RunID: a.run},
		verdict,
	}
}
