package model_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

var nan = math.NaN()

// monday is the first hour of a week in UTC.
var monday = time.Date(2022, 1, 3, 0, 0, 0, 0, time.UTC)

func hourly(values ...float64) series.Series {
	return series.Series{Start: monday, Step: time.Hour, Values: values}
}

// TestSeasonalNaive checks values worked out by hand from y[T+h-m*ceil(h/m)].
func TestSeasonalNaive(t *testing.T) {
	for name, tc := range map[string]struct {
		y    []float64
		h    int
		want []float64
	}{
		"one season":           {[]float64{1, 2, 3}, 3, []float64{1, 2, 3}},
		"repeats":              {[]float64{1, 2, 3}, 7, []float64{1, 2, 3, 1, 2, 3, 1}},
		"newest season":        {[]float64{1, 2, 3, 4, 5, 6}, 4, []float64{4, 5, 6, 4}},
		"not a whole season":   {[]float64{1, 2, 3, 4}, 3, []float64{2, 3, 4}},
		"one season back":      {[]float64{1, 2, 3, 4, nan, 6}, 3, []float64{4, 2, 6}},
		"two seasons back":     {[]float64{1, 2, 3, 4, nan, 6, 7, nan, 9}, 5, []float64{7, 2, 9, 7, 2}},
		"never seen":           {[]float64{1, nan, 3, 5, nan, 3}, 3, []float64{5, 3, 3}}, // 3 is the mean
		"infinite is missing":  {[]float64{1, 2, 3, 4, math.Inf(1), 6}, 3, []float64{4, 2, 6}},
		"nothing asked":        {[]float64{1, 2, 3}, 0, []float64{}},
		"less than nothing":    {[]float64{1, 2, 3}, -1, []float64{}},
		"shorter than history": {[]float64{3}, 2, []float64{3, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := model.SeasonalNaive{Period: 3}.Forecast(hourly(tc.y...), tc.h)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("forecast mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeasonalNaiveTooShort(t *testing.T) {
	s := model.SeasonalNaive{Period: 4}
	for name, y := range map[string][]float64{
		"empty":         {},
		"short":         {1, 2, 3},
		"mostly absent": {1, 2, 3, 4, nan, nan, nan, 4},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Fit(hourly(y...)); !errors.Is(err, model.ErrTooShort) {
				t.Errorf("Fit = %v, want ErrTooShort", err)
			}
		})
	}
	if _, err := s.Forecast(hourly(nan, nan, nan, nan), 1); !errors.Is(err, model.ErrTooShort) {
		t.Errorf("Forecast = %v, want ErrTooShort", err)
	}
}

// TestWeekMean checks means worked out by hand. 2022-03-07 to 03-20 are the weeks around the start of US summer time.
func TestWeekMean(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	y := series.Series{Zone: newYork, Start: time.Date(2022, 2, 28, 0, 0, 0, 0, newYork), Step: time.Hour}
	// The value is the local hour, with 100 more in the first week.
	for end := time.Date(2022, 3, 14, 0, 0, 0, 0, newYork); y.Time(y.Len()).Before(end); {
		local := y.Time(y.Len()).In(newYork)
		v := float64(local.Hour())
		if local.Before(time.Date(2022, 3, 7, 0, 0, 0, 0, newYork)) {
			v += 100
		}
		y.Values = append(y.Values, v)
	}
	f, err := model.WeekMean{Weeks: 2}.Fit(y)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Forecast(y, 24)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float64, 24)
	for h := range want {
		want[h] = float64(h) + 50
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Monday mismatch (-want +got):\n%s", diff)
	}
}

func TestWeekMeanNewSlots(t *testing.T) {
	values := make([]float64, 30) // Monday, and six hours of Tuesday
	for i := range values {
		values[i] = float64(i)
	}
	got, err := model.WeekMean{}.Forecast(hourly(values...), 24)
	if err != nil {
		t.Fatal(err)
	}
	// 06:00 is known of Monday only, midnight of both days.
	if got[0] != 6 || got[18] != 12 {
		t.Errorf("06:00 = %v, want 6; 00:00 = %v, want 12", got[0], got[18])
	}
	if _, err := (model.WeekMean{}).Fit(hourly(values[:23]...)); !errors.Is(err, model.ErrTooShort) {
		t.Errorf("Fit = %v, want ErrTooShort", err)
	}
}
