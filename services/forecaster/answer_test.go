package forecaster

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// kept holds the newest forecast of some series.
type kept map[string]forecast.Forecast

func (n kept) Last(_ context.Context, stream, subject string) (stage.Message, bool, error) {
	for _, f := range n {
		if stream == wire.StreamForecast && subject == wire.Forecast(f.Series) {
			return stage.Message{Subject: subject, Data: wire.EncodeForecast(f)}, true, nil
		}
	}
	return stage.Message{}, false, nil
}

// flat is a forecast of h hours after a cut at one value, with quantiles from 2 below to 2 above it.
func flat(key string, cut, h int, value, scale float64) forecast.Forecast {
	f := forecast.Forecast{
		Series: series.ID{Source: "load", Key: key}, IssuedAt: at(cut).Add(time.Minute), DataCut: at(cut), Step: time.Hour, Unit: "MWh",
		ModelID: "m1", ModelKind: "lear", Quantiles: make([][]float64, 5),
	}
	for range h {
		f.Mean, f.Scale = append(f.Mean, value), append(f.Scale, scale)
		for i := range f.Quantiles {
			f.Quantiles[i] = append(f.Quantiles[i], value+float64(i-2))
		}
	}
	return f
}

func get(t *testing.T, n kept, body string) ([]Issued, error) {
	t.Helper()
	data, err := getter{n}.answer(t.Context(), []byte(body))
	if err != nil {
		return nil, err
	}
	var out []Issued
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out, nil
}

func TestGetAnswersTheNewestForecast(t *testing.T) {
	n := kept{"a": flat("A", 10, 3, 100, math.NaN()), "b": flat("B", 10, 2, 50, 4)}
	got, err := get(t, n, `{"series":["load.B","load.A"]}`)
	if err != nil || len(got) != 2 || got[0].Series != "load.B" || got[1].Series != "load.A" {
		t.Fatalf("answer %+v, %v", got, err)
	}
	p := got[0].Points[1]
	if len(got[0].Points) != 2 || p.Horizon != 2 || !p.TargetTS.Equal(at(12)) || p.P05 != 48 || p.P95 != 52 || p.ExpectedError == nil || *p.ExpectedError != 4 {
		t.Errorf("second point %+v", p)
	}
	if got[1].Points[0].ExpectedError != nil {
		t.Error("an error that is not known is answered")
	}
}

func TestGetReconciles(t *testing.T) {
	n := kept{"t": flat("T", 10, 4, 99, 1), "a": flat("A", 10, 4, 30, 1), "b": flat("B", 11, 4, 60, 1)}
	for method, want := range map[string][3]float64{"": {96, 33, 63}, "bottom_up": {90, 30, 60}} {
		got, err := get(t, n, `{"series":["load.A","load.B"],"parent":"load.T","method":"`+method+`"}`)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range got {
			// Oracle: the hours 12 to 14 are in all of 11 to 14 and 12 to 15.
			if len(f.Points) != 3 || !f.Points[0].TargetTS.Equal(at(12)) || math.Abs(f.Points[0].Mean-want[i]) > 1e-9 {
				t.Errorf("method %q: %s has %d points, the first %+v; want 3 from %s at %v", method, f.Series, len(f.Points), f.Points[0], at(12), want[i])
			}
			if math.Abs(f.Points[0].P95-f.Points[0].Mean-2) > 1e-9 {
				t.Errorf("method %q: the interval of %s did not move with its mean", method, f.Series)
			}
		}
	}
}

func TestGetRefuses(t *testing.T) {
	late := flat("L", 500, 4, 1, 1)
	other := flat("O", 10, 4, 1, 1)
	other.Unit = "MW"
	n := kept{"a": flat("A", 10, 4, 30, 1), "l": late, "o": other}
	for body, want := range map[string]string{
		`x`:                        "body is not",
		`{}`:                       "0 of them",
		`{"series":["load.NONE"]}`: "load.NONE has no forecast",
		`{"series":["x"]}`:         "series:",
		`{"series":["load.L"],"parent":"load.A"}`:                 "no target in common",
		`{"series":["load.O"],"parent":"load.A"}`:                 "do not add up",
		`{"series":["load.A"],"parent":"load.A","method":"best"}`: "unknown method",
	} {
		if _, err := get(t, n, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}
