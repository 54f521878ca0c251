package forecaster

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// A champion is followed, on the 60th day, by one that promises the same and forecasts from another day of the week, which
// makes errors three times as large while the days are as hard as they were. It is told, and a desk that is started anew
// every ten days tells the same on the same day.
func TestDailyDriftIsToldOnceAndOutlivesTheDesk(t *testing.T) {
	slow := cfg
	slow.DriftRaise = 50 // the fast detector is not what is tested
	slow.DriftHistory = 90 * 24 * time.Hour
	slow.Horizon = 30
	noise := make([]float64, 1000+100*24)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range noise {
		noise[i] = 20 * rng.NormFloat64()
	}
	value := func(h int) float64 { return demand(h) + noise[h] }
	changed := 1000 + 60*24
	story := func(restart int) (told []string, readings int) {
		m := newMemory()
		d := New(slow, "f", m, m)
		play(t, d, m, batch(series.Backfill, true, 0, 999, value))
		m.keep(t, series.Batch{}, handle(t, d.Models(), m.announce(t, "champion")))
		for h := 1000; h < changed+21*24; h++ {
			if h == changed {
				m.keep(t, series.Batch{}, handle(t, d.Models(), m.spoil(t, 240)))
			}
			if restart > 0 && h%restart == 0 {
				d = New(slow, "f", m, m)
			}
			for _, e := range events(t, play(t, d, m, batch(series.Refresh, false, h, h, value))) {
				switch x := e.Drift; {
				case x.Detector == drift.DailyError:
					readings++
				case x.Detector == drift.ErrorLevel && x.Condition == event.Raised && x.Tier == event.TierTicket:
					told = append(told, e.ID)
				}
			}
		}
		return told, readings
	}
	told, readings := story(0)
	if len(told) == 0 || readings < 20 {
		t.Fatalf("told %v, %d readings; want a drift told, and a reading a day", told, readings)
	}
	// What stands is repeated at other times after a start, but begins on the same day.
	if again, _ := story(10 * 24); len(again) == 0 || again[0] != told[0] {
		t.Errorf("a desk that is started anew says %v, want %s first", again, told[0])
	}
}

// spoil registers a model in the place of the champion that promises the same and repeats what was so many hours ago.
func (m *memory) spoil(t *testing.T, period int) stage.Message {
	t.Helper()
	a, err := artifact.Decode(m.artifacts[m.champion.Artifact])
	if err != nil {
		t.Fatal(err)
	}
	if a.Forecaster, err = (model.SeasonalNaive{Period: period}).Fit(m.revised.AsOf(at(1 << 20))); err != nil {
		t.Fatal(err)
	}
	data, sum, err := artifact.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	m.artifacts[artifact.Name(sum)] = data
	m.champion = &forecast.Model{Series: pjm, ID: "spoilt", Kind: a.Forecaster.Kind(), Artifact: artifact.Name(sum), ArtifactSHA256: sum}
	return stage.Message{Subject: wire.Model(pjm), ID: "model.spoilt", Data: wire.EncodeModel(*m.champion)}
}

func events(t *testing.T, r stage.Result) []event.Event {
	t.Helper()
	var out []event.Event
	for _, m := range r.Out {
		if m.Subject == wire.Event(event.KindDrift, event.Forecaster) {
			e, err := wire.DecodeEvent(m.Data)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
	}
	return out
}

// Hand-computed: values of a day that differ by 1 from the day before and by 2 from the week before.
func TestChanges(t *testing.T) {
	y := series.Series{Start: t0, Step: time.Hour, Values: make([]float64, 8*24)}
	for i := range y.Values {
		switch i / 24 {
		case 0:
			y.Values[i] = 3
		case 6:
			y.Values[i] = 2
		case 7:
			y.Values[i] = 1
		}
	}
	day := at(7 * 24)
	if diff := cmp.Diff([]float64{1, 2}, []float64{changes(y, day, 24), changes(y, day, 168)}); diff != "" {
		t.Errorf("changes mismatch (-want +got):\n%s", diff)
	}
	if got := changes(y, at(0), 24); !math.IsNaN(got) {
		t.Errorf("changes without a day before are %g, want NaN", got)
	}
}
