package model_test

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// weeks returns n weeks of hours from a Monday on: 50 by night, 100 by day, half of that at weekends.
func weeks(n int) series.Series {
	y := series.Series{Start: time.Date(2022, 1, 3, 0, 0, 0, 0, time.UTC), Step: time.Hour}
	for i := range n * 168 {
		v := 50.0
		if hour := i % 24; hour >= 8 && hour < 20 {
			v = 100
		}
		if i/24%7 >= 5 {
			v /= 2
		}
		y.Values = append(y.Values, v)
	}
	return y
}

// show fits, forecasts three days and prints noon of each.
func show(f model.Fitter, y series.Series) {
	m, err := f.Fit(y)
	if err != nil {
		fmt.Println(err)
		return
	}
	mean, err := m.Forecast(y, 72)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: Monday %.0f, Tuesday %.0f, Wednesday %.0f\n", m.Kind(), mean[12], mean[36], mean[60])
}

func ExampleSeasonalNaive() {
	y := weeks(4)
	show(model.SeasonalNaive{Period: 24}, y) // repeats Sunday
	show(model.SeasonalNaive{Period: 168}, y)
	// Output:
	// snaive_24: Monday 50, Tuesday 50, Wednesday 50
	// snaive_168: Monday 100, Tuesday 100, Wednesday 100
}

func ExampleWeekMean() {
	show(model.WeekMean{}, weeks(4))
	// Output:
	// how_mean: Monday 100, Tuesday 100, Wednesday 100
}

func ExampleARRidge() {
	show(model.ARRidge{}, weeks(20))
	show(model.ARRidge{}, weeks(2))
	// Output:
	// ar_ridge: Monday 100, Tuesday 100, Wednesday 100
	// ar_ridge: need 240 complete rows, have 167: model: series too short
}

func ExampleDecode() {
	m, err := model.SeasonalNaive{Period: 24}.Fit(weeks(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := model.Encode(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	back, err := model.Decode(b)
	fmt.Println(string(b), back.Kind(), err)
	// Output:
	// {"version":1,"kind":"snaive_24","model":{"period":24}} snaive_24 <nil>
}
