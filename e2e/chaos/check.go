package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict is what is wrong with an item.
type Verdict string

// Verdicts.
const (
	Lost       Verdict = "lost"       // acknowledged, and nowhere to be found
	Duplicate  Verdict = "duplicate"  // shown more than once
	Reordered  Verdict = "reordered"  // an older revision where a newer one should be, or said after it
	Misjudged  Verdict = "misjudged"  // a good item in quarantine or among the dead letters
	Unforeseen Verdict = "unforeseen" // something nobody told
)

// Finding is one thing that should not be.
type Finding struct {
	Verdict Verdict
	Item    Item // zero when it is about none
	Detail  string
}

// Check compares what was told with what came of it.
//
// The newest revision of a point is the one that became known last; of those known at the same time, the one with the
// highest number.
func Check(log Log, out Outcome) []Finding {
	c := newChecker(log, out)
	c.losses()
	c.duplicates()
	c.views()
	c.subjects()
	c.forecasts()
	c.deadLetters()
	slices.SortStableFunc(c.found, func(a, b Finding) int { return strings.Compare(string(a.Verdict), string(b.Verdict)) })
	return c.found
}

// cell is a grid point of a series.
type cell struct {
	series string
	ts     int64
}

func (p Point) cell() cell { return cell{p.Series, p.TS.Unix()} }
func (i Item) cell() cell  { return cell{i.Series, i.TS.Unix()} }

type checker struct {
	log   Log
	out   Outcome
	found []Finding

	revised map[cell][]Point  // by point
	shown   map[cell]Point    // what v_observations has
	held    map[cell][]Point  // in quarantine
	dead    map[string]int    // message: letters
	killed  map[float64]bool  // values in dead letters
	first   map[string]uint64 // message: number of its first item
	jobs    map[string]bool
	events  map[string]int
}

func newChecker(log Log, out Outcome) *checker {
	c := &checker{
		log: log, out: out,
		revised: map[cell][]Point{}, shown: map[cell]Point{}, held: map[cell][]Point{},
		dead: map[string]int{}, killed: map[float64]bool{}, first: map[string]uint64{}, jobs: map[string]bool{}, events: map[string]int{},
	}
	for _, p := range out.Revisions {
		c.revised[p.cell()] = append(c.revised[p.cell()], p)
	}
	for _, p := range out.Observations {
		c.shown[p.cell()] = p
	}
	for _, p := range out.Held {
		c.held[p.cell()] = append(c.held[p.cell()], p)
	}
	for _, l := range out.Dead {
		c.dead[l.Message]++
		for _, v := range l.Values {
			c.killed[v] = true
		}
	}
	for _, i := range log.Items {
		if n, ok := c.first[i.Message]; i.Message != "" && (!ok || i.Seq < n) {
			c.first[i.Message] = i.Seq
		}
	}
	for _, id := range out.Jobs {
		c.jobs[id] = true
	}
	for _, id := range out.Events {
		c.events[id]++
	}
	return c
}

func (c *checker) add(v Verdict, i Item, format string, args ...any) {
	c.found = append(c.found, Finding{Verdict: v, Item: i, Detail: fmt.Sprintf(format, args...)})
}

// acked returns the acknowledged items in order of their numbers.
func (c *checker) acked() []Item {
	items := make([]Item, 0, len(c.log.Acked))
	for n := range c.log.Acked {
		items = append(items, c.log.Items[n])
	}
	slices.SortFunc(items, func(a, b Item) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return items
}

// losses looks for every acknowledged item.
func (c *checker) losses() {
	for _, i := range c.acked() {
		switch i.Kind {
		case Direct, Upstream:
			c.observed(i)
		case Job:
			if !c.jobs[i.Message] && c.dead[i.Message] == 0 {
				c.add(Lost, i, "no backtest of the job, and no dead letter")
			}
		case Event:
			if c.events[i.Message] == 0 && c.dead[i.Message] == 0 {
				c.add(Lost, i, "not in v_events, and no dead letter")
			}
		case Poison:
			if c.dead[i.Message] == 0 {
				c.add(Lost, i, "poison without a dead letter")
			}
		}
	}
}

// observed looks for an observation in the record, in quarantine and among the dead letters.
func (c *checker) observed(i Item) {
	v := Value(i.Seq)
	is := func(p Point) bool { return p.Value == v }
	switch {
	case slices.ContainsFunc(c.revised[i.cell()], is):
	case slices.ContainsFunc(c.held[i.cell()], is):
		if !i.Skewed {
			c.add(Misjudged, i, "in quarantine, though nothing is wrong with it")
		}
	case c.killed[v] || c.dead[i.Message] > 0:
		c.add(Misjudged, i, "a dead letter, though nothing is wrong with it")
	default:
		c.add(Lost, i, "in no revision, not in quarantine, no dead letter")
	}
}

// duplicates looks for what is shown more than once.
func (c *checker) duplicates() {
	for at, points := range c.revised {
		seen := map[float64]int{}
		for _, p := range points {
			if seen[p.Value]++; seen[p.Value] == 2 {
				c.add(Duplicate, c.item(p), "v_revisions shows the value of %s at %s twice", at.series, stamp(p.TS))
			}
		}
	}
	times := map[cell]int{}
	for _, p := range c.out.Observations {
		if times[p.cell()]++; times[p.cell()] == 2 {
			c.add(Duplicate, c.item(p), "v_observations shows %s at %s twice", p.Series, stamp(p.TS))
		}
	}
	for id, n := range c.events {
		if n > 1 {
			c.add(Duplicate, Item{Message: id}, "v_events shows it %d times", n)
		}
	}
	valid := make([]string, len(c.out.Valid))
	for i, b := range c.out.Valid {
		valid[i] = b.ID
	}
	for _, ids := range [][]string{valid, c.out.Published} {
		for id, n := range count(ids) {
			if n > 1 {
				c.add(Duplicate, Item{Message: id}, "its subject has it %d times", n)
			}
		}
	}
	for _, r := range c.out.Repeated {
		c.add(Duplicate, Item{}, "%s shows %d rows too many of %s", r.View, r.Rows, r.Names)
	}
}

func count(ids []string) map[string]int {
	n := map[string]int{}
	for _, id := range ids {
		n[id]++
	}
	return n
}

// views asks whether every point shows its newest revision.
func (c *checker) views() {
	for at, points := range c.revised {
		newest := slices.MaxFunc(points, c.older)
		shown, ok := c.shown[at]
		switch {
		case !ok:
			c.add(Lost, c.item(newest), "v_revisions has it, v_observations does not have its point")
		case shown.Value != newest.Value:
			c.add(Reordered, c.item(newest), "v_observations shows %s", c.name(shown))
		}
	}
	// What the record calls newest must be the last word of the source, as nothing but the pipeline stamps it.
	for _, i := range c.acked() {
		if i.Kind != Upstream {
			continue
		}
		if n, ok := Number(c.shown[i.cell()].Value); ok && n < i.Seq {
			c.add(Reordered, i, "v_observations shows number %d", n)
		}
	}
}

// older orders revisions of one point.
func (c *checker) older(a, b Point) int {
	if d := a.KnownAt.Compare(b.KnownAt); d != 0 {
		return d
	}
	return int(a.Value*scale) - int(b.Value*scale)
}

// subjects asks whether the messages of a series were said in their order, and of each point no older revision after a
// newer one.
func (c *checker) subjects() {
	last := map[string]uint64{} // series: number of the message said last
	newest := map[cell]Item{}
	for _, b := range c.out.Valid {
		if n, ok := c.first[strings.TrimSuffix(b.ID, ".valid")]; ok {
			if n < last[b.Series] {
				c.add(Reordered, c.log.Items[n], "said on bw.obs.valid after number %d of its series", last[b.Series])
			}
			last[b.Series] = max(last[b.Series], n)
		}
		for _, p := range b.Points {
			i := c.item(p)
			if i.Seq == 0 {
				c.add(Unforeseen, i, "bw.obs.valid says %g of %s at %s, which nobody told", p.Value, p.Series, stamp(p.TS))
				continue
			}
			if before, ok := newest[p.cell()]; ok && i.before(before) {
				c.add(Reordered, i, "said on bw.obs.valid after number %d, which is newer", before.Seq)
				continue
			}
			newest[p.cell()] = i
		}
	}
}

// before reports whether i is an older revision of the point of j.
func (i Item) before(j Item) bool {
	if !i.KnownAt.Equal(j.KnownAt) {
		return i.KnownAt.Before(j.KnownAt)
	}
	return i.Seq < j.Seq
}

// forecasts asks whether the newest forecast of each series was made from the newest values.
func (c *checker) forecasts() {
	ends := map[string]time.Time{}
	for _, p := range c.out.Observations {
		if p.TS.After(ends[p.Series]) {
			ends[p.Series] = p.TS
		}
	}
	have := map[string]bool{}
	for _, f := range c.out.Forecasts {
		have[f.Series] = true
		end := ends[f.Series]
		if !f.Cut.Equal(end) || !f.ViewCut.Equal(end) {
			c.add(Lost, c.item(c.shown[cell{f.Series, end.Unix()}]), "newest forecast: up to %s on the bus, up to %s in the view", stamp(f.Cut), stamp(f.ViewCut))
			continue
		}
		if f.Fallback {
			c.repeats(f)
		}
	}
	for s, end := range ends {
		if !have[s] {
			c.add(Lost, c.item(c.shown[cell{s, end.Unix()}]), "the series has no forecast")
		}
	}
}

// repeats asks whether a forecast that repeats the last day repeats what the record shows of it.
func (c *checker) repeats(f Newest) {
	const day = 24 * time.Hour
	for h, v := range f.Mean[:min(len(f.Mean), int(day/f.Step))] {
		ts := f.Cut.Add(time.Duration(h+1)*f.Step - day)
		if p, ok := c.shown[cell{f.Series, ts.Unix()}]; ok && p.Value != v {
			n, _ := Number(v)
			c.add(Reordered, c.item(p), "the newest forecast was made from number %d", n)
		}
	}
}

// deadLetters asks whether all of them are poison, and no consumer gave up a message twice.
func (c *checker) deadLetters() {
	poison := map[string]bool{}
	for _, i := range c.log.Items {
		if i.Kind == Poison {
			poison[i.Message] = true
		}
	}
	times := map[string]int{}
	for _, l := range c.out.Dead {
		if !poison[l.Message] {
			c.add(Unforeseen, c.log.Items[c.first[l.Message]], "dead letter %s of %s: %s", l.Message, l.Consumer, l.Reason)
		}
		key := l.Message + " of " + l.Consumer
		if times[key]++; times[key] == 2 {
			c.add(Duplicate, c.log.Items[c.first[l.Message]], "dead letter %s is there twice", key)
		}
	}
}

// item returns what was told of a point with that value, or a zero item.
func (c *checker) item(p Point) Item {
	n, ok := Number(p.Value)
	if !ok {
		return Item{}
	}
	i := c.log.Items[n]
	if i.cell() != p.cell() {
		return Item{}
	}
	return i
}

func (c *checker) name(p Point) string {
	return fmt.Sprintf("number %d, known at %s", c.item(p).Seq, p.KnownAt.Format(time.RFC3339Nano))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
