package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	t0  = time.Date(2023, 1, 2, 0, 0, 0, 0, time.UTC)
	cfg = Config{History: 9600 * time.Hour, Origins: 8, Stride: 25, Horizon: 48, Refit: 4, HeldShare: 0.25, Seed: 1, PromoteLevel: 0.05, PromoteGain: 0.01, Keep: 4}
)

type memory struct {
	revised    series.Revised
	champion   *forecast.Model
	artifacts  map[string][]byte
	broken     error
	asked      []time.Time // asOf of every read
	superseded []string
	held       uint64 // points of the last week, of 168
}

// history returns n hours with daily and weekly seasons, a workday effect and a little deterministic noise.
func history(n int) *memory {
	m := &memory{revised: series.Revised{ID: pjm, Unit: "MWh", Step: time.Hour}, artifacts: map[string][]byte{}}
	for h := range n {
		v := 1000 + 200*math.Sin(2*math.Pi*float64(h)/24)
		if h/24%7 < 5 {
			v += 150
		}
		v *= 1 + 0.01*math.Sin(float64(h*h%1009))
		m.revised.Revs = append(m.revised.Revs, series.Revision{TS: at(h), KnownAt: at(h + 1), Value: v})
	}
	return m
}

func at(h int) time.Time { return t0.Add(time.Duration(h) * time.Hour) }

func (m *memory) Revisions(_ context.Context, _ series.ID, _, _, asOf time.Time) (series.Revised, error) {
	m.asked = append(m.asked, asOf)
	return m.revised, m.broken
}

func (m *memory) ChampionBefore(_ context.Context, _ series.ID, before time.Time) (forecast.Model, bool, error) {
	if m.champion == nil || !m.champion.StageAt.Before(before) {
		return forecast.Model{}, false, nil
	}
	return *m.champion, true, nil
}

func (m *memory) Held(context.Context, series.ID, time.Time, time.Time) (accepted, held uint64, err error) {
	return 168 - m.held, m.held, nil
}

func (m *memory) Superseded(_ context.Context, id series.ID, keep int) ([]string, error) {
	if id != pjm || keep != cfg.Keep {
		return nil, fmt.Errorf("asked for %s and %d", id, keep)
	}
	return m.superseded, nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	delete(m.artifacts, name)
	return nil
}

func (m *memory) Put(_ context.Context, name string, data []byte) error {
	m.artifacts[name] = data
	return nil
}

func job(asOf time.Time) stage.Message {
	j := forecast.Job{Series: pjm, ID: "j1", Reason: forecast.ColdStart, AsOf: asOf, RequestedAt: asOf, RequestedBy: "test"}
	return stage.Message{Subject: wire.TrainJob(pjm), ID: "job.j1", Data: wire.EncodeJob(j), Time: at(9000), Attempt: 1}
}

func handle(t *testing.T, w *Workshop, in stage.Message) stage.Result {
	t.Helper()
	r, err := w.Handle(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestJobMakesAChampionWithItsLineage(t *testing.T) {
	m := history(60 * 24)
	r := handle(t, New(cfg, "t-1", "v1", m, m), job(at(60*24)))
	if len(r.Out) != 3 || r.Out[0].Subject != "bw.model.eia.PJM" {
		t.Fatalf("%d messages, the first on %s; want the model and the end of any failure or holding back", len(r.Out), r.Out[0].Subject)
	}
	announced, err := wire.DecodeModel(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	data, ok := m.artifacts[announced.Artifact]
	if !ok {
		t.Fatalf("no artifact %q was kept", announced.Artifact)
	}
	a, err := artifact.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if a.Forecaster.Kind() != announced.Kind || len(a.MAE) != 48 {
		t.Errorf("artifact holds %s with %d scales, announced %s", a.Forecaster.Kind(), len(a.MAE), announced.Kind)
	}
	// Oracle: on a series with workdays a forecast that knows only yesterday cannot win.
	if announced.Kind == "snaive_24" {
		t.Error("snaive_24 won on a series with a weekly season")
	}
	if !announced.TrainEnd.Equal(at(60*24-1)) || announced.CodeVersion != "v1" || announced.DataSHA256 == "" || !(announced.MAPE > 0 && announced.MAPE < 5) {
		t.Errorf("lineage %+v", announced)
	}
	var champions, challengers int
	tests := map[string]int{}
	for _, row := range r.Rows {
		switch x := row.(type) {
		case record.Model:
			if x.Stage == "champion" {
				champions++
			} else {
				challengers++
			}
			if (x.Stage == "champion") != (x.ModelID == announced.ID) || x.Observations != 60*24 || x.Seed != 1 || x.Decision == "" || !x.StageAt.Equal(at(9000)) {
				t.Errorf("registry row %+v", x)
			}
			if _, kept := m.artifacts[x.Artifact]; !kept {
				t.Errorf("no artifact of the %s", x.Stage)
			}
		case record.Backtest:
			tests[x.Candidate]++
		}
	}
	if champions != 1 || challengers != 1 || len(tests) < 3 {
		t.Errorf("%d champions, %d challengers, backtests %v; want one of each and a few candidates", champions, challengers, tests)
	}
	for kind, n := range tests {
		if n != cfg.Origins {
			t.Errorf("%s: %d backtest rows, want one an origin, %d", kind, n, cfg.Origins)
		}
	}
}

// TestTheEnsembleServesWhenItWins: days at 110, 100, 90 and 100 % in turn. A day after one of the extremes, yesterday
// and the day two before it err to opposite sides, and their mean is right.
func TestTheEnsembleServesWhenItWins(t *testing.T) {
	m := history(0)
	for h := range 60 * 24 {
		v := 1000 * (1 + 0.1*float64([]int{1, 0, -1, 0}[h/24%4]))
		m.revised.Revs = append(m.revised.Revs, series.Revision{TS: at(h), KnownAt: at(h + 1), Value: v})
	}
	w := New(cfg, "t-1", "v1", m, m)
	w.candidates = []model.Fitter{model.SeasonalNaive{Period: 24}, model.SeasonalNaive{Period: 72}}
	r := handle(t, w, job(at(57*24-1))) // known up to the last hour of a day at 110 %
	announced, err := wire.DecodeModel(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if announced.Kind != model.KindEnsemble || !strings.Contains(announced.Params, `"power":4`) {
		t.Fatalf("champion %s %s, want the ensemble and its settings", announced.Kind, announced.Params)
	}
	a, err := artifact.Decode(m.artifacts[announced.Artifact])
	if err != nil {
		t.Fatal(err)
	}
	y := m.revised.AsOf(at(57*24 - 1))
	mean, err := a.Forecaster.Forecast(y.Tail(a.Forecaster.History()), 24)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range mean {
		if math.Abs(v-1000) > 20 {
			t.Errorf("horizon %d: %v, want near 1000, between the members", k+1, v)
		}
	}
	tests := 0
	for _, row := range r.Rows {
		if b, ok := row.(record.Backtest); ok && b.Candidate == "ensemble" {
			tests++
		}
	}
	if tests != cfg.Origins {
		t.Errorf("%d backtest rows of the ensemble, want %d", tests, cfg.Origins)
	}
}

func TestTheSameJobMakesTheSameModel(t *testing.T) {
	m := history(40 * 24)
	w := New(cfg, "t-1", "v1", m, m)
	first, second := handle(t, w, job(at(40*24))), handle(t, w, job(at(40*24)))
	if diff := cmp.Diff(first, second, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("two runs of one job differ:\n%s", diff)
	}
	if len(m.artifacts) != 2 {
		t.Errorf("%d artifacts, want those of champion and challenger, the same bytes under the same names", len(m.artifacts))
	}
}

func TestJobSeesNothingLaterThanItsTime(t *testing.T) {
	m := history(60 * 24)
	asOf := at(40 * 24)
	r := handle(t, New(cfg, "t-1", "v1", m, m), job(asOf))
	announced, err := wire.DecodeModel(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if announced.TrainEnd.After(asOf) {
		t.Errorf("trained up to %s on a job as of %s", announced.TrainEnd, asOf)
	}
}

func TestShortHistoryIsReportedNotRetried(t *testing.T) {
	m := history(5 * 24)
	r := handle(t, New(cfg, "t-1", "v1", m, m), job(at(5*24)))
	if len(r.Rows) != 0 || len(r.Out) != 1 {
		t.Fatalf("%d rows, %d messages; want one event", len(r.Rows), len(r.Out))
	}
	e, err := wire.DecodeEvent(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if e.Error.Code != "training_failed" || e.Error.Condition != event.Raised || e.Error.Subject != "eia.PJM" || !strings.Contains(e.Error.Message, "too short") {
		t.Errorf("event %+v, want training_failed of eia.PJM and why", e.Error)
	}
}

func TestBrokenRecordIsRetried(t *testing.T) {
	m := history(40 * 24)
	m.broken = errors.New("store unavailable")
	_, err := New(cfg, "t-1", "v1", m, m).Handle(t.Context(), job(at(40*24)))
	if !errors.Is(err, m.broken) || errors.Is(err, stage.ErrPermanent) {
		t.Errorf("Handle = %v, want the store's error, for another try", err)
	}
}

func TestNewModelNamesItsParent(t *testing.T) {
	m := history(40 * 24)
	m.champion = &forecast.Model{Series: pjm, ID: "old"}
	r := handle(t, New(cfg, "t-1", "v1", m, m), job(at(40*24)))
	announced, err := wire.DecodeModel(r.Out[0].Data)
	if err != nil || announced.ParentID != "old" {
		t.Errorf("parent %q, %v; want old", announced.ParentID, err)
	}
}

func TestConfigValidateNamesEveryField(t *testing.T) {
	err := Config{}.Validate()
	for _, field := range []string{"history", "origins", "stride", "horizon", "refit", "promote-level"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate of the defaults = %v", err)
	}
}

func TestOldArtifactsAreRemoved(t *testing.T) {
	m := history(40 * 24)
	m.superseded = []string{"model/old", "model/gone"}
	m.artifacts["model/old"], m.artifacts["model/kept"] = []byte("x"), []byte("y")
	r := handle(t, New(cfg, "t-1", "v1", m, m), job(at(40*24)))
	champion, challenger := registered(t, r)
	for name, want := range map[string]bool{"model/old": false, "model/kept": true, champion.Artifact: true, challenger.Artifact: true} {
		if _, kept := m.artifacts[name]; kept != want {
			t.Errorf("artifact %s is kept: %v, want %v", name, kept, want)
		}
	}
}
