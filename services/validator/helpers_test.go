package validator

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// store is a record in memory with the replacement rules of the tables. It is the History of the handler under test.
type store struct {
	observations map[obsKey]record.Observation
	revisions    map[revKey]record.Revision
	verdicts     map[verdictKey]record.Verdict
	quarantine   map[string]record.Quarantine
}

type obsKey struct {
	series string
	ts     int64
}

type revKey struct {
	obsKey
	known int64
}

type verdictKey struct {
	revKey
	message string
}

func newStore() *store {
	return &store{
		observations: make(map[obsKey]record.Observation),
		revisions:    make(map[revKey]record.Revision),
		verdicts:     make(map[verdictKey]record.Verdict),
		quarantine:   make(map[string]record.Quarantine),
	}
}

// Write applies rows: observations keep the newest known_at, quarantine the newest updated_at, the rest the last row.
func (s *store) Write(_ context.Context, _ string, rows []stage.Row) error {
	for row := range stage.Each(rows) {
		switch r := row.(type) {
		case record.Observation:
			k := obsKey{r.Series, r.TS.Unix()}
			if old, ok := s.observations[k]; !ok || !r.KnownAt.Before(old.KnownAt) {
				s.observations[k] = r
			}
		case record.Revision:
			s.revisions[revKey{obsKey{r.Series, r.TS.Unix()}, r.KnownAt.UnixMilli()}] = r
		case record.Verdict:
			s.verdicts[verdictKey{revKey{obsKey{r.Series, r.TS.Unix()}, r.KnownAt.UnixMilli()}, r.MessageID}] = r
		case record.Quarantine:
			if old, ok := s.quarantine[r.RecordID]; !ok || !r.UpdatedAt.Before(old.UpdatedAt) {
				s.quarantine[r.RecordID] = r
			}
		}
	}
	return nil
}

func (s *store) SeriesIDs(context.Context) ([]series.ID, error) {
	seen := map[string]bool{}
	var out []series.ID
	for _, o := range s.observations {
		if !seen[o.Series] {
			seen[o.Series] = true
			id, err := series.ParseID(o.Series)
			if err != nil {
				return nil, err
			}
			out = append(out, id)
		}
	}
	return out, nil
}

func (s *store) Tail(_ context.Context, id series.ID, n int) (series.Series, error) {
	var rows []record.Observation
	for _, o := range s.observations {
		if o.Series == id.String() {
			rows = append(rows, o)
		}
	}
	if len(rows) == 0 {
		return series.Series{ID: id}, nil
	}
	slices.SortFunc(rows, func(a, b record.Observation) int { return a.TS.Compare(b.TS) })
	step := time.Duration(rows[0].StepS) * time.Second
	y := series.Series{ID: id, Unit: rows[0].Unit, Start: rows[0].TS, Step: step}
	last, _ := y.Index(rows[len(rows)-1].TS)
	y.Values = make([]float64, last+1)
	for i := range y.Values {
		y.Values[i] = math.NaN()
	}
	for _, o := range rows {
		i, _ := y.Index(o.TS)
		y.Values[i] = o.Value
	}
	return y.Tail(n), nil
}

func (s *store) Newest(_ context.Context, id series.ID, from, to time.Time) ([]series.Revision, error) {
	var out []series.Revision
	for _, o := range s.observations {
		if o.Series == id.String() && !o.TS.Before(from) && !o.TS.After(to) {
			out = append(out, series.Revision{TS: o.TS, KnownAt: o.KnownAt, Value: o.Value})
		}
	}
	return out, nil
}

func (s *store) Reports(_ context.Context, id series.ID, since time.Time) ([]series.Report, error) {
	byTime := map[int64]series.Report{}
	for k, r := range s.revisions {
		if k.series != id.String() || r.TS.Before(since) {
			continue
		}
		report := byTime[k.known]
		report.KnownAt, report.Points = r.KnownAt, report.Points+1
		if r.TS.After(report.Newest) {
			report.Newest = r.TS
		}
		byTime[k.known] = report
	}
	return slices.SortedFunc(maps.Values(byTime), func(a, b series.Report) int { return a.KnownAt.Compare(b.KnownAt) }), nil
}

func (s *store) SourceReports(_ context.Context, since time.Time) (map[string][]time.Time, error) {
	out := map[string][]time.Time{}
	for k, r := range s.revisions {
		id, err := series.ParseID(k.series)
		if err != nil {
			return nil, err
		}
		if !r.KnownAt.Before(since) {
			out[id.Source] = append(out[id.Source], r.KnownAt)
		}
	}
	for source, times := range out {
		slices.SortFunc(times, time.Time.Compare)
		out[source] = slices.CompactFunc(times, time.Time.Equal)
	}
	return out, nil
}

// start is the first grid point of test series.
func start() time.Time { return time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC) }

func hour(i int) time.Time { return start().Add(time.Duration(i) * time.Hour) }

func pjm() series.ID { return series.ID{Source: "eia", Key: "PJM"} }

// demand is a plausible value for hour i: 1000 with a daily swing of 20 %, never twice the same in a row.
func demand(i int) float64 {
	return math.Round(1000+200*math.Sin(2*math.Pi*float64(i)/24)) + float64(i%7)/8
}

// hours returns demand(from), ..., demand(to-1) as observations.
func hours(from, to int) []series.Observation {
	var obs []series.Observation
	for i := from; i < to; i++ {
		obs = append(obs, series.Observation{TS: hour(i), Value: demand(i)})
	}
	return obs
}

func at(i int, v float64) series.Observation { return series.Observation{TS: hour(i), Value: v} }

// batch returns a sound refresh that became known one hour after its last observation.
func batch(run string, obs ...series.Observation) series.Batch {
	b := series.Batch{
		Series: pjm(), SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "America/New_York", Step: time.Hour,
		KnownAt: start(), RunID: run, Origin: series.Refresh, Obs: obs,
	}
	for _, o := range obs {
		if known := o.TS.Add(time.Hour); known.After(b.KnownAt) && known.Before(hour(100000)) {
			b.KnownAt = known
		}
	}
	return b
}

// message wraps b as the transport delivers it the first time.
func message(b series.Batch) stage.Message {
	return stage.Message{Subject: wire.Raw(b.Series), ID: "raw-" + b.RunID, Data: wire.EncodeBatch(b), Attempt: 1}
}

// output is what one message made: what was forwarded and which events were sent.
type output struct {
	valid  *series.Batch
	events []event.Event
}

// deliver handles m and stores its rows, as the transport does.
func deliver(t *testing.T, h *Handler, s *store, m stage.Message) output {
	t.Helper()
	res, err := h.Handle(t.Context(), m)
	if err != nil {
		t.Fatalf("Handle(%s): %v", m.ID, err)
	}
	if err := s.Write(t.Context(), m.ID, res.Rows); err != nil {
		t.Fatal(err)
	}
	return decode(t, res.Out)
}

func decode(t *testing.T, msgs []stage.Message) output {
	t.Helper()
	var out output
	ids := make(map[string]bool)
	for _, m := range msgs {
		if ids[m.ID] {
			t.Errorf("two outputs have the id %q", m.ID)
		}
		ids[m.ID] = true
		if m.Subject == wire.Event(event.KindError, event.Validator) {
			e, err := wire.DecodeEvent(m.Data)
			if err != nil {
				t.Fatal(err)
			}
			out.events = append(out.events, e)
			continue
		}
		b, err := wire.DecodeBatch(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if want := wire.Valid(b.Series); m.Subject != want {
			t.Errorf("subject = %q, want %q", m.Subject, want)
		}
		out.valid = &b
	}
	return out
}

// verdictsOf returns the verdicts on a message in order of time. As in v_verdicts, a value that became known without one
// passed; helper batch names runs so that their message is known.
func (s *store) verdictsOf(message string) []record.Verdict {
	var out []record.Verdict
	for k, r := range s.revisions {
		found := func(v record.Verdict) bool {
			return v.TS.Equal(r.TS) && v.KnownAt.Equal(r.KnownAt) && v.Series == k.series
		}
		if "raw-"+r.RunID == message && !slices.ContainsFunc(slices.Collect(maps.Values(s.verdicts)), found) {
			out = append(out, record.Verdict{Series: r.Series, TS: r.TS, KnownAt: r.KnownAt, Value: r.Value, Outcome: "pass"})
		}
	}
	for _, v := range s.verdicts {
		if v.MessageID == message {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b record.Verdict) int { return a.TS.Compare(b.TS) })
	return out
}

// quarantined returns the quarantine rows by record id.
func (s *store) quarantined() []record.Quarantine {
	var out []record.Quarantine
	for _, q := range s.quarantine {
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b record.Quarantine) int { return cmp.Compare(a.RecordID, b.RecordID) })
	return out
}
