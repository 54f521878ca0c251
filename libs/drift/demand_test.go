package drift_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

const horizon = 48

// TestErrorEWMAOnDemand runs model, backtest and detector together on two areas in 2022, one of the years the defaults
// were chosen on: four weeks as they were raise nothing, demand that doubles raises within half a
// day, and demand that halves, whose errors are half as large, within a day.
func TestErrorEWMAOnDemand(t *testing.T) {
	zones := map[string]string{"EPE": "America/Denver", "TVA": "America/Chicago"}
	for _, y := range seriestest.Demand(t, []string{"EPE", "TVA"}, zones) {
		from, _ := y.Index(time.Date(2022, 7, 1, 0, 0, 0, 0, time.UTC))
		train := y.Slice(from-400*24, from)
		r, err := eval.Backtest(t.Context(), train, model.ARRidge{Week: true}, eval.Plan{RefitEvery: 14}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := model.ARRidge{Week: true}.Fit(train)
		if err != nil {
			t.Fatal(err)
		}
		for factor, limit := range map[float64]int{1: 0, 2: 12, 0.5: 24} {
			t.Run(fmt.Sprintf("%s times %v", y.ID.Key, factor), func(t *testing.T) {
				changed := y
				changed.Values = slices.Clone(y.Values)
				change := from + 28*24
				for i := change; i < len(changed.Values); i++ {
					changed.Values[i] *= factor
				}
				var d drift.ErrorEWMA
				for i, e := range scaledErrors(t, m, changed, r.HorizonMAE(), from, change+24) {
					if d.Step(e) != drift.Raised {
						continue
					}
					if delay := from + i - change + 1; limit == 0 || delay < 1 || delay > limit {
						t.Errorf("raised %d hours after the change, want 1 to %d", delay, limit)
					}
				}
				if d.Raised() != (limit > 0) {
					t.Errorf("raised is %t at %.2f", d.Raised(), d.Value())
				}
			})
		}
	}
}

// scaledErrors returns for each target from..to-1 the mean scaled error of the forecasts made of it.
func scaledErrors(t *testing.T, m model.Forecaster, y series.Series, scale []float64, from, to int) []float64 {
	t.Helper()
	sums, n := make([]float64, to-from), make([]float64, to-from)
	for origin := from - horizon; origin < to-1; origin++ {
		f, err := m.Forecast(y.Slice(0, origin+1), horizon)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range f {
			if i := origin + 1 + k - from; i >= 0 && i < len(sums) && !math.IsNaN(y.Values[from+i]) {
				sums[i] += math.Abs(v-y.Values[from+i]) / scale[k]
				n[i]++
			}
		}
	}
	for i := range sums {
		sums[i] /= n[i] // NaN where the target is missing
	}
	return sums
}
