package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Kinds of the autoregressions.
const (
	KindARRidge     Kind = "ar_ridge"
	KindARRidgeWeek Kind = "ar_ridge_week"
)

// ErrGrid is returned for a series on a grid that a model cannot work with.
var ErrGrid = errors.New("model: grid not supported")

// Defaults of ARRidge.
const (
	defaultLambda = 1
	defaultWindow = 400 // days
	defaultYearly = 2
)

// minWeeks of rows are needed to fit an autoregression, beyond its longest lag.
const minWeeks = 2

// ARRidge is an autoregression on seasonal lags with calendar effects, fitted by ridge regression in closed form
// (Hoerl & Kennard 1970) on the logarithm of the series, and run forward recursively. It is the family of Card
// (Doornik, Castle & Hendry, International Journal of Forecasting 36(1), 2020), the best statistical entry of M4 on
// hourly data.
//
// Features are the lags of one kind: for ar_ridge those around one and two days and one week, for ar_ridge_week every
// day of the week; the slot of the local day for each kind of day (Sunday or holiday, Monday, Tuesday to Thursday,
// Friday, Saturday), the weekday, and Fourier terms of the year. The calendar is that of the zone of the series, with its clock changes;
// US federal holidays count where the zone is one of the United States. Nothing but the intercept is free of penalty.
//
// Values that are not positive count as missing, as long as they are at most 2 % of the window; when there are more,
// the model works on the values themselves, not on logarithms. Rows with a missing target or lag are left out of the
// fit, and so are rows with a value that the first fit finds impossible.
//
// The zero value is ar_ridge with its defaults.
type ARRidge struct {
	Week   bool    `json:"week"`        // the lags of ar_ridge_week
	Lambda float64 `json:"lambda"`      // penalty, in rows' worth of evidence; 0 means 1, negative means next to none
	Window int     `json:"window_days"` // days of history the fit looks at; 0 means 400, negative means all
	Yearly int     `json:"yearly"`      // Fourier pairs of the year; 0 means 2, negative means none
}

// withDefaults returns r with its zeros replaced.
func (r ARRidge) withDefaults() ARRidge {
	if r.Lambda == 0 {
		r.Lambda = defaultLambda
	}
	if r.Window == 0 {
		r.Window = defaultWindow
	}
	if r.Yearly == 0 {
		r.Yearly = defaultYearly
	}
	return r
}

// Kind returns "ar_ridge" or "ar_ridge_week".
func (r ARRidge) Kind() Kind {
	if r.Week {
		return KindARRidgeWeek
	}
	return KindARRidge
}

// Params returns the settings as JSON, defaults filled in.
func (r ARRidge) Params() string { return params(r.withDefaults()) }

// Fit learns the coefficients. It needs about three weeks of history, most of it observed.
func (r ARRidge) Fit(y series.Series) (Forecaster, error) {
	o := r.withDefaults()
	if math.IsNaN(o.Lambda) || math.IsInf(o.Lambda, 0) {
		return nil, fmt.Errorf("%s: lambda is %v", r.Kind(), o.Lambda)
	}
	perDay, err := slotsPerDay(y.Step)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Kind(), err)
	}
	lags := lagSet(perDay, r.Week)
	if o.Window > 0 {
		y = y.Tail(o.Window * perDay)
	}
	sc, x := newScale(y.Values)
	d := newDesign(y, x, lags, perDay, max(o.Yearly, 0))
	if need := minWeeks * 7 * perDay; d.usable() < max(need, 3*len(lags)) {
		return nil, fmt.Errorf("%s: need %d complete rows, have %d: %w", r.Kind(), need, d.usable(), ErrTooShort)
	}
	beta, err := d.fit(max(o.Lambda, 1e-6))
	if err != nil {
		return nil, fmt.Errorf("%s: fit %d rows: %w", r.Kind(), d.usable(), err)
	}
	return &autoregression{
		kind: r.Kind(), Step: y.Step, Yearly: max(o.Yearly, 0), Lags: lags, Scale: sc, Beta: beta,
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
func lagSet(perDay int, week bool) []int {
	lags := []int{1, 2, 3, perDay, perDay + 1, 2 * perDay, 7 * perDay, 7*perDay + 1}
	if week {
		lags = []int{1, 2, 3}
		for d := 1; d <= 7; d++ {
			lags = append(lags, d*perDay, d*perDay+1)
		}
		lags = append(lags, 14*perDay)
	}
	slices.Sort(lags)
	return slices.Compact(lags)
}
