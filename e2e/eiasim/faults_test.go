package eiasim_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// Pages that overlap hide rows behind those they repeat. All the same nothing is lost: what was read once with repetitions
// is read again. A refresh after a long outage has several pages.
func TestOverlappingPagesLoseNothing(t *testing.T) {
	w := newWorld(t, twelve(), func(c *ingestor.Config) { c.Backfill, c.Repull = 40, 31*24*time.Hour })
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	if err := w.sim.SetFaults(eiasim.Faults{Overlap: &eiasim.OverlapFault{Share: .3, Rows: 700}}); err != nil {
		t.Fatal(err)
	}
	now, requests := start().AddDate(0, 0, 20), w.sim.Info().Requests
	// Three readings may all have overlaps: that is said, and the next refresh asks again.
	for tries := 1; w.at(t, now) != nil; tries++ {
		if tries == 10 {
			t.Fatal("ten refreshes failed")
		}
	}
	if err := w.sim.SetFaults(eiasim.Faults{}); err != nil {
		t.Fatal(err)
	}
	before := w.bus.count()
	if err := w.at(t, now); err != nil {
		t.Fatal(err)
	}
	w.check(t, start().AddDate(0, 0, -40), now.Add(-50*time.Hour))
	if n := w.sim.Info().Requests - requests; n < 6 {
		t.Errorf("%d requests: there were no pages to overlap", n)
	}
	if after := w.bus.count(); after != before {
		t.Errorf("%d observations were lost behind overlaps and came only when they had ended", after-before)
	}
}

// count returns how many observations were published.
func (b *bus) count() int {
	n := 0
	for _, batch := range b.batches {
		n += len(batch.Obs)
	}
	return n
}

// Before version 2.1.6 values and totals were numbers.
func TestNumbersInPlaceOfStrings(t *testing.T) {
	w := newWorld(t, generated, func(c *ingestor.Config) { c.Backfill = 10 })
	if err := w.sim.SetFaults(eiasim.Faults{Numbers: true}); err != nil {
		t.Fatal(err)
	}
	for h := range 3 {
		if err := w.at(t, start().Add(time.Duration(h)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	w.check(t, start().AddDate(0, 0, -10), start().Add(-50*time.Hour))
}

// Nulls and rows that are absent come in when the source has them. Oracle: the data set, which has a few nulls of its own.
func TestNullsAndMissingRowsAreFilled(t *testing.T) {
	w := newWorld(t, eiasim.Config{Data: eiasim.KindGenerated, Seed: 7, Areas: []string{"MISO", "PJM"}, Revised: -1}, func(c *ingestor.Config) { c.Backfill = 10 })
	null := eiasim.Range{Area: "PJM", From: start().Add(-20 * time.Hour), To: start().Add(-10 * time.Hour)}
	gap := eiasim.Range{Area: "MISO", From: start().Add(-30 * time.Hour), To: start().Add(-25 * time.Hour)}
	if err := w.sim.SetFaults(eiasim.Faults{
		Corrupt: []eiasim.CorruptFault{{Kind: eiasim.CorruptNull, Range: null}}, Drop: []eiasim.DropFault{{Range: gap}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	for ts := null.From; ts.Before(null.To); ts = ts.Add(time.Hour) {
		if v, there := w.bus.values("PJM")[ts.Unix()]; !there || !math.IsNaN(v) {
			t.Errorf("PJM at %s is %v (published: %t), want a missing value", ts, v, there)
		}
	}
	for ts := gap.From; ts.Before(gap.To); ts = ts.Add(time.Hour) {
		if v, there := w.bus.values("MISO")[ts.Unix()]; there {
			t.Errorf("MISO at %s is %v, want nothing", ts, v)
		}
	}
	if err := w.sim.SetFaults(eiasim.Faults{}); err != nil {
		t.Fatal(err)
	}
	if err := w.at(t, start().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.check(t, start().AddDate(0, 0, -10), start())
}

// A request that the API refuses is told in its own words and not repeated; its error is a string. That of the gate is an
// object, and comes with status 200 at times.
func TestBothShapesOfErrors(t *testing.T) {
	w := newWorld(t, generated, func(c *ingestor.Config) { c.Backfill = 10 })
	set := func(kind string, share float64) {
		t.Helper()
		if err := w.sim.SetFaults(eiasim.Faults{Errors: []eiasim.ErrorFault{{Kind: kind, Share: share}}}); err != nil {
			t.Fatal(err)
		}
	}
	set(eiasim.ErrorBadRequest, 1)
	err := w.at(t, start())
	want := "/v2/electricity/rto/region-data/data/: status 400: Invalid facet 'region' provided. The only valid facets are 'respondent' and 'type'."
	if err == nil || w.bus.raised[ingestor.CodeRejected] != want {
		t.Errorf("error %v, raised %q, want %q", err, w.bus.raised, want)
	}
	if n := w.sim.Info().Requests; n != 3 {
		t.Errorf("%d requests for three areas, want no second one of a request that is refused", n)
	}
	set(eiasim.ErrorGateInBody, .4)
	for h := range 4 {
		if err := w.at(t, start().Add(time.Duration(h)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	w.check(t, start().AddDate(0, 0, -10), start().Add(-50*time.Hour))
	if len(w.bus.raised) != 0 {
		t.Errorf("still raised: %q", w.bus.raised)
	}
}

// Every type has its series and its own lag, in one source. Oracle: the data set, and the lags of the simulator.
func TestTypesAndTheirLags(t *testing.T) {
	sim, err := eiasim.New(eiasim.Config{Data: eiasim.KindGenerated, Seed: 7, Areas: []string{"PJM", "TVA"}, Types: []string{"DF", "NG", "TI"}, Revised: -1})
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, sim)
	spec := ingestor.Defaults(ingestor.KindEIA)
	t.Setenv("EIA_API_KEY", "TEST-KEY")
	spec.Name, spec.Series, spec.Backfill, spec.EIA.URL, spec.EIA.Rate = "eia", []string{"PJM", "TVA"}, 30, w.url, 1e6
	spec.EIA.Types = []string{"D", "DF", "NG", "TI"}
	g, err := ingestor.OpenSpecs([]ingestor.Spec{spec}, ingestor.Deps{Publisher: w.bus, Sink: w.bus, Cursors: w.bus, Reporter: w.bus})
	if err != nil {
		t.Fatal(err)
	}
	for h := range 4 {
		now := start().Add(time.Duration(h) * time.Hour)
		sim.SetNow(now)
		if _, err := g.Refresh(t.Context(), "eia", now); err != nil {
			t.Fatal(err)
		}
	}
	w.sim = sim
	w.check(t, start().AddDate(0, 0, -30), start().Add(-26*time.Hour))
	for key, want := range map[string]time.Duration{"PJM": time.Hour, "PJM.DF": 4 * time.Hour, "TVA.NG": 5 * time.Hour, "TVA.TI": 28 * time.Hour} {
		lag := w.bus.lags[key]
		if lag.DataAge != want || lag.ExpectedAge != want+time.Hour+5*time.Minute {
			t.Errorf("%s: age %s, expected %s, want %s and %s", key, lag.DataAge, lag.ExpectedAge, want, want+time.Hour+5*time.Minute)
		}
	}
	negative := false
	for _, v := range w.bus.values("PJM.TI") {
		negative = negative || v < 0
	}
	if !negative {
		t.Error("interchange has no negative value: the test shows nothing of signs")
	}
}

// The key shows nowhere, whatever goes wrong: not in the log at its finest level, in messages, rows, cursors, events or
// errors. The simulator repeats it in every body, as the real service does.
func TestKeyShowsNowhere(t *testing.T) {
	const key = "s3cr3t-k3y/+="
	core, logged := observer.New(zapcore.DebugLevel)
	for _, kind := range []string{
		"", eiasim.ErrorServer, eiasim.ErrorOverRate, eiasim.ErrorTooMany, eiasim.ErrorInBody, eiasim.ErrorGateInBody, eiasim.ErrorBadRequest,
		eiasim.ErrorTruncated, eiasim.ErrorReset, eiasim.ErrorSlow,
	} {
		w := newWorld(t, generated, nil)
		f := eiasim.Faults{Corrupt: []eiasim.CorruptFault{{Kind: eiasim.CorruptRenamed, Range: eiasim.Range{From: start().Add(-9 * time.Hour), To: start().Add(-5 * time.Hour)}}}}
		if kind != "" {
			f.Errors = []eiasim.ErrorFault{{Kind: kind, Share: .8, Delay: "2s"}}
		}
		if err := w.sim.SetFaults(f); err != nil {
			t.Fatal(err)
		}
		cfg := ingestor.Config{
			Source: "eia", Areas: []string{"PJM", "MISO", "XYZ"}, Poll: time.Minute, Repull: 48 * time.Hour, Backfill: 3, Unit: "MWh", Concurrency: 4,
			EIA: ingestor.EIAConfig{
				URL: w.url, Key: key, Route: "region-data", Type: "D", Rate: 1e6, Timeout: 100 * time.Millisecond, Tries: 2,
				Wait: time.Millisecond, MaxWait: time.Millisecond, Failures: 50, Cooldown: time.Millisecond,
			},
		}
		r, err := ingestor.New(cfg, ingestor.Deps{Publisher: w.bus, Sink: w.bus, Cursors: w.bus, Reporter: w.bus, Log: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		w.sim.SetNow(start())
		_, err = r.Refresh(t.Context(), start())
		said := []string{fmt.Sprint(err), fmt.Sprintf("%+v", w.bus.rows), fmt.Sprintf("%+v", w.bus.batches), fmt.Sprint(w.bus.raised), fmt.Sprintf("%+v", r)}
		for k, v := range w.bus.cursors {
			said = append(said, k, string(v))
		}
		for _, e := range logged.TakeAll() {
			fields, err := json.Marshal(e.ContextMap())
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, e.Message, string(fields))
		}
		for _, text := range said {
			for _, form := range []string{key, "s3cr3t-k3y", "s3cr3t-k3y%2F%2B%3D"} {
				if strings.Contains(text, form) {
					t.Errorf("%s: the key shows in %.300s", kind, text)
				}
			}
		}
		if len(said) < 8 && kind == "" {
			t.Errorf("nothing was said: %q", said)
		}
	}
}
