package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrKind is returned for a kind this code does not know.
var ErrKind = errors.New("model: unknown kind")

// Candidates returns the models to choose from for a series with daily and weekly seasons on an hourly grid, cheapest
// first.
func Candidates() []Fitter {
	return []Fitter{
		SeasonalNaive{Period: 24},
		SeasonalNaive{Period: 168},
		WeekMean{},
		DSHW{},
		Harmonic{},
		MSTL{},
		ARRidge{},
		ARRidge{Day: true},
		ARRidge{Week: true},
		LEAR{},
	}
}

// FitterFor returns the candidate of a kind with the settings of params, as Fitter.Params wrote them. Empty params
// mean the defaults. It returns ErrKind for a kind it does not know and an error for settings the kind does not have.
func FitterFor(kind Kind, params string) (Fitter, error) {
	var (
		f   Fitter
		err error
	)
	switch kind {
	case KindARRidge, KindARRidgeDay, KindARRidgeWeek:
		r := ARRidge{Week: kind == KindARRidgeWeek, Day: kind == KindARRidgeDay}
		err = settings(params, &r)
		f = r
	case KindDSHW:
		f, err = read[DSHW](params)
	case KindHarmonic:
		f, err = read[Harmonic](params)
	case KindLEAR, KindLEARSeason:
		l := LEAR{Seasonal: kind == KindLEARSeason}
		err = settings(params, &l)
		f = l
	case KindGlobal:
		f, err = read[Global](params)
	case KindMSTL:
		f, err = read[MSTL](params)
	case KindTheta:
		f, err = read[Theta](params)
	case KindETS:
		f, err = read[ETS](params)
	case KindNaive2:
		f, err = read[Naive2](params)
	case KindWeekMean:
		var w WeekMean
		err = settings(params, &w)
		f = w
	default:
		period, perr := naivePeriod(kind)
		if perr != nil {
			return nil, perr
		}
		s := SeasonalNaive{Period: period}
		err = settings(params, &s)
		f = s
	}
	if err != nil {
		return nil, fmt.Errorf("params of %s: %w", kind, err)
	}
	if f.Kind() != kind {
		return nil, fmt.Errorf("params %s are of %s, not %s: %w", params, f.Kind(), kind, ErrKind)
	}
	return f, nil
}

// read returns the settings of params as a Fitter.
func read[T Fitter](params string) (Fitter, error) {
	var f T
	err := settings(params, &f)
	return f, err
}

// naivePeriod returns the period in a kind such as "snaive_24".
func naivePeriod(kind Kind) (int, error) {
	digits, ok := strings.CutPrefix(string(kind), naivePrefix)
	period, err := strconv.Atoi(digits)
	if !ok || err != nil || period <= 0 {
		return 0, fmt.Errorf("%q: %w", kind, ErrKind)
	}
	return period, nil
}

// settings decodes exactly one JSON value with known fields into v; empty text leaves v as it is.
func settings(text string, v any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	d := json.NewDecoder(bytes.NewBufferString(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the JSON value")
	}
	return nil
}
