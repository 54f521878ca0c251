package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hour returns a grid point.
func hour(h int) time.Time { return firstHour.Add(time.Duration(h) * time.Hour) }

// told is the history of these tests: numbers 1 to 3 are hours 0 to 2 of a series, 4 revises hour 1, 5 and 6 are a job and
// an event, 7 is poison, 8 is an upstream value, and 9 was never acknowledged.
func told() Log {
	g := newLog()
	for n, i := range map[uint64]Item{
		1: {Kind: Direct, Series: "chaos.S0", TS: hour(0), KnownAt: hour(1), Message: "m1"},
		2: {Kind: Direct, Series: "chaos.S0", TS: hour(1), KnownAt: hour(2), Message: "m2"},
		3: {Kind: Direct, Series: "chaos.S0", TS: hour(2), KnownAt: hour(3), Message: "m3"},
		4: {Kind: Direct, Series: "chaos.S0", TS: hour(1), KnownAt: hour(4), Message: "m4"},
		5: {Kind: Job, Series: "eia.FPL", Message: "job"},
		6: {Kind: Event, Message: "event"},
		7: {Kind: Poison, Message: "poison"},
		8: {Kind: Upstream, Series: "eia.FPL", TS: hour(0)},
		9: {Kind: Direct, Series: "chaos.S0", TS: hour(3), KnownAt: hour(5), Message: "m9"},
	} {
		i.Seq = n
		g.Items[n] = i
		if n != 9 {
			g.Acked[n] = hour(0)
		}
	}
	return g
}

func point(s string, h int, n uint64, known int) Point {
	return Point{Series: s, TS: hour(h), Value: Value(n), KnownAt: hour(known)}
}

// good is what a pipeline that keeps its promises makes of told.
func good() Outcome {
	batch := func(id string, p Point) Batch { return Batch{ID: id + ".valid", Series: p.Series, Points: []Point{p}} }
	p1, p2, p3, p4 := point("chaos.S0", 0, 1, 1), point("chaos.S0", 1, 2, 2), point("chaos.S0", 2, 3, 3), point("chaos.S0", 1, 4, 4)
	p8 := point("eia.FPL", 0, 8, 1)
	return Outcome{
		Observations: []Point{p1, p4, p3, p8},
		Revisions:    []Point{p1, p2, p3, p4, p8},
		Valid:        []Batch{batch("m1", p1), batch("m2", p2), batch("m3", p3), batch("m4", p4), batch("x", p8)},
		Dead:         []Letter{{Message: "poison", Consumer: "validator"}},
		Jobs:         []string{"job"},
		Events:       []string{"event"},
		Published:    []string{"f1", "f2"},
		Forecasts: []Newest{
			{Series: "chaos.S0", Cut: hour(2), ViewCut: hour(2), Fallback: true, Step: time.Hour, Mean: append(make([]float64, 21), Value(1), Value(4), Value(3))},
			{Series: "eia.FPL", Cut: hour(0), ViewCut: hour(0), Step: time.Hour, Mean: []float64{1}},
		},
	}
}

// TestCheck breaks one promise at a time. The wanted findings follow from what each case does to a good outcome.
func TestCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(g *Log, o *Outcome)
		want  []string
	}{
		"good": {func(*Log, *Outcome) {}, nil},
		"lost revision": {func(_ *Log, o *Outcome) { o.Revisions = slices.Delete(o.Revisions, 1, 2) }, []string{
			"lost 2",
		}},
		"lost newest revision": {func(_ *Log, o *Outcome) {
			o.Revisions = slices.Delete(o.Revisions, 3, 4)
			o.Observations[1] = point("chaos.S0", 1, 2, 2)
			o.Forecasts[0].Mean[22] = Value(2)
		}, []string{"lost 4"}},
		"revision without observation": {func(_ *Log, o *Outcome) {
			o.Observations = slices.Delete(o.Observations, 0, 1)
		}, []string{"lost 1"}},
		"value not acknowledged is missing": {func(g *Log, _ *Outcome) { delete(g.Items, 9) }, nil},
		"value not acknowledged is there": {func(_ *Log, o *Outcome) {
			p := point("chaos.S0", 3, 9, 5)
			o.Revisions, o.Observations = append(o.Revisions, p), append(o.Observations, p)
			o.Forecasts[0].Cut, o.Forecasts[0].ViewCut = hour(3), hour(3)
			o.Forecasts[0].Mean = append(o.Forecasts[0].Mean[1:], Value(9))
		}, nil},
		"lost job":         {func(_ *Log, o *Outcome) { o.Jobs = nil }, []string{"lost 5"}},
		"lost event":       {func(_ *Log, o *Outcome) { o.Events = nil }, []string{"lost 6"}},
		"poison vanished":  {func(_ *Log, o *Outcome) { o.Dead = nil }, []string{"lost 7"}},
		"upstream is lost": {func(_ *Log, o *Outcome) { o.Revisions = o.Revisions[:4] }, []string{"lost 8"}},
		"good value in quarantine": {func(_ *Log, o *Outcome) {
			o.Held = []Point{o.Revisions[1]}
			o.Revisions = slices.Delete(o.Revisions, 1, 2)
		}, []string{"misjudged 2"}},
		"value of a clock that jumped in quarantine": {func(g *Log, o *Outcome) {
			i := g.Items[2]
			i.Skewed = true
			g.Items[2] = i
			o.Held = []Point{o.Revisions[1]}
			o.Revisions = slices.Delete(o.Revisions, 1, 2)
		}, nil},
		"good message among the dead letters": {func(_ *Log, o *Outcome) {
			o.Dead = append(o.Dead, Letter{Message: "m2", Values: []float64{Value(2)}})
			o.Revisions = slices.Delete(o.Revisions, 1, 2)
		}, []string{"misjudged 2", "unforeseen 2"}},
		"revision twice": {func(_ *Log, o *Outcome) { o.Revisions = append(o.Revisions, point("chaos.S0", 0, 1, 3)) }, []string{"duplicate 1"}},
		"observation twice": {func(_ *Log, o *Outcome) {
			o.Observations = append(o.Observations, o.Observations[0])
		}, []string{"duplicate 1"}},
		"event twice":     {func(_ *Log, o *Outcome) { o.Events = append(o.Events, "event") }, []string{"duplicate 0"}},
		"forecast twice":  {func(_ *Log, o *Outcome) { o.Published = append(o.Published, "f1") }, []string{"duplicate 0"}},
		"valid twice":     {func(_ *Log, o *Outcome) { o.Valid = append(o.Valid, o.Valid[4]) }, []string{"duplicate 0"}},
		"rows of a view":  {func(_ *Log, o *Outcome) { o.Repeated = []Repeat{{View: "v_scores", Rows: 2}} }, []string{"duplicate 0"}},
		"letter twice":    {func(_ *Log, o *Outcome) { o.Dead = append(o.Dead, o.Dead[0]) }, []string{"duplicate 7"}},
		"unforeseen data": {func(_ *Log, o *Outcome) { o.Valid[4].Points[0].Value = 77 }, []string{"unforeseen 0"}},
		"view shows an older revision": {func(_ *Log, o *Outcome) {
			o.Observations[1] = point("chaos.S0", 1, 2, 2)
			o.Forecasts[0].Mean[22] = Value(2)
		}, []string{"reordered 4"}},
		"upstream's last word is not shown": {func(g *Log, o *Outcome) {
			g.Items[10], g.Acked[10] = Item{Seq: 10, Kind: Upstream, Series: "eia.FPL", TS: hour(0)}, hour(0)
			o.Revisions = append(o.Revisions, point("eia.FPL", 0, 10, 0)) // stamped as if it had been known earlier
		}, []string{"reordered 10"}},
		"older revision said after the newer": {func(_ *Log, o *Outcome) {
			o.Valid[1], o.Valid[3] = o.Valid[3], o.Valid[1]
		}, []string{"reordered 2", "reordered 2", "reordered 3"}},
		"message of another hour said too late": {func(_ *Log, o *Outcome) {
			o.Valid[1], o.Valid[2] = o.Valid[2], o.Valid[1]
		}, []string{"reordered 2"}},
		"forecast from an older revision": {func(_ *Log, o *Outcome) { o.Forecasts[0].Mean[22] = Value(2) }, []string{"reordered 4"}},
		"forecast stops too early":        {func(_ *Log, o *Outcome) { o.Forecasts[0].Cut = hour(1) }, []string{"lost 3"}},
		"no forecast":                     {func(_ *Log, o *Outcome) { o.Forecasts = o.Forecasts[:1] }, []string{"lost 8"}},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := told(), good()
			tc.spoil(&g, &o)
			var got []string
			for _, f := range Check(g, o) {
				got = append(got, fmt.Sprintf("%s %d", f.Verdict, f.Item.Seq))
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValueCarriesItsNumber(t *testing.T) {
	for _, n := range []uint64{1, 2, 1023, 1024, 1025, 3_000_001} {
		if got, ok := Number(Value(n)); !ok || got != n {
			t.Errorf("Number(Value(%d)) = %d, %t", n, got, ok)
		}
	}
	for _, v := range []float64{0, base, base + 0.3/scale, -5, 1e300} {
		if n, ok := Number(v); ok {
			t.Errorf("Number(%g) = %d, want none", v, n)
		}
	}
}
