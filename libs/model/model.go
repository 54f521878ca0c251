// Package model fits and runs forecasters of a single series. It is pure: values in, values out.
//
// A Fitter learns parameters from a training series. The Forecaster it returns is immutable and safe for concurrent
// use; its Forecast takes the recent history as an argument, so that new observations and revisions need no refit.
package model

import (
	"errors"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// ErrTooShort is returned when the history is too short or too sparse to fit or to forecast.
var ErrTooShort = errors.New("model: series too short")

// Kind names a candidate, for example "ar_ridge". It is stored with every forecast.
type Kind string

// Fitter learns the parameters of one candidate. It does not keep or modify y.
type Fitter interface {
	Kind() Kind
	// Params returns the settings as canonical JSON, for the record.
	Params() string
	// Fit returns ErrTooShort when y does not suffice.
	Fit(y series.Series) (Forecaster, error)
}

// Forecaster is a fitted model.
type Forecaster interface {
	Kind() Kind
	// History is the number of most recent grid points that Forecast looks at.
	History() int
	// Forecast returns the mean of the h grid points that follow y, in the unit of y. It does not keep or modify y.
	// It returns ErrTooShort when y does not suffice; every value returned is finite.
	Forecast(y series.Series, h int) ([]float64, error)
}

// Updater is a Forecaster that carries a state and takes in new observations without a refit, in constant time each.
type Updater interface {
	Forecaster
	// Update returns the model with the points of y that are newer than its state; the model itself stays as it is. It
	// returns ErrTooShort when y leaves a gap after the state and does not suffice to start anew.
	Update(y series.Series) (Forecaster, error)
}
