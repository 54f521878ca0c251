package model

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Kinds of the autoregressions.
const (
	KindARRidge     Kind = "ar_ridge"
	KindARRidgeDay  Kind = "ar_ridge_day"
	KindARRidgeWeek Kind = "ar_ridge_week"
)

// ErrGrid is returned for a series on a grid that a model cannot work with.
var ErrGrid = errors.New("model: grid not supported")

// Defaults of ARRidge, chosen on US hourly demand of 2022.
const (
	defaultPenalty = 1
	defaultWindow  = 400 // days
	defaultYearly  = 2
)

const (
	// minDays of complete rows are needed to fit an autoregression, beyond its longest lag.
	minDays = 10
	// fullYear is the history in days from which Fourier terms of the year are told from trend and noise.
	fullYear = 365
)

// ARRidge is an autoregression on seasonal lags with calendar effects, fitted by ridge regression in closed form
// (Hoerl & Kennard 1970) on the logarithm of the series and run forward recursively. It is of the family of Card
// (Doornik, Castle & Hendry, International Journal of Forecasting 36(1), 2020), the best entry of M4 on hourly data.
//
// Features are lags, those of ar_ridge around one and two days and one week, those of ar_ridge_day all of the last day
// and those at the same hour of each day of the week, those of ar_ridge_week all of the last two days and those around
// each day of two weeks; the slot of the local day for each kind of day (Sunday or holiday,
// Monday, Tuesday to Thursday, Friday, Saturday); the weekday; and Fourier terms of the year when the history has a
// whole one. The calendar is that of the zone of the series, with its clock changes; US holidays count where the zone
// is one of the United States. Lags are elapsed time: on real demand that was better in the weeks after a clock change
// than lags that follow the clock. A second ridge regression of what is left lets the coefficients of lags and Fourier
// terms differ between the slots of the day (a periodic autoregression, shrunk to the common one).
//
// Values that are not positive count as missing as long as they are at most 2 % of the window; when there are more,
// the model works on the values themselves, not on logarithms. Rows with a missing target or lag are left out of the
// fit; for the lags, gaps of up to three points are bridged by a straight line. So are rows whose target the first fit
// finds impossible, and the fit is repeated with the value it predicts in their place.
//
// The forecast minimises absolute rather than squared errors: it is not corrected to the mean of the log-normal.
//
// The zero value is ar_ridge with its defaults.
type ARRidge struct {
	Day      bool    `json:"day"`         // the lags of ar_ridge_day
	Week     bool    `json:"week"`        // the lags of ar_ridge_week; goes before Day
	Lambda   float64 `json:"lambda"`      // penalty of common coefficients; 0 means 1, negative means next to none
	Periodic float64 `json:"periodic"`    // penalty of their deviations by slot; 0 means 1, negative means no deviations
	Window   int     `json:"window_days"` // days of history the fit looks at; 0 means 400, negative means all
	Yearly   int     `json:"yearly"`      // Fourier pairs of the year; 0 means 2, negative means none
}

// withDefaults returns r with its zeros replaced.
func (r ARRidge) withDefaults() ARRidge {
	if r.Lambda == 0 {
		r.Lambda = defaultPenalty
	}
	if r.Periodic == 0 {
		r.Periodic = defaultPenalty
	}
	if r.Window == 0 {
		r.Window = defaultWindow
	}
	if r.Yearly == 0 {
		r.Yearly = defaultYearly
	}
	return r
}

// Kind returns "ar_ridge", "ar_ridge_day" or "ar_ridge_week".
func (r ARRidge) Kind() Kind {
	switch {
	case r.Week:
		return KindARRidgeWeek
	case r.Day:
		return KindARRidgeDay
	}
	return KindARRidge
}

// Params returns the settings as JSON, defaults filled in.
func (r ARRidge) Params() string { return params(r.withDefaults()) }

// Fit learns the coefficients. It needs ten days of complete rows beyond the longest lag, so three or four weeks of
// history, and a grid whose step divides a day into 1 to 96 parts (ErrGrid otherwise).
func (r ARRidge) Fit(y series.Series) (Forecaster, error) {
	o := r.withDefaults()
	if !finite(o.Lambda) || !finite(o.Periodic) {
		return nil, fmt.Errorf("%s: penalties are %v and %v", r.Kind(), o.Lambda, o.Periodic)
	}
	perDay, err := slotsPerDay(y.Step)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Kind(), err)
	}
	if o.Window > 0 {
		y = y.Tail(o.Window * perDay)
	}
	sc, x := newScale(y.Values)
	l := layout{lags: lagSet(perDay, r.Kind()), perDay: perDay}
	if y.Len() >= fullYear*perDay {
		l.yearly = max(o.Yearly, 0)
	}
	d := newDesign(y, x, l)
	if need := max(minDays*perDay, 3*len(l.lags)); d.usable() < need {
		return nil, fmt.Errorf("%s: need %d complete rows, have %d: %w", r.Kind(), need, d.usable(), ErrTooShort)
	}
	c, err := d.fit(max(o.Lambda, 1e-6), o.Periodic)
	if err != nil {
		return nil, fmt.Errorf("%s: fit %d rows: %w", r.Kind(), d.usable(), err)
	}
	return &autoregression{
		kind: r.Kind(), Step: y.Step, Lags: l.lags, Yearly: l.yearly, Scale: sc, Coefficients: c,
	}, nil
}

// slotsPerDay returns how many steps a day has. Steps must divide a day and be at least 15 minutes.
func slotsPerDay(step time.Duration) (int, error) {
	const day = 24 * time.Hour
	if step < 15*time.Minute || step > day || day%step != 0 {
		return 0, fmt.Errorf("step %v does not divide a day into 1 to 96 parts: %w", step, ErrGrid)
	}
	return int(day / step), nil
}

// lagSet returns the lags in steps, ascending.
func lagSet(perDay int, kind Kind) []int {
	around := func(lags []int, day, before, after int) []int {
		for i := day*perDay - before; i <= day*perDay+after; i++ {
			lags = append(lags, i)
		}
		return lags
	}
	lags := []int{1, 2, 3}
	switch kind {
	case KindARRidgeWeek:
		for i := 4; i <= 2*perDay+2; i++ {
			lags = append(lags, i)
		}
		lags = around(lags, 3, 1, 2)
		for d := 4; d <= 6; d++ {
			lags = around(lags, d, 0, 1)
		}
		lags = around(lags, 7, 2, 2)
		lags = around(lags, 14, 0, 1)
	case KindARRidgeDay:
		for i := 4; i <= perDay+2; i++ {
			lags = append(lags, i)
		}
		for d := 2; d <= 7; d++ {
			lags = around(lags, d, 0, 1)
		}
	default:
		lags = around(lags, 1, 0, 1)
		lags = around(lags, 2, 0, 0)
		lags = around(lags, 7, 0, 1)
	}
	lags = slices.DeleteFunc(lags, func(lag int) bool { return lag < 1 })
	slices.Sort(lags)
	return slices.Compact(lags)
}
