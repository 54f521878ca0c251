package model_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

// TestGlobalTeachesNewSeries: trained on its peers, the model forecasts a series it has never seen better than a
// seasonal naive forecast, in the unit of that series.
func TestGlobalTeachesNewSeries(t *testing.T) {
	var peers []series.Series
	for seed := range uint64(4) {
		y := seriestest.Generate(series.Series{Start: monday, Step: time.Hour}, 3000, 100+seed)
		peers = append(peers, mapped(y, func(v float64) float64 { return v * math.Pow(10, float64(seed)) }))
	}
	m, err := model.Global{Trees: 60}.Train(peers)
	if err != nil {
		t.Fatal(err)
	}
	fresh := seriestest.Generate(series.Series{Start: monday, Step: time.Hour}, 2000, 999)
	ours, naive := 0.0, 0.0
	for at := 500; at+48 <= 2000; at += 37 {
		known := fresh.Slice(0, at)
		a, err := m.Forecast(known.Tail(m.History()), 48)
		if err != nil {
			t.Fatal(err)
		}
		b, err := model.SeasonalNaive{Period: 24}.Forecast(known, 48)
		if err != nil {
			t.Fatal(err)
		}
		for k := range a {
			ours += math.Abs(a[k] - fresh.Values[at+k])
			naive += math.Abs(b[k] - fresh.Values[at+k])
		}
	}
	if ours > 0.9*naive {
		t.Errorf("error %.0f of a model of peers, %.0f of the seasonal naive forecast", ours, naive)
	}
	b := mustEncode(t, m)
	back, err := model.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := m.Forecast(fresh, 60)
	got, err := back.Forecast(fresh, 60)
	if err != nil || !slices.Equal(want, got) || !bytes.Equal(b, mustEncode(t, back)) {
		t.Errorf("the snapshot forecasts otherwise (%v)", err)
	}
}

func TestGlobalEdges(t *testing.T) {
	if _, err := (model.Global{}).Train(nil); !errors.Is(err, model.ErrTooShort) {
		t.Errorf("no series: %v, want ErrTooShort", err)
	}
	if _, err := (model.Global{}).Fit(demandLike(300)); !errors.Is(err, model.ErrTooShort) {
		t.Errorf("12 days: %v, want ErrTooShort", err)
	}
	flat := demandLike(1200)
	flat.Values = slices.Repeat([]float64{7}, 1200)
	m, err := model.Global{Trees: 5}.Train([]series.Series{flat, demandLike(1200)})
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Forecast(flat, 30)
	if err != nil || slices.ContainsFunc(out, func(v float64) bool { return math.Abs(v-7) > 1e-9 }) {
		t.Errorf("after a constant: %v, %v", out, err)
	}
}
