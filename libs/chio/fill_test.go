package chio

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

func TestFill(t *testing.T) {
	nan, h := math.NaN(), time.Hour.Milliseconds()
	for name, tc := range map[string]struct {
		times  []int64
		values []float64
		want   []float64
		err    error
	}{
		"nothing":         {},
		"one":             {times: []int64{5 * h}, values: []float64{1}, want: []float64{1}},
		"no gap":          {times: []int64{0, h, 2 * h}, values: []float64{1, 2, 3}, want: []float64{1, 2, 3}},
		"gap":             {times: []int64{0, 3 * h}, values: []float64{1, 4}, want: []float64{1, nan, nan, 4}},
		"missing value":   {times: []int64{0, h}, values: []float64{nan, 2}, want: []float64{nan, 2}},
		"before 1970":     {times: []int64{-2 * h, 0}, values: []float64{1, 3}, want: []float64{1, nan, 3}},
		"half-hour phase": {times: []int64{h / 2, h/2 + h}, values: []float64{1, 2}, want: []float64{1, 2}},
		"off the grid":    {times: []int64{0, h, h + 1}, values: []float64{1, 2, 3}, err: ErrGrid},
		"a stray point":   {times: []int64{-maxGrid * h, h}, values: []float64{1, 2}, err: ErrGrid},
	} {
		t.Run(name, func(t *testing.T) {
			y := series.Series{Step: time.Hour}
			if err := fill(&y, tc.times, tc.values); !errors.Is(err, tc.err) {
				t.Fatalf("fill returned %v, want %v", err, tc.err)
			}
			if tc.err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, y.Values, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("values mismatch (-want +got):\n%s", diff)
			}
			if len(tc.times) > 0 && y.Start.UnixMilli() != tc.times[0] {
				t.Errorf("start is %s, want the first time", y.Start)
			}
		})
	}
	if err := fill(&series.Series{}, []int64{0}, []float64{1}); !errors.Is(err, ErrGrid) {
		t.Errorf("fill without a step returned %v, want ErrGrid", err)
	}
}

// points returns rows of one forecast, horizons 1 to h.
func points(issued, cut time.Time, modelID string, h int) []record.Forecast {
	out := make([]record.Forecast, h)
	for i := range out {
		x := float64(i + 1)
		out[i] = record.Forecast{
			Series: "eia.PJM", IssuedAt: issued, DataCut: cut, TargetTS: cut.Add(time.Duration(i+1) * time.Hour), Horizon: uint16(i + 1),
			ModelID: modelID, ModelKind: "ar_ridge", Mean: x, P05: x - 2, P10: x - 1, P50: x, P90: x + 1, P95: x + 2, Scale: 10 * x,
		}
	}
	return out
}

func TestWhole(t *testing.T) {
	cut := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	issued := cut.Add(10 * time.Minute)
	var rows []record.Forecast
	rows = append(rows, points(issued, cut, "m1", 3)...)
	rows = append(rows, points(issued.Add(time.Hour), cut, "m1", 2)[1:]...) // its first point was replaced
	rows = append(rows, points(issued.Add(time.Hour), cut.Add(time.Hour), "m1", 2)...)
	got := whole(series.ID{Source: "eia", Key: "PJM"}, "MWh", rows)

	want := forecast.Forecast{
		Series: series.ID{Source: "eia", Key: "PJM"}, IssuedAt: issued, DataCut: cut, Step: time.Hour, Unit: "MWh",
		ModelID: "m1", ModelKind: "ar_ridge", Mean: []float64{1, 2, 3},
		Quantiles: [][]float64{{-1, 0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}}, Scale: []float64{10, 20, 30},
	}
	if len(got) != 2 {
		t.Fatalf("%d forecasts, want 2 that are whole", len(got))
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("first forecast mismatch (-want +got):\n%s", diff)
	}
	if !got[1].DataCut.Equal(cut.Add(time.Hour)) || len(got[1].Mean) != 2 {
		t.Errorf("second forecast has data cut %s and %d points, want the one from more data", got[1].DataCut, len(got[1].Mean))
	}
}

// Hand-computed: 3 points of 10 % and 1 of 2 % are (3*10+2)/4 = 8 %; ratios 0.5 and 0.9 have the mean 0.7.
func TestPool(t *testing.T) {
	got := pool([]SeriesAccuracy{
		{N: 3, nonzero: 3, MAPE: 10, NaiveMAPE: 20, MAE: 1, NaiveMAE: 2, Coverage80: 1, Coverage90: 1},
		{N: 1, nonzero: 1, MAPE: 2, NaiveMAPE: 4, MAE: 9, NaiveMAE: 10, Coverage80: 0, Coverage90: 1},
		{N: 4, nonzero: 0, MAPE: math.NaN(), NaiveMAPE: math.NaN(), MAE: 1, NaiveMAE: 0, Coverage80: 0.5, Coverage90: 1},
	})
	got.Series = nil
	want := Accuracy{N: 8, MAPE: 8, NaiveMAPE: 16, RelMAE: 0.7, Coverage80: 5.0 / 8, Coverage90: 1}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-12, 0), cmpopts.IgnoreUnexported(SeriesAccuracy{})); diff != "" {
		t.Errorf("pool mismatch (-want +got):\n%s", diff)
	}
	if empty := pool(nil); !math.IsNaN(empty.MAPE) || empty.N != 0 {
		t.Errorf("pool of nothing is %+v, want NaN", empty)
	}
}
