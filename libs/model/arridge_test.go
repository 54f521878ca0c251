package model_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

// autoregressions returns the variants that share their properties.
func autoregressions() []model.ARRidge {
	return []model.ARRidge{{}, {Week: true}, {Periodic: -1}, {Week: true, Lambda: 10, Window: 60, Yearly: -1}}
}

func demandLike(n int) series.Series {
	loc := time.FixedZone("CST", -6*3600)
	return seriestest.Generate(series.Series{Start: monday, Step: time.Hour, Zone: loc}, n, 3)
}

func mustForecast(t *testing.T, f model.Fitter, y series.Series, h int) []float64 {
	t.Helper()
	m, err := f.Fit(y)
	if err != nil {
		t.Fatalf("%s: %v", f.Kind(), err)
	}
	out, err := m.Forecast(y.Tail(m.History()), h)
	if err != nil {
		t.Fatalf("%s: %v", f.Kind(), err)
	}
	return out
}

// TestARRidgePeriodic: a series that is exactly periodic in the local week has only one reasonable continuation. In the
// week after a clock change some lags are an hour off, which shows where the series jumps at midnight.
func TestARRidgePeriodic(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	y := series.Series{Start: monday, Step: time.Hour, Zone: newYork}
	value := func(i int) float64 {
		local := y.Time(i).In(newYork)
		v := 1000 + 10*float64(local.Hour())
		if local.Weekday() == time.Saturday {
			v *= 0.8
		}
		return v
	}
	for i := range 1700 {
		y.Values = append(y.Values, value(i))
	}
	for name, tc := range map[string]struct {
		hours     int
		tolerance float64
	}{
		"winter":               {1500, 0.02},
		"day after the change": {1700, 0.10}, // Monday 2022-03-14
	} {
		t.Run(name, func(t *testing.T) {
			y := y.Slice(0, tc.hours)
			for _, f := range autoregressions() {
				for k, v := range mustForecast(t, f, y, 48) {
					if want := value(y.Len() + k); math.Abs(v/want-1) > tc.tolerance {
						t.Errorf("%s %s: horizon %d: %v, want %v within %v", f.Kind(), f.Params(), k+1, v, want, tc.tolerance)
					}
				}
			}
		})
	}
}

// TestARRidgeScale: on the logarithmic scale a change of unit moves the intercept alone.
func TestARRidgeScale(t *testing.T) {
	y := demandLike(2000)
	y.Values[500], y.Values[1990] = nan, nan
	scaled := y
	scaled.Values = slices.Clone(y.Values)
	for i := range scaled.Values {
		scaled.Values[i] *= 1e-3
	}
	for _, f := range autoregressions() {
		a, b := mustForecast(t, f, y, 48), mustForecast(t, f, scaled, 48)
		for k := range a {
			if math.Abs(b[k]/a[k]*1e3-1) > 1e-8 {
				t.Errorf("%s: horizon %d: %v in MW, %v in GW", f.Kind(), k+1, a[k], b[k])
			}
		}
	}
}

func TestARRidgeConstant(t *testing.T) {
	for _, c := range []float64{42, 0, -7, 1e-200, 1e100} {
		y := hourly(slices.Repeat([]float64{c}, 1500)...)
		for _, f := range autoregressions() {
			for k, v := range mustForecast(t, f, y, 48) {
				if math.Abs(v-c) > 1e-6*math.Abs(c) {
					t.Errorf("%s: horizon %d of constant %v is %v", f.Kind(), k+1, c, v)
				}
			}
		}
	}
}

func TestARRidgeTooShort(t *testing.T) {
	missing := demandLike(2000)
	for i := range missing.Values {
		missing.Values[i] = nan
	}
	sparse := demandLike(2000)
	for i := range sparse.Values {
		if i%5 != 0 {
			sparse.Values[i] = nan
		}
	}
	for name, y := range map[string]series.Series{
		"empty": demandLike(0), "one": demandLike(1), "two weeks": demandLike(336), "all missing": missing, "sparse": sparse,
	} {
		for _, f := range autoregressions() {
			if _, err := f.Fit(y); !errors.Is(err, model.ErrTooShort) {
				t.Errorf("%s: Fit of %s = %v, want ErrTooShort", f.Kind(), name, err)
			}
		}
	}
	m, err := model.ARRidge{}.Fit(demandLike(2000))
	if err != nil {
		t.Fatal(err)
	}
	for name, y := range map[string]series.Series{"empty": demandLike(0), "all missing": missing, "five days": demandLike(120)} {
		if _, err := m.Forecast(y, 1); !errors.Is(err, model.ErrTooShort) {
			t.Errorf("Forecast from %s = %v, want ErrTooShort", name, err)
		}
	}
}

func TestARRidgeGrid(t *testing.T) {
	y := demandLike(2000)
	for _, step := range []time.Duration{0, time.Minute, 7 * time.Hour, 48 * time.Hour} {
		y.Step = step
		if _, err := (model.ARRidge{}).Fit(y); !errors.Is(err, model.ErrGrid) {
			t.Errorf("Fit on steps of %v = %v, want ErrGrid", step, err)
		}
	}
	for _, step := range []time.Duration{15 * time.Minute, 30 * time.Minute, 3 * time.Hour, 24 * time.Hour} {
		proto := series.Series{Start: monday, Step: step}
		y := seriestest.Generate(proto, max(int(60*24*time.Hour/step), 150), 1)
		if got := mustForecast(t, model.ARRidge{Week: true}, y, 7); len(got) != 7 {
			t.Errorf("%d values on steps of %v, want 7", len(got), step)
		}
	}
	m, err := model.ARRidge{}.Fit(demandLike(2000))
	if err != nil {
		t.Fatal(err)
	}
	y.Step = 30 * time.Minute
	if _, err := m.Forecast(y, 1); !errors.Is(err, model.ErrGrid) {
		t.Errorf("Forecast on another grid = %v, want ErrGrid", err)
	}
}

// TestARRidgeGaps: a forecast from a history with gaps is close to the one without them.
func TestARRidgeGaps(t *testing.T) {
	full := demandLike(4000)
	for name, gaps := range map[string][][2]int{
		"last hour":    {{1, 1}},
		"last six":     {{6, 6}},
		"one day":      {{60, 24}},
		"scattered":    {{2, 1}, {5, 1}, {24, 2}, {48, 1}, {168, 3}, {337, 2}},
		"oldest third": {{650, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			y := full
			y.Values = slices.Clone(full.Values)
			for _, g := range gaps {
				for i := range g[1] {
					y.Values[len(y.Values)-g[0]+i] = nan
				}
			}
			for _, f := range autoregressions() {
				m, err := f.Fit(full)
				if err != nil {
					t.Fatal(err)
				}
				a, err := m.Forecast(full, 48)
				if err != nil {
					t.Fatal(err)
				}
				b, err := m.Forecast(y, 48)
				if err != nil {
					t.Fatal(err)
				}
				for k := range a {
					if math.Abs(b[k]/a[k]-1) > 0.08 {
						t.Errorf("%s: horizon %d: %v with gaps, %v without", f.Kind(), k+1, b[k], a[k])
					}
				}
			}
		})
	}
}

// TestARRidgeRange: whatever happens after the fit, a forecast stays within the documented reach of the training values.
func TestARRidgeRange(t *testing.T) {
	y := demandLike(4000)
	lo, hi := slices.Min(y.Values), slices.Max(y.Values)
	wild := y
	wild.Values = slices.Clone(y.Values)
	for i := range 24 {
		wild.Values[len(y.Values)-1-i] *= 1.9
	}
	for _, f := range autoregressions() {
		m, err := f.Fit(y)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Forecast(wild, 2000)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Max(out) > 4*hi || slices.Min(out) < lo/4 {
			t.Errorf("%s: forecasts from %v to %v, training values from %v to %v", f.Kind(), slices.Min(out), slices.Max(out), lo, hi)
		}
	}
}

// TestARRidgeOutliers: values that no noise explains hardly change the fit.
func TestARRidgeOutliers(t *testing.T) {
	y := demandLike(4000)
	dirty := y
	dirty.Values = slices.Clone(y.Values)
	for i := 300; i < 3600; i += 371 {
		dirty.Values[i] *= 1.8
	}
	for _, f := range autoregressions() {
		a, b := mustForecast(t, f, y, 48), mustForecast(t, f, dirty, 48)
		for k := range a {
			if math.Abs(b[k]/a[k]-1) > 0.02 {
				t.Errorf("%s: horizon %d: %v with outliers, %v without", f.Kind(), k+1, b[k], a[k])
			}
		}
	}
}

func TestARRidgeKeepsInput(t *testing.T) {
	y := demandLike(2000)
	y.Values[100], y.Values[1900], y.Values[1200] = nan, nan, 1e9
	before := slices.Clone(y.Values)
	for _, f := range autoregressions() {
		mustForecast(t, f, y, 48)
	}
	for i, v := range y.Values {
		if v != before[i] && !(math.IsNaN(v) && math.IsNaN(before[i])) {
			t.Fatalf("value %d changed from %v to %v", i, before[i], v)
		}
	}
}

// TestARRidgeHistory: points before History do not matter.
func TestARRidgeHistory(t *testing.T) {
	y := demandLike(4000)
	y.Values[3500], y.Values[3999] = nan, nan
	for _, f := range append([]model.Fitter{model.SeasonalNaive{}, model.WeekMean{}}, model.ARRidge{}, model.ARRidge{Week: true}) {
		m, err := f.Fit(y)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Forecast(y, 60)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Forecast(y.Tail(m.History()), 60)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s: from all (-) and from History (+):\n%s", f.Kind(), diff)
		}
	}
}

// TestARRidgeBeatsNaive holds on real demand of 2022, which the defaults were chosen on, and on generated demand.
func TestARRidgeBeatsNaive(t *testing.T) {
	for _, y := range seriestest.Demand(t, []string{"AVA", "EPE", "TVA"}, map[string]string{
		"AVA": "America/Los_Angeles", "EPE": "America/Denver", "TVA": "America/Chicago",
	}) {
		end, _ := y.Index(time.Date(2022, 9, 1, 0, 0, 0, 0, time.UTC))
		naive := meanError(t, model.SeasonalNaive{Period: 24}, y, end)
		for _, f := range []model.Fitter{model.ARRidge{}, model.ARRidge{Week: true}} {
			if got := meanError(t, f, y, end); got > 0.9*naive {
				t.Errorf("%s of %s: error %.2f %%, seasonal naive %.2f %%", f.Kind(), y.ID, got, naive)
			}
		}
	}
}

// meanError returns the MAPE of 48-hour forecasts every 6 hours of two weeks, fitted once on the 400 days before.
func meanError(t *testing.T, f model.Fitter, y series.Series, end int) float64 {
	t.Helper()
	m, err := f.Fit(y.Slice(end-400*24, end))
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0.0, 0
	for cut := end; cut < end+14*24; cut += 6 {
		out, err := m.Forecast(y.Slice(0, cut), 48)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range out {
			if actual := y.Values[cut+k]; actual > 0 {
				sum += math.Abs(v/actual - 1)
				n++
			}
		}
	}
	return 100 * sum / float64(n)
}
