package model_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

// everyModel returns all candidates and the models for slower series.
func everyModel() []model.Fitter {
	return append(model.Candidates(), model.LEAR{Seasonal: true}, model.Naive2{}, model.Theta{}, model.ETS{}, model.SeasonalNaive{Period: 7})
}

// mapped returns y with f applied to every value.
func mapped(y series.Series, f func(v float64) float64) series.Series {
	out := y
	out.Values = slices.Clone(y.Values)
	for i, v := range out.Values {
		out.Values[i] = f(v)
	}
	return out
}

// TestScaleEquivariance: another unit changes a forecast as it changes the data.
func TestScaleEquivariance(t *testing.T) {
	y := demandLike(4000)
	for _, factor := range []float64{1e-3, 7, 1e6} {
		scaled := mapped(y, func(v float64) float64 { return v * factor })
		for _, f := range everyModel() {
			a, b := mustForecast(t, f, y, 48), mustForecast(t, f, scaled, 48)
			for k := range a {
				if math.Abs(b[k]/a[k]/factor-1) > 1e-3 {
					t.Errorf("%s: horizon %d: %v becomes %v in a unit of 1/%v", f.Kind(), k+1, a[k], b[k], factor)
					break
				}
			}
		}
	}
}

// TestShiftEquivariance holds for the models that work on the values themselves. Those on logarithms are equivariant to
// factors instead.
func TestShiftEquivariance(t *testing.T) {
	y := demandLike(1500)
	const shift = 5e4
	shifted := mapped(y, func(v float64) float64 { return v + shift })
	for _, f := range []model.Fitter{model.SeasonalNaive{Period: 24}, model.SeasonalNaive{Period: 168}, model.WeekMean{}, model.Naive2{Period: 1}} {
		a, b := mustForecast(t, f, y, 48), mustForecast(t, f, shifted, 48)
		for k := range a {
			if math.Abs(b[k]-a[k]-shift) > 1e-6*shift {
				t.Errorf("%s: horizon %d: %v becomes %v with %v added", f.Kind(), k+1, a[k], b[k], shift)
				break
			}
		}
	}
}

// TestConstantSeries: nothing but the constant can follow, whatever its sign and size.
func TestConstantSeries(t *testing.T) {
	for _, c := range []float64{42, 0, -7, 1e9} {
		y := demandLike(3600)
		y.Values = slices.Repeat([]float64{c}, len(y.Values))
		for _, f := range everyModel() {
			for k, v := range mustForecast(t, f, y, 48) {
				if math.Abs(v-c) > 1e-6*math.Abs(c)+1e-12 {
					t.Errorf("%s: horizon %d of constant %v is %v", f.Kind(), k+1, c, v)
					break
				}
			}
		}
	}
}

// TestShortSeries: every model says ErrTooShort or forecasts finite values, at any length.
func TestShortSeries(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 5, 23, 24, 25, 100, 167, 168, 169, 336, 400, 504, 505, 700} {
		y := demandLike(n)
		for _, f := range everyModel() {
			m, err := f.Fit(y)
			if err != nil {
				if !errors.Is(err, model.ErrTooShort) {
					t.Errorf("%s on %d values: %v, want ErrTooShort", f.Kind(), n, err)
				}
				continue
			}
			out, err := m.Forecast(y, 48)
			if err != nil || slices.ContainsFunc(out, func(v float64) bool { return v-v != 0 }) {
				t.Errorf("%s on %d values: %v, %v", f.Kind(), n, err, out)
			}
		}
	}
}

// TestGaps: a tenth of the values missing at random, and the last five, change a forecast by no more than the noise of
// such a series can explain.
func TestGaps(t *testing.T) {
	full := demandLike(4000)
	gappy := full
	gappy.Values = slices.Clone(full.Values)
	for i := range gappy.Values {
		if i*7919%101 < 10 || i >= len(gappy.Values)-5 {
			gappy.Values[i] = nan
		}
	}
	for _, f := range model.Candidates() {
		m, err := f.Fit(gappy)
		if errors.Is(err, model.ErrTooShort) {
			continue // rows with all lags are too few for the long lag sets
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Forecast(gappy, 48)
		if err != nil {
			t.Fatal(err)
		}
		a := mustForecast(t, f, full, 48)
		sum := 0.0
		for k := range a {
			sum += math.Abs(b[k]/a[k] - 1)
		}
		if sum/48 > 0.06 {
			t.Errorf("%s: forecasts differ by %.1f %% with a tenth of the values missing", f.Kind(), 100*sum/48)
		}
	}
}

// TestClockChange: on both switch days a series that follows the local clock exactly is continued by the local clock.
func TestClockChange(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]time.Time{
		"spring": time.Date(2022, 3, 12, 23, 0, 0, 0, zone),
		"autumn": time.Date(2022, 11, 5, 23, 0, 0, 0, zone),
	} {
		y := series.Series{Start: end.UTC().Add(-200 * 24 * time.Hour), Step: time.Hour, Zone: zone}
		at := func(i int) float64 {
			local := y.Time(i).In(zone)
			v := 1000 + 300*math.Sin(2*math.Pi*float64(local.Hour()-6)/24)
			if local.Weekday() == time.Sunday {
				v *= 0.9
			}
			return v
		}
		for i := 0; !y.Time(i).After(end); i++ {
			y.Values = append(y.Values, at(i))
		}
		for _, f := range []model.Fitter{model.WeekMean{}, model.DSHW{}, model.Harmonic{}, model.MSTL{}, model.LEAR{}, model.LEAR{Seasonal: true}} {
			sum := 0.0
			for k, v := range mustForecast(t, f, y, 48) {
				sum += math.Abs(v/at(y.Len()+k) - 1)
			}
			if sum/48 > 0.02 {
				t.Errorf("%s in %s: %.1f %% off the local clock", f.Kind(), name, 100*sum/48)
			}
		}
	}
}

// TestNeverExplodes: after a day at twice the usual level, forecasts of weeks stay within the documented reach.
func TestNeverExplodes(t *testing.T) {
	y := demandLike(4000)
	lo, hi := slices.Min(y.Values), slices.Max(y.Values)
	wild := mapped(y, func(v float64) float64 { return v })
	for i := range 24 {
		wild.Values[len(wild.Values)-1-i] *= 2
	}
	for _, f := range everyModel() {
		out := mustForecast(t, f, wild, 1000)
		if slices.Max(out) > 5*hi || slices.Min(out) < lo/5 {
			t.Errorf("%s: from %v to %v after values from %v to %v", f.Kind(), slices.Min(out), slices.Max(out), lo, hi)
		}
	}
}

// TestUpdate: a state carried on value by value is the state carried on at once, and the old model stays as it was.
func TestUpdate(t *testing.T) {
	y := seriestest.Generate(series.Series{Start: monday, Step: time.Hour}, 2400, 5)
	m, err := model.DSHW{}.Fit(y.Slice(0, 2300))
	if err != nil {
		t.Fatal(err)
	}
	before, err := m.Forecast(y.Slice(0, 2300), 24)
	if err != nil {
		t.Fatal(err)
	}
	step := m
	for n := 2301; n <= 2400; n++ {
		u, ok := step.(model.Updater)
		if !ok {
			t.Fatalf("%T is no Updater", step)
		}
		if step, err = u.Update(y.Slice(n-3, n)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := step.Forecast(y, 48)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Forecast(y, 48)
	if err != nil {
		t.Fatal(err)
	}
	for k := range a {
		if a[k] != b[k] {
			t.Errorf("horizon %d: %v step by step, %v at once", k+1, a[k], b[k])
		}
	}
	again, err := m.Forecast(y.Slice(0, 2300), 24)
	if err != nil || !slices.Equal(before, again) {
		t.Errorf("updates changed the model they came from (%v)", err)
	}
}

// TestHistoryIsEnough: points before History do not matter.
func TestHistoryIsEnough(t *testing.T) {
	y := demandLike(4000)
	y.Values[3500], y.Values[3990] = nan, nan
	for _, f := range everyModel() {
		m, err := f.Fit(y)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Forecast(y, 60)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Forecast(y.Tail(m.History()), 60)
		if err != nil || !slices.Equal(a, b) {
			t.Errorf("%s: %v from all, %v from History (%v)", f.Kind(), a[:3], b[:min(3, len(b))], err)
		}
	}
}
