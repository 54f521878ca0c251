package forecaster

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

var (
	pjm = series.ID{Source: "eia", Key: "PJM"}
	t0  = time.Date(2023, 3, 1, 0, 0, 0, 0, time.UTC)
	cfg = Config{Horizon: 48, Window: 1008, Rescore: 48 * time.Hour, MinTrain: 720, DriftRaise: 5, DriftClear: 3, DriftHalfLife: 12}
)

func at(h int) time.Time { return t0.Add(time.Duration(h) * time.Hour) }

// demand is a daily and weekly pattern without noise.
func demand(h int) float64 {
	return 1000 + 200*math.Sin(2*math.Pi*float64(h)/24) + 50*math.Sin(2*math.Pi*float64(h)/168)
}

// memory is a record in memory: what was written and what was published by the validator and the trainer.
type memory struct {
	revised   series.Revised
	forecasts map[string]forecast.Forecast // by message id
	scores    map[string]record.Score
	champion  *forecast.Model
	artifacts map[string][]byte
}

func newMemory() *memory {
	return &memory{
		revised:   series.Revised{ID: pjm, Unit: "MWh", Step: time.Hour},
		forecasts: map[string]forecast.Forecast{}, scores: map[string]record.Score{}, artifacts: map[string][]byte{},
	}
}

func (m *memory) Known(_ context.Context, _ series.ID, from, to, asOf time.Time) (series.Series, error) {
	y := m.revised.AsOf(asOf)
	for y.Len() > 0 && y.End().After(to) {
		y = y.Slice(0, y.Len()-1)
	}
	if y.Len() == 0 {
		return y, nil
	}
	i, _ := y.Index(from)
	return y.Slice(max(i, 0), y.Len()), nil
}

func (m *memory) PendingForecasts(_ context.Context, _ series.ID, since time.Time) ([]forecast.Forecast, error) {
	var out []forecast.Forecast
	for _, f := range m.forecasts {
		if !f.IssuedAt.Before(since) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b forecast.Forecast) int { return a.IssuedAt.Compare(b.IssuedAt) })
	return out, nil
}

func (m *memory) Champion(context.Context, series.ID) (forecast.Model, bool, error) {
	if m.champion == nil {
		return forecast.Model{}, false, nil
	}
	return *m.champion, true, nil
}

func (m *memory) ScaledErrors(_ context.Context, _ series.ID, since time.Time) ([]series.Observation, error) {
	sum, n := map[int64]float64{}, map[int64]float64{}
	for _, s := range m.scores {
		if !s.TargetTS.Before(since) && !math.IsNaN(s.ScaledError) {
			sum[s.TargetTS.Unix()] += s.ScaledError
			n[s.TargetTS.Unix()]++
		}
	}
	var out []series.Observation
	for ts, x := range sum {
		out = append(out, series.Observation{TS: time.Unix(ts, 0).UTC(), Value: x / n[ts]})
	}
	slices.SortFunc(out, func(a, b series.Observation) int { return a.TS.Compare(b.TS) })
	return out, nil
}

func (m *memory) DayErrors(_ context.Context, _ series.ID, since, asOf time.Time, zone *time.Location, day int) ([]forecast.DayErrors, error) {
	type key struct {
		day   int64
		later bool
	}
	targets := map[key]map[int64]bool{}
	out := map[key]*forecast.DayErrors{}
	for _, s := range m.scores {
		if s.TargetTS.Before(since) || s.ScoredAt.After(asOf) || math.IsNaN(s.ScaledError) {
			continue
		}
		at := midnight(s.TargetTS, zone)
		k := key{at.Unix(), int(s.Horizon) > day}
		if out[k] == nil {
			out[k], targets[k] = &forecast.DayErrors{Day: at, Later: k.later}, map[int64]bool{}
		}
		d := out[k]
		targets[k][s.TargetTS.Unix()] = true
		d.Targets = len(targets[k])
		d.Scores++
		n := float64(d.Scores)
		d.Error += (s.ScaledError - d.Error) / n
		d.Bias += (math.Copysign(s.ScaledError, s.Actual-s.Mean) - d.Bias) / n
		in := 0.0
		if s.Covered90 {
			in = 1
		}
		d.Covered += (in - d.Covered) / n
	}
	var list []forecast.DayErrors
	for _, d := range out {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b forecast.DayErrors) int { return a.Day.Compare(b.Day) })
	return list, nil
}

func (m *memory) Outcomes(_ context.Context, _ series.ID, since, asOf time.Time, bucket int) ([]forecast.Outcome, error) {
	type key struct {
		target int64
		bucket int
	}
	newest := map[key]record.Score{}
	for _, s := range m.scores {
		k := key{s.TargetTS.Unix(), (int(s.Horizon) - 1) / bucket}
		before, seen := newest[k]
		if s.TargetTS.Before(since) || s.ScoredAt.After(asOf) || strings.HasPrefix(s.ModelID, "fallback.") ||
			seen && (before.Horizon < s.Horizon || before.Horizon == s.Horizon && before.IssuedAt.After(s.IssuedAt)) {
			continue
		}
		newest[k] = s
	}
	var out []forecast.Outcome
	for _, s := range newest {
		out = append(out, forecast.Outcome{
			Target: s.TargetTS, Horizon: int(s.Horizon), Actual: s.Actual, Mean: s.Mean, Missed80: !s.Covered80, Missed90: !s.Covered90,
		})
	}
	slices.SortFunc(out, func(a, b forecast.Outcome) int { return cmpTime(a, b) })
	return out, nil
}

func cmpTime(a, b forecast.Outcome) int {
	if c := a.Target.Compare(b.Target); c != 0 {
		return c
	}
	return a.Horizon - b.Horizon
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	if data, ok := m.artifacts[name]; ok {
		return data, nil
	}
	return nil, errors.New("no such object")
}

// keep does what the transport and the validator do: it stores the rows, and the batch's observations as revisions.
func (m *memory) keep(t *testing.T, b series.Batch, r stage.Result) {
	t.Helper()
	for _, o := range b.Obs {
		m.revised.Revs = append(m.revised.Revs, series.Revision{TS: o.TS, KnownAt: b.KnownAt, Value: o.Value})
	}
	slices.SortStableFunc(m.revised.Revs, func(a, b series.Revision) int { return a.TS.Compare(b.TS) })
	for _, row := range r.Rows {
		if s, ok := row.(record.Score); ok {
			m.scores[s.TargetTS.String()+s.IssuedAt.String()+s.ModelID] = s
		}
	}
	for _, msg := range r.Out {
		if msg.Subject != wire.Forecast(pjm) {
			continue
		}
		f, err := wire.DecodeForecast(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		m.forecasts[msg.ID] = f
	}
}

// announce registers a seasonal naive model as champion and returns its message.
func (m *memory) announce(t *testing.T, id string) stage.Message {
	t.Helper()
	y := m.revised.AsOf(at(1 << 20))
	fitter := model.SeasonalNaive{Period: 168}
	f, err := fitter.Fit(y)
	if err != nil {
		t.Fatal(err)
	}
	bt, err := eval.Backtest(t.Context(), y, model.SeasonalNaive{Period: 24}, eval.Plan{Origins: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := eval.NewConformal(bt, forecast.Levels())
	if err != nil {
		t.Fatal(err)
	}
	data, sum, err := artifact.Encode(artifact.Artifact{Forecaster: f, Conformal: c, MAE: bt.HorizonMAE()})
	if err != nil {
		t.Fatal(err)
	}
	m.artifacts[artifact.Name(sum)] = data
	m.champion = &forecast.Model{Series: pjm, ID: id, Kind: f.Kind(), Artifact: artifact.Name(sum), ArtifactSHA256: sum}
	return stage.Message{Subject: wire.Model(pjm), ID: "model." + id, Data: wire.EncodeModel(*m.champion)}
}

// batch holds the hours from..to, known half an hour after the last.
func batch(origin series.Origin, final bool, from, to int, value func(int) float64) series.Batch {
	b := series.Batch{
		Series: pjm, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "UTC", Step: time.Hour,
		KnownAt: at(to).Add(30 * time.Minute), Origin: origin, Final: final,
	}
	for h := from; h <= to; h++ {
		b.Obs = append(b.Obs, series.Observation{TS: at(h), Value: value(h)})
	}
	return b
}

func message(b series.Batch) stage.Message {
	return stage.Message{Subject: wire.Valid(pjm), ID: "m", Data: wire.EncodeBatch(b), Attempt: 1}
}

func handle(t *testing.T, h stage.Handler, in stage.Message) stage.Result {
	t.Helper()
	r, err := h.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// play handles a batch and stores its results.
func play(t *testing.T, d *Desk, m *memory, b series.Batch) stage.Result {
	t.Helper()
	// The validator's rows are in the record before its message is on the bus.
	m.keep(t, b, stage.Result{})
	r := handle(t, d.Observations(), message(b))
	m.keep(t, series.Batch{}, r)
	return r
}

func subjects(r stage.Result) []string {
	var out []string
	for _, m := range r.Out {
		out = append(out, m.Subject)
	}
	return out
}

func count[T stage.Row](r stage.Result) (n int) {
	for _, row := range r.Rows {
		if _, ok := row.(T); ok {
			n++
		}
	}
	return n
}

func TestBackfillEndsInAFallbackForecastAndACallForAModel(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	if r := play(t, d, m, batch(series.Backfill, false, 0, 499, demand)); len(r.Rows)+len(r.Out) > 0 {
		t.Errorf("a batch in the middle of a backfill gave %d rows and %v", len(r.Rows), subjects(r))
	}
	r := play(t, d, m, batch(series.Backfill, true, 500, 999, demand))
	if diff := cmp.Diff([]string{"bw.forecast.eia.PJM", "bw.job.train.eia.PJM"}, subjects(r)); diff != "" {
		t.Fatalf("messages (-want +got):\n%s", diff)
	}
	f, err := wire.DecodeForecast(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Fallback || f.Reason == "" || !f.DataCut.Equal(at(999)) || len(f.Mean) != 48 || count[record.Forecast](r) != 48 {
		t.Errorf("forecast fallback=%v reason=%q cut=%s with %d rows, want a fallback of 48 hours from hour 999, and why", f.Fallback, f.Reason, f.DataCut, count[record.Forecast](r))
	}
	// Oracle: the seasonal naive forecast of a day repeats the last day.
	for h, got := range f.Mean {
		if want := demand(1000 + h - 24*(h/24+1)); math.Abs(got-want) > 1e-9 {
			t.Fatalf("hour %d: %g, want %g", h+1, got, want)
		}
	}
	if r := play(t, d, m, batch(series.Refresh, false, 1000, 1000, demand)); slices.Contains(subjects(r), "bw.job.train.eia.PJM") {
		t.Error("a second job was asked for while the first is open")
	}
}

func TestObservationScoresEveryOpenForecast(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	for h := 1000; h < 1003; h++ {
		r := play(t, d, m, batch(series.Refresh, false, h, h, demand))
		if got, want := count[record.Score](r), h-999; got != want {
			t.Errorf("hour %d: %d scores, want one for each of %d forecasts", h, got, want)
		}
	}
	r := play(t, d, m, batch(series.Refresh, false, 1003, 1003, func(int) float64 { return 2000 }))
	for _, row := range r.Rows {
		s, ok := row.(record.Score)
		if !ok {
			continue
		}
		// Oracle: the definitions in record.Score.
		if s.Actual != 2000 || s.Covered80 || s.Covered90 || !(s.Pinball > 0) {
			t.Errorf("score %+v of an observation of 2000", s)
		}
	}
}

func TestRevisionScoresAgainAndIssuesNothing(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	play(t, d, m, batch(series.Refresh, false, 1000, 1000, demand))
	revision := batch(series.Refresh, false, 1000, 1000, func(int) float64 { return 1234 })
	revision.KnownAt = at(1005)
	r := play(t, d, m, revision)
	if count[record.Forecast](r) != 0 || count[record.Score](r) != 1 {
		t.Fatalf("%d forecast rows and %d scores, want one score: of the forecast made before the hour", count[record.Forecast](r), count[record.Score](r))
	}
	if s := r.Rows[0].(record.Score); s.Actual != 1234 || !s.ScoredAt.Equal(at(1005)) {
		t.Errorf("score %+v, want the revised value", s)
	}
}

// A redelivered message must say again what it said, also after everything in memory is gone, since it cannot be known
// which of its outputs arrived.
func TestRedeliveryAfterForgetSaysTheSame(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	m.keep(t, series.Batch{}, handle(t, d.Models(), m.announce(t, "m1")))
	for h := 1000; h < 1010; h++ {
		play(t, d, m, batch(series.Refresh, false, h, h, demand))
	}
	last := batch(series.Refresh, false, 1010, 1010, demand)
	first := play(t, d, m, last)
	d.Forget()
	again := handle(t, d.Observations(), message(last))
	byKey := cmpopts.SortSlices(func(a, b stage.Row) bool { return key(a) < key(b) })
	if diff := cmp.Diff(first.Rows, again.Rows, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9), byKey); diff != "" {
		t.Errorf("rows of the redelivery differ (-first +again):\n%s", diff)
	}
	ids := func(r stage.Result) (out []string) {
		for _, m := range r.Out {
			if m.Subject == wire.Forecast(pjm) {
				out = append(out, m.ID)
			}
		}
		return out
	}
	if diff := cmp.Diff(ids(first), ids(again)); diff != "" {
		t.Errorf("forecast messages of the redelivery (-first +again):\n%s", diff)
	}
}

func key(r stage.Row) string {
	switch x := r.(type) {
	case record.Score:
		return "s" + x.TargetTS.String() + x.IssuedAt.String()
	case record.Forecast:
		return "f" + x.TargetTS.String() + x.IssuedAt.String()
	}
	return ""
}

// The record may be ahead of the message that is handled after a restart.
func TestStateIsBuiltFromWhatWasKnownAtTheMessage(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	for h := 1000; h < 1004; h++ { // judged and recorded, not yet handled here
		m.keep(t, batch(series.Refresh, false, h, h, demand), stage.Result{})
	}
	d.Forget()
	r := handle(t, d.Observations(), message(batch(series.Refresh, false, 1000, 1000, demand)))
	i := slices.Index(subjects(r), wire.Forecast(pjm))
	if i < 0 {
		t.Fatalf("messages %v, want a forecast", subjects(r))
	}
	f, err := wire.DecodeForecast(r.Out[i].Data)
	if err != nil {
		t.Fatal(err)
	}
	if !f.DataCut.Equal(at(1000)) || f.IssuedAt.Before(f.DataCut) {
		t.Errorf("data cut %s issued %s: the forecast has seen the future", f.DataCut, f.IssuedAt)
	}
}

func TestModelServesAtOnce(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	r := handle(t, d.Models(), m.announce(t, "m1"))
	f, err := wire.DecodeForecast(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if f.Fallback || f.ModelID != "m1" || f.ModelKind != "snaive_168" || !f.DataCut.Equal(at(999)) {
		t.Errorf("forecast %s by %s, fallback %v: want the new champion", f.ModelID, f.ModelKind, f.Fallback)
	}
	if r := handle(t, New(cfg, "f-1", m, m).Models(), m.announce(t, "m2")); len(r.Out)+len(r.Rows) > 0 {
		t.Error("a series not met yet got a forecast from nothing")
	}
}

func TestOlderModelDoesNotComeBack(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	handle(t, d.Models(), m.announce(t, "old"))
	old := *m.champion
	m.announce(t, "new")
	m.champion.StageAt = old.StageAt.Add(time.Hour)
	handle(t, d.Models(), stage.Message{Subject: wire.Model(pjm), Data: wire.EncodeModel(*m.champion)})
	if r := handle(t, d.Models(), stage.Message{Subject: wire.Model(pjm), Data: wire.EncodeModel(old)}); len(r.Out)+len(r.Rows) > 0 {
		t.Errorf("the announcement of an older model gave %v", subjects(r))
	}
}

func TestUnreadableChampionFallsBackAndSaysWhy(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, demand))
	m.keep(t, series.Batch{}, handle(t, d.Models(), m.announce(t, "m1")))
	// A gap of weeks leaves the champion's lags without values.
	r := play(t, d, m, batch(series.Refresh, false, 2500, 2500, demand))
	for _, msg := range r.Out {
		if msg.Subject != wire.Forecast(pjm) {
			continue
		}
		f, err := wire.DecodeForecast(msg.Data)
		if err != nil {
			t.Fatal(err)
		}
		if !f.Fallback && slices.ContainsFunc(f.Mean, math.IsNaN) {
			t.Error("a forecast of NaN was issued")
		}
		if f.Fallback && f.Reason == "" {
			t.Error("the fallback does not say why")
		}
	}
}

func TestDoubledDemandRaisesDriftThenClears(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	noisy := func(h int) float64 { return demand(h) * (1 + 0.01*math.Sin(float64(h*h))) }
	play(t, d, m, batch(series.Backfill, true, 0, 999, noisy))
	m.keep(t, series.Batch{}, handle(t, d.Models(), m.announce(t, "m1")))
	var got []string
	// The champion repeats the last week, the doubled hours too: end before that.
	for h := 1000; h < 1200; h++ {
		value := noisy(h)
		if h >= 1050 && h < 1062 {
			value *= 2
		}
		r := play(t, d, m, batch(series.Refresh, false, h, h, func(int) float64 { return value }))
		for _, msg := range r.Out {
			if msg.Subject != wire.Event(event.KindDrift, event.Forecaster) {
				continue
			}
			e, err := wire.DecodeEvent(msg.Data)
			if err != nil {
				t.Fatal(err)
			}
			when := "before"
			switch {
			case h >= 1050 && h < 1062:
				when = "during"
			case h >= 1062:
				when = "after"
			}
			got = append(got, string(e.Drift.Condition)+" "+when)
		}
	}
	// The first report after a start tells the condition in any case.
	if diff := cmp.Diff([]string{"cleared before", "raised during", "cleared after"}, got); diff != "" {
		t.Errorf("drift events (-want +got):\n%s", diff)
	}
}

func TestGarbageIsPermanent(t *testing.T) {
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	for name, data := range map[string][]byte{"not protobuf": {0xff}, "no step": wire.EncodeBatch(series.Batch{Series: pjm})} {
		if _, err := d.Observations().Handle(t.Context(), stage.Message{Data: data}); !errors.Is(err, stage.ErrPermanent) {
			t.Errorf("%s: %v, want ErrPermanent", name, err)
		}
	}
}

func TestConfigValidateNamesEveryField(t *testing.T) {
	err := Config{}.Validate()
	for _, field := range []string{"horizon", "window", "min-train", "drift-clear", "drift-raise", "drift-half-life"} {
		if err == nil || !contains(err, field+":") {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate of the defaults = %v", err)
	}
}

func contains(err error, text string) bool {
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		if len(e.Error()) >= len(text) && e.Error()[:len(text)] == text {
			return true
		}
	}
	return false
}
