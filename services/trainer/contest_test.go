package trainer

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// backtest makes one of 24 origins whose loss is base, a little of its own, and that of the weather all share.
func backtest(kind model.Kind, base, own float64) eval.Result {
	r := eval.Result{Kind: kind, Params: "{}", Horizon: 48, Season: 24, Step: time.Hour}
	for i := range 24 {
		loss := base + 2*math.Sin(float64(i)) + own*math.Sin(float64(7*i))
		r.Origins = append(r.Origins, eval.Origin{At: at(25 * i), Mean: []float64{100 + loss}, Actual: []float64{100}, Scale: 1})
	}
	return r
}

func failing(kind model.Kind) eval.Result {
	r := backtest(kind, 1, 0)
	r.Origins[5].Err, r.Origins[5].Mean = errors.New("singular"), nil
	return r
}

func TestContest(t *testing.T) {
	incumbent := &forecast.Model{ID: "old", Kind: "a", Params: "{}"}
	c := contest{level: 0.05, gain: 0.01}
	for name, tc := range map[string]struct {
		before  *forecast.Model
		results []eval.Result
		serves  model.Kind
		rival   model.Kind
		why     string
	}{
		"first model":                     {nil, []eval.Result{backtest("a", 10, 0), backtest("b", 9, 0)}, "b", "a", "first model"},
		"better by far":                   {incumbent, []eval.Result{backtest("a", 10, 0), backtest("b", 8, 0.5)}, "b", "a", "19.4 % below"},
		"better by chance":                {incumbent, []eval.Result{backtest("a", 10, 0), backtest("b", 9.8, 4)}, "a", "b", "a stays"},
		"surely better, but by a trifle":  {incumbent, []eval.Result{backtest("a", 10, 0), backtest("b", 9.95, 0.001)}, "a", "b", "at least 1.0 %"},
		"as good: it stays the other way": {&forecast.Model{Kind: "b", Params: "{}"}, []eval.Result{backtest("a", 9.95, 0.001), backtest("b", 10, 0)}, "b", "a", "b stays"},
		"worse":                           {incumbent, []eval.Result{backtest("a", 10, 0), backtest("b", 12, 0)}, "a", "b", "no other candidate"},
		"the champion fails":              {incumbent, []eval.Result{failing("a"), backtest("b", 12, 0), backtest("c", 13, 0)}, "b", "c", "failed at 1 of 24"},
		"the better one fails":            {incumbent, []eval.Result{backtest("a", 10, 0), failing("b")}, "a", "", "no other candidate"},
		"other settings":                  {&forecast.Model{Kind: "a", Params: `{"x":1}`}, []eval.Result{backtest("a", 10, 0), backtest("b", 9, 0)}, "b", "a", "no candidate any more"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := c.decide(tc.results, tc.before)
			if err != nil {
				t.Fatal(err)
			}
			rival := model.Kind("")
			if d.rival >= 0 {
				rival = tc.results[d.rival].Kind
			}
			if tc.results[d.serves].Kind != tc.serves || rival != tc.rival || !strings.Contains(d.why, tc.why) {
				t.Errorf("%s serves, rival %q, because %q; want %s, %q, because %q", tc.results[d.serves].Kind, rival, d.why, tc.serves, tc.rival, tc.why)
			}
		})
	}
	if _, err := c.decide([]eval.Result{failing("a")}, incumbent); !errors.Is(err, ErrNoCandidate) {
		t.Errorf("without a candidate that stands: %v, want ErrNoCandidate", err)
	}
}

// stays is a champion whose settings are those of a candidate.
func stays(f model.Fitter) *forecast.Model {
	return &forecast.Model{Series: pjm, ID: "old", Kind: f.Kind(), Params: f.Params(), StageAt: at(100)}
}

func TestAWorseChampionIsReplacedAndTheReasonKept(t *testing.T) {
	m := history(60 * 24)
	m.champion = stays(model.SeasonalNaive{Period: 24}) // Oracle: it knows no weekend
	usual := cfg
	usual.Origins = 24 // fewer prove little
	r := handle(t, New(usual, "t-1", "v1", m, m), job(at(60*24)))
	champion, challenger := registered(t, r)
	if champion.Kind == "snaive_24" || champion.ParentID != "old" || !(champion.PValue <= 0.05) || !strings.Contains(champion.Decision, "below that of snaive_24") {
		t.Errorf("champion %s of %s, p = %v: %s", champion.Kind, champion.ParentID, champion.PValue, champion.Decision)
	}
	if challenger.Kind == "snaive_24" || challenger.Decision == "" {
		t.Errorf("challenger %s (%s), want the second best", challenger.Kind, challenger.Decision)
	}
}

// registered returns the registry rows of a result.
func registered(t *testing.T, r stage.Result) (champion, challenger record.Model) {
	t.Helper()
	for _, row := range r.Rows {
		if x, ok := row.(record.Model); ok {
			if x.Stage == "champion" {
				champion = x
			} else {
				challenger = x
			}
		}
	}
	return champion, challenger
}

// broken comes through backtests, whose histories are shorter, and panics on the whole one.
type broken struct {
	model.SeasonalNaive

	limit int
}

func (b broken) Fit(y series.Series) (model.Forecaster, error) {
	if y.Len() >= b.limit {
		panic("index out of range")
	}
	return b.SeasonalNaive.Fit(y)
}

func TestAPanicOfTheLastFitLetsTheNextBestServe(t *testing.T) {
	m := history(60 * 24)
	w := New(cfg, "t-1", "v1", m, m)
	w.candidates = []model.Fitter{model.SeasonalNaive{Period: 24}, broken{model.SeasonalNaive{Period: 168}, 60*24 - 47}}
	w.weighting.Power = 40 // the ensemble is all but the best
	r := handle(t, w, job(at(60*24)))
	champion, _ := registered(t, r)
	announced, err := wire.DecodeModel(r.Out[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if champion.ModelID != announced.ID || champion.Kind == "snaive_168" {
		t.Errorf("champion %s (%s), want one that could be fitted", champion.Kind, champion.Decision)
	}
}

// TestARepeatedJobRepeatsItsDecision: the rows of a job are in the record when it comes again.
func TestARepeatedJobRepeatsItsDecision(t *testing.T) {
	m := history(60 * 24)
	w := New(cfg, "t-1", "v1", m, m)
	first, _ := registered(t, handle(t, w, job(at(60*24))))
	m.champion = &forecast.Model{Series: pjm, ID: first.ModelID, Kind: model.Kind(first.Kind), Params: first.Params, StageAt: first.StageAt}
	second, _ := registered(t, handle(t, w, job(at(60*24))))
	if first.Decision != second.Decision || first.ModelID != second.ModelID || second.ParentID != "" {
		t.Errorf("first %s: %s; then %s: %s", first.ModelID, first.Decision, second.ModelID, second.Decision)
	}
}

// TestTheSameModelIsNotRegisteredTwice: without new data a training makes what serves already.
func TestTheSameModelIsNotRegisteredTwice(t *testing.T) {
	m := history(60 * 24)
	w := New(cfg, "t-1", "v1", m, m)
	first, _ := registered(t, handle(t, w, job(at(60*24))))
	m.champion = &forecast.Model{Series: pjm, ID: first.ModelID, Kind: model.Kind(first.Kind), Params: first.Params, StageAt: first.StageAt}
	again := job(at(60 * 24))
	again.Time = at(9100)
	r := handle(t, w, again)
	champion, challenger := registered(t, r)
	if champion.ModelID != "" || challenger.ModelID == "" {
		t.Errorf("registered champion %q and challenger %q, want the challenger alone", champion.ModelID, challenger.ModelID)
	}
	if announced, err := wire.DecodeModel(r.Out[0].Data); err != nil || announced.ID != first.ModelID {
		t.Errorf("announced %s, %v; want %s", announced.ID, err, first.ModelID)
	}
}

func TestEqualTrainersMakeEqualBytes(t *testing.T) {
	first, second := history(60*24), history(60*24)
	a := handle(t, New(cfg, "t-1", "v1", first, first), job(at(60*24)))
	b := handle(t, New(cfg, "t-2", "v1", second, second), job(at(60*24)))
	for name, data := range first.artifacts {
		if string(second.artifacts[name]) != string(data) {
			t.Errorf("artifact %s differs or is missing", name)
		}
	}
	x, _ := registered(t, a)
	y, _ := registered(t, b)
	if x.ModelID != y.ModelID || x.Decision != y.Decision || len(first.artifacts) != len(second.artifacts) {
		t.Errorf("two trainers made %s (%s) and %s (%s)", x.ModelID, x.Decision, y.ModelID, y.Decision)
	}
	other := history(60 * 24)
	z, _ := registered(t, handle(t, New(cfg, "t-1", "v2", other, other), job(at(60*24))))
	if z.ModelID == x.ModelID {
		t.Error("another version of the code made a model of the same identity")
	}
}
