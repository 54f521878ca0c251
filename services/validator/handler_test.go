package validator

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// seeded returns a handler and store that have seen the first days of demand.
func seeded(t *testing.T, days int) (*Handler, *store) {
	t.Helper()
	s := newStore()
	h := New(DefaultConfig(), s)
	deliver(t, h, s, message(batch("seed", hours(0, 24*days)...)))
	return h, s
}

func TestHandlePass(t *testing.T) {
	t.Parallel()
	s := newStore()
	h := New(DefaultConfig(), s)
	in := batch("run", hours(0, 2)...)
	res, err := h.Handle(t.Context(), message(in))
	if err != nil {
		t.Fatal(err)
	}
	known := hour(2)
	want := []stage.Row{
		record.Revision{Series: "eia.PJM", TS: hour(0), KnownAt: known, Value: 1000, RunID: "run"},
		record.Revision{Series: "eia.PJM", TS: hour(1), KnownAt: known, Value: 1052.125, RunID: "run"},
		record.Observation{
			Series: "eia.PJM", TS: hour(0), Value: 1000, KnownAt: known, Outcome: "pass",
			Unit: "MWh", Zone: "America/New_York", StepS: 3600,
		},
		record.Observation{
			Series: "eia.PJM", TS: hour(1), Value: 1052.125, KnownAt: known, Outcome: "pass",
			Unit: "MWh", Zone: "America/New_York", StepS: 3600,
		},
	}
	if diff := cmp.Diff(want, slices.Collect(stage.Each(res.Rows))); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
	out := decode(t, res.Out)
	if diff := cmp.Diff(&in, out.valid); diff != "" {
		t.Errorf("what passed is not what came (-want +got):\n%s", diff)
	}
	if len(out.events) != 0 {
		t.Errorf("events = %v, want none", out.events)
	}
}

// TestHandleVerdicts checks outcome and checks of the points of one batch after eight days of demand, hours 0 to 191.
// The expectations follow from the table of checks in the README.
func TestHandleVerdicts(t *testing.T) {
	t.Parallel()
	type verdict struct {
		Outcome string
		Checks  []string
	}
	pass := verdict{Outcome: "pass"}
	for name, tc := range map[string]struct {
		obs     []series.Observation
		want    []verdict // by point in order of time; repeats have none
		forward []series.Observation
	}{
		"pass":            {hours(192, 194), []verdict{pass, pass}, hours(192, 194)},
		"demand doubles":  {[]series.Observation{at(192, 2*demand(192))}, []verdict{{"flag", []string{"spike"}}}, []series.Observation{at(192, 2*demand(192))}},
		"kilowatts":       {[]series.Observation{at(192, 1000*demand(192))}, []verdict{{"quarantine", []string{"unit"}}}, nil},
		"a tenth":         {[]series.Observation{at(192, 100)}, []verdict{{"quarantine", []string{"range"}}}, nil},
		"zero":            {[]series.Observation{at(192, 0)}, []verdict{{"quarantine", []string{"range"}}}, nil},
		"negative":        {[]series.Observation{at(192, -900)}, []verdict{{"quarantine", []string{"sign"}}}, nil},
		"infinite":        {[]series.Observation{at(192, math.Inf(1))}, []verdict{{"quarantine", []string{"type"}}}, nil},
		"null":            {[]series.Observation{at(192, math.NaN())}, []verdict{{"flag", []string{"null"}}}, nil},
		"gap":             {hours(195, 196), []verdict{{"flag", []string{"gap"}}}, hours(195, 196)},
		"repeat":          {hours(190, 192), nil, hours(190, 192)},
		"small revision":  {[]series.Observation{at(191, 1.01*demand(191))}, []verdict{{"pass", []string{"revision"}}}, []series.Observation{at(191, 1.01*demand(191))}},
		"large revision":  {[]series.Observation{at(191, 1.5*demand(191))}, []verdict{{"flag", []string{"revision"}}}, []series.Observation{at(191, 1.5*demand(191))}},
		"corrupted later": {[]series.Observation{at(191, 0)}, []verdict{{"quarantine", []string{"range"}}}, nil},
		"out of order": {
			[]series.Observation{at(193, demand(193)), at(192, demand(192))}, []verdict{pass, pass}, hours(192, 194),
		},
		"twice the same": {
			append(hours(192, 193), hours(192, 193)...), []verdict{{"flag", []string{"duplicate"}}}, hours(192, 193),
		},
		"twice with different values": {
			append(hours(192, 193), at(192, 900)), []verdict{{"flag", []string{"duplicate"}}}, hours(192, 193),
		},
		"corrupt, then sound": {
			append([]series.Observation{at(192, 0)}, hours(192, 193)...), []verdict{{"flag", []string{"range"}}}, hours(192, 193),
		},
		"null, then a value": {
			append([]series.Observation{at(192, math.NaN())}, hours(192, 193)...), []verdict{{"flag", []string{"null"}}}, hours(192, 193),
		},
		"a value, then null": {
			append(hours(192, 193), at(192, math.NaN())), []verdict{{"flag", []string{"duplicate"}}}, hours(192, 193),
		},
		"corrupt twice": {
			[]series.Observation{at(192, 0), at(192, -1)}, []verdict{{"quarantine", []string{"range", "range"}}}, nil,
		},
		"corrupt, then a repeat": {append([]series.Observation{at(191, 0)}, hours(191, 192)...), nil, hours(191, 192)},
		"off the grid": {
			[]series.Observation{{TS: hour(192).Add(7 * time.Minute), Value: 1000}}, []verdict{{"quarantine", []string{"off_grid"}}}, nil,
		},
		"before 1970": {
			[]series.Observation{{TS: time.Unix(-3600, 0).UTC(), Value: 1000}}, []verdict{{"quarantine", []string{"off_grid"}}}, nil,
		},
		"future": {
			[]series.Observation{at(1000000, 1000)}, []verdict{{"quarantine", []string{"future"}}}, nil,
		},
		"demand jumps and comes back": {
			[]series.Observation{at(192, demand(192)), at(193, 1.6*demand(193)), at(194, demand(194))},
			[]verdict{pass, {"flag", []string{"spike"}}, pass},
			[]series.Observation{at(192, demand(192)), at(193, 1.6*demand(193)), at(194, demand(194))},
		},
		"flatline": {
			[]series.Observation{at(192, 1000), at(193, 1000), at(194, 1000), at(195, 1000), at(196, 1000), at(197, 1000)},
			[]verdict{pass, pass, pass, {"flag", []string{"flatline"}}, {"flag", []string{"flatline"}}, {"flag", []string{"flatline"}}},
			[]series.Observation{at(192, 1000), at(193, 1000), at(194, 1000), at(195, 1000), at(196, 1000), at(197, 1000)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := seeded(t, 8)
			b := batch("x", tc.obs...)
			b.KnownAt = later(b.KnownAt, hour(193))
			out := deliver(t, h, s, message(b))
			var got []verdict
			for _, v := range s.verdictsOf("raw-x") {
				got = append(got, verdict{v.Outcome, v.Checks})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("verdicts mismatch (-want +got):\n%s", diff)
			}
			var forward []series.Observation
			if out.valid != nil {
				forward = out.valid.Obs
			}
			if diff := cmp.Diff(tc.forward, forward); diff != "" {
				t.Errorf("forwarded mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func TestHandleLate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		origin series.Origin
		want   string
	}{
		"refresh":  {series.Refresh, "flag"},
		"backfill": {series.Backfill, "pass"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := seeded(t, 5)
			b := batch("x", hours(120, 121)...)
			b.Origin, b.KnownAt = tc.origin, hour(120+25)
			deliver(t, h, s, message(b))
			if got := s.verdictsOf("raw-x")[0].Outcome; got != tc.want {
				t.Errorf("outcome = %q, want %q", got, tc.want)
			}
		})
	}
}

// TestHandleOutdated brings a value of a point that became known before the value the point has, as a replayed dead
// letter does, or a source whose clock was set back. That the handler has read the newer value from the record makes no
// difference.
func TestHandleOutdated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		between func(h *Handler)
		age     time.Duration
	}{
		"some hours":                   {func(*Handler) {}, 19 * time.Hour},
		"a millisecond":                {func(*Handler) {}, time.Millisecond},
		"some hours, after a restart":  {(*Handler).Forget, 19 * time.Hour},
		"a millisecond, after a crash": {(*Handler).Forget, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := seeded(t, 5)
			known := hour(140).Add(500 * time.Millisecond)
			newer, older := batch("newer", at(120, 1010)), batch("older", at(120, 1000))
			newer.KnownAt, older.KnownAt = known, known.Add(-tc.age)
			deliver(t, h, s, message(newer))
			tc.between(h)
			if out := deliver(t, h, s, message(older)); out.valid != nil {
				t.Errorf("forwarded %v, want nothing", out.valid.Obs)
			}
			v := s.verdictsOf("raw-older")
			if len(v) != 1 || v[0].Outcome != "flag" || v[0].Checks[0] != "outdated" {
				t.Errorf("verdicts = %+v, want one flagged as outdated", v)
			}
			if got := s.observations[obsKey{"eia.PJM", hour(120).Unix()}].Value; got != 1010 {
				t.Errorf("newest value = %g, want 1010", got)
			}
			if _, ok := s.revisions[revKey{obsKey{"eia.PJM", hour(120).Unix()}, older.KnownAt.UnixMilli()}]; !ok {
				t.Error("the history does not have the older value")
			}
		})
	}
}

func TestHandleQuarantineRows(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 5)
	b := batch("x", at(120, -5), at(121, demand(121)))
	b.Malformed = []series.Malformed{{Period: "2024-13-01T00", Payload: `{"period":"2024-13-01T00"}`, Reason: "period: month out of range"}}
	deliver(t, h, s, message(b))
	want := []record.Quarantine{
		{
			Series: "eia.PJM", RecordID: "raw-x.m0", Period: "2024-13-01T00", TS: time.Unix(0, 0).UTC(), Value: math.NaN(),
			Reason: "schema", Detail: "period: month out of range", Payload: `{"period":"2024-13-01T00"}`,
			KnownAt: hour(122), RunID: "x", Status: "held", UpdatedAt: hour(122),
		},
		{
			Series: "eia.PJM", RecordID: "raw-x.o0", Period: "2024-03-06T00:00:00Z", TS: hour(120), Value: -5,
			Reason: "range", Detail: "-5 is not above 0", Payload: `{"ts":"2024-03-06T00:00:00Z","value":-5}`,
			KnownAt: hour(122), RunID: "x", Status: "held", UpdatedAt: hour(122),
		},
	}
	if diff := cmp.Diff(want, s.quarantined(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("quarantine mismatch (-want +got):\n%s", diff)
	}
}

func TestHandleCorrupt(t *testing.T) {
	t.Parallel()
	h := New(DefaultConfig(), newStore())
	for name, data := range map[string][]byte{"noise": {0xff, 0x17, 0x00}, "text": []byte("not protobuf")} {
		if _, err := h.Handle(t.Context(), stage.Message{Subject: "bw.obs.raw.eia.PJM", ID: name, Data: data}); !errors.Is(err, stage.ErrPermanent) {
			t.Errorf("%s: err = %v, want a permanent one", name, err)
		}
	}
}

// TestHandleRefused checks batches that are decodable but not understood: every row is kept, nothing is passed on.
func TestHandleRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*series.Batch)
		want   string
	}{
		"unknown version": {func(b *series.Batch) { b.SchemaVersion = 7 }, "schema_version 7, want 1"},
		"no step":         {func(b *series.Batch) { b.Step = 0 }, "step 0s is not positive"},
		"another step":    {func(b *series.Batch) { b.Step = 30 * time.Minute }, "step 30m0s, the series has 1h0m0s"},
		"no key":          {func(b *series.Batch) { b.Series.Key = "" }, `series "eia." has no source or no key`},
		"no time":         {func(b *series.Batch) { b.KnownAt = time.Time{} }, "known_at is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := seeded(t, 5)
			b := batch("x", hours(120, 122)...)
			b.Final = true
			tc.change(&b)
			out := deliver(t, h, s, message(b))
			if out.valid != nil {
				t.Errorf("forwarded %v, want nothing", out.valid)
			}
			kept := s.quarantined()
			if len(kept) != 2 || kept[0].Reason != "schema" || kept[0].Detail != tc.want {
				t.Errorf("quarantine = %+v, want 2 rows with detail %q", kept, tc.want)
			}
			if len(out.events) != 1 || out.events[0].Error.Code != CodeSchema || out.events[0].Error.Severity != event.Critical {
				t.Errorf("events = %+v, want one critical %s", out.events, CodeSchema)
			}
		})
	}
}

func TestHandleUnit(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 5)
	for i, want := range []string{"flag", "pass"} { // the first batch in the new unit is flagged, the next is not
		run := []string{"first", "second"}[i]
		b := batch(run, hours(120+i, 121+i)...)
		b.Unit = "kWh"
		deliver(t, h, s, message(b))
		if got := s.verdictsOf("raw-" + run)[0].Outcome; got != want {
			t.Errorf("%s batch in kWh: outcome = %q, want %q", run, got, want)
		}
	}
}

func TestHandleFinal(t *testing.T) {
	t.Parallel()
	h, s := seeded(t, 5)
	b := batch("x", at(120, 0))
	b.Final, b.Origin = true, series.Backfill
	out := deliver(t, h, s, message(b))
	if out.valid == nil || !out.valid.Final || len(out.valid.Obs) != 0 {
		t.Errorf("forwarded %+v, want an empty final batch", out.valid)
	}
}

// brokenHistory fails as often as it says, then reads from the store.
type brokenHistory struct {
	*store
	failures int
}

var errDown = errors.New("clickhouse: connection refused")

func (b *brokenHistory) SeriesIDs(ctx context.Context) ([]series.ID, error) {
	if b.failures > 0 {
		b.failures--
		return nil, errDown
	}
	return b.store.SeriesIDs(ctx)
}

func (b *brokenHistory) Tail(ctx context.Context, id series.ID, n int) (series.Series, error) {
	if b.failures > 0 {
		b.failures--
		return series.Series{}, errDown
	}
	return b.store.Tail(ctx, id, n)
}

func TestHandleHistoryDown(t *testing.T) {
	t.Parallel()
	_, s := seeded(t, 5)
	h := New(DefaultConfig(), &brokenHistory{store: s, failures: 2})
	m := message(batch("x", hours(120, 123)...))
	for _, when := range []string{"the list of series", "the history"} {
		_, err := h.Handle(t.Context(), m)
		if !errors.Is(err, errDown) || errors.Is(err, stage.ErrPermanent) {
			t.Fatalf("%s cannot be read: err = %v, want the passing %v", when, err, errDown)
		}
	}
	if out := deliver(t, h, s, m); out.valid == nil || len(out.valid.Obs) != 3 {
		t.Errorf("after recovery: forwarded %+v, want 3 observations", out.valid)
	}
}
