package forecaster

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// noisy is demand with an error of two percent, from hour 1400 on of more if wild.
func noisy(wild float64) func(int) float64 {
	return func(h int) float64 {
		r := rand.New(rand.NewPCG(uint64(h), 9))
		size := 0.02
		if h >= 1400 {
			size *= wild
		}
		return demand(h) * math.Exp(size*r.NormFloat64())
	}
}

// train registers the ensemble of a model with a state and one without, as the trainer does, and returns its message.
func (m *memory) train(t *testing.T, id string) stage.Message {
	t.Helper()
	y := m.revised.AsOf(at(1 << 20))
	fitters := []model.Fitter{model.DSHW{}, model.ARRidge{}}
	results := make([]eval.Result, len(fitters))
	for i, f := range fitters {
		var err error
		if results[i], err = eval.Backtest(t.Context(), y, f, eval.Plan{Origins: 20, RefitEvery: 10, MinTrain: 400}, nil); err != nil {
			t.Fatal(err)
		}
	}
	w := eval.Weighting{}
	fitted, err := w.Fit(y, fitters, results)
	if err != nil {
		t.Fatal(err)
	}
	blend := w.Blend(results, "{}")
	c, err := eval.Split{Widen: 1}.Conformal(blend, forecast.Levels())
	if err != nil {
		t.Fatal(err)
	}
	a := artifact.Artifact{Forecaster: fitted, Conformal: c, MAE: blend.HorizonMAE()}
	for _, row := range blend.BucketResiduals(artifact.Bucket, c.Relative) {
		var r []float32
		for _, v := range row {
			r = append(r, float32(v))
		}
		a.Residuals = append(a.Residuals, r)
	}
	data, sum, err := artifact.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	m.artifacts[artifact.Name(sum)] = data
	m.champion = &forecast.Model{Series: pjm, ID: id, Kind: fitted.Kind(), Artifact: artifact.Name(sum), ArtifactSHA256: sum, TrainEnd: y.End()}
	return stage.Message{Subject: wire.Model(pjm), ID: "model." + id, Data: wire.EncodeModel(*m.champion)}
}

// served plays a backfill, a training, and hours 1000 to last.
func served(t *testing.T, last int, value func(int) float64) (*Desk, *memory, []forecast.Forecast) {
	t.Helper()
	m := newMemory()
	d := New(cfg, "f-1", m, m)
	play(t, d, m, batch(series.Backfill, true, 0, 999, value))
	m.keep(t, series.Batch{}, handle(t, d.Models(), m.train(t, "m1")))
	var out []forecast.Forecast
	for h := 1000; h <= last; h++ {
		r := play(t, d, m, batch(series.Refresh, false, h, h, value))
		for _, msg := range r.Out {
			if msg.Subject == wire.Forecast(pjm) {
				f, err := wire.DecodeForecast(msg.Data)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, f)
			}
		}
	}
	return d, m, out
}

func TestARestartChangesNoForecast(t *testing.T) {
	d, m, _ := served(t, 1120, noisy(1))
	next := batch(series.Refresh, false, 1121, 1121, noisy(1))
	m.keep(t, next, stage.Result{})
	going := handle(t, d.Observations(), message(next))
	fresh := handle(t, New(cfg, "f-1", m, m).Observations(), message(next))
	rows := func(r stage.Result) (out []record.Forecast) {
		for _, row := range r.Rows {
			if f, ok := row.(record.Forecast); ok {
				out = append(out, f)
			}
		}
		return out
	}
	if diff := cmp.Diff(rows(going), rows(fresh), cmpopts.EquateNaNs()); diff != "" || len(rows(going)) != 48 {
		t.Errorf("after a restart the forecast differs (-going on +fresh):\n%s", diff)
	}
}

// TestObservationsAreTakenInOnce: the state of the model stands at the newest observation, so that the next costs one
// step; a revision of what it has taken in starts it anew from the training.
func TestObservationsAreTakenInOnce(t *testing.T) {
	d, m, _ := served(t, 1050, noisy(1))
	s := d.states[pjm]
	if end := s.window.Series().End(); !s.liveTo.Equal(end) || s.live == nil {
		t.Fatalf("state stands at %s, want %s", s.liveTo, end)
	}
	// Oracle: the same observations in one go.
	once, err := s.champion.Forecaster.(model.Updater).Update(s.window.Series())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, once), encoded(t, s.live)); diff != "" {
		t.Error("hour by hour the model is in another state than by all hours at once")
	}
	revision := batch(series.Refresh, false, 1020, 1020, func(int) float64 { return 900 })
	revision.KnownAt = at(1051)
	play(t, d, m, revision)
	play(t, d, m, batch(series.Refresh, false, 1051, 1051, noisy(1)))
	once, err = s.champion.Forecaster.(model.Updater).Update(s.window.Series())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(encoded(t, once), encoded(t, s.live)); diff != "" {
		t.Error("a revision did not reach the state of the model")
	}
}

func encoded(t *testing.T, f model.Forecaster) string {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestIntervalsFollowTheErrors: when errors become three times as large, intervals that stayed as they were trained
// would cover about 40 % in place of 90 %.
func TestIntervalsFollowTheErrors(t *testing.T) {
	_, m, _ := served(t, 1900, noisy(3))
	cover := func(from, to int) (share80, share90 float64) {
		n := 0.0
		for _, s := range m.scores {
			h := int(s.TargetTS.Sub(t0) / time.Hour)
			if s.ModelID != "m1" || h < from || h >= to {
				continue
			}
			n++
			if s.Covered80 {
				share80++
			}
			if s.Covered90 {
				share90++
			}
		}
		return share80 / n, share90 / n
	}
	calm80, calm90 := cover(1050, 1400)
	wild80, wild90 := cover(1650, 1900)
	t.Logf("coverage of 80 and 90 %%: %.3f %.3f before, %.3f %.3f ten days after errors tripled", calm80, calm90, wild80, wild90)
	for _, c := range [][2]float64{{calm80, 0.8}, {calm90, 0.9}, {wild80, 0.8}, {wild90, 0.9}} {
		if math.Abs(c[0]-c[1]) > 0.07 {
			t.Errorf("coverage %.3f, want about %.1f", c[0], c[1])
		}
	}
}

func TestQuantilesStayInOrder(t *testing.T) {
	_, _, all := served(t, 1450, noisy(6))
	for _, f := range all {
		for i := range f.Mean {
			for level := 1; level < len(f.Quantiles); level++ {
				if f.Quantiles[level][i] < f.Quantiles[level-1][i] {
					t.Fatalf("issued %s, horizon %d: quantiles %v", f.IssuedAt, i+1, f.Quantiles)
				}
			}
		}
	}
}

func TestOutcomes(t *testing.T) {
	var all outcomes
	put := func(target, horizon int, mean float64) {
		all.put(forecast.Outcome{Target: at(target), Horizon: horizon, Mean: mean})
	}
	put(5, 4, 1)
	put(5, 3, 2) // newer
	put(5, 5, 3) // older: not taken
	put(5, 7, 4) // another bucket
	put(4, 3, 5) // came late
	put(5, 3, 6) // revised
	want := outcomes{{target: at(4).Unix(), horizon: 3, mean: 5}, {target: at(5).Unix(), horizon: 3, mean: 6}, {target: at(5).Unix(), horizon: 7, mean: 4}}
	if diff := cmp.Diff(want, all, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	all.since(at(5))
	if len(all) != 2 {
		t.Errorf("%d outcomes since hour 5, want 2", len(all))
	}
}
