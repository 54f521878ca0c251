package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// SnapshotVersion is the version of the snapshots this code writes, and the only one it reads.
const SnapshotVersion = 1

// Errors of Decode.
var (
	ErrVersion  = errors.New("model: unknown snapshot version")
	ErrSnapshot = errors.New("model: snapshot is damaged")
)

// snapshot is the envelope of a fitted model.
type snapshot struct {
	Version int             `json:"version"`
	Kind    Kind            `json:"kind"`
	Model   json.RawMessage `json:"model"`
}

// Encode returns f as JSON. The same fit gives the same bytes, and Decode gives back every number exactly. It returns
// ErrKind for a Forecaster that is not of this package.
func Encode(f Forecaster) ([]byte, error) {
	switch f.(type) {
	case SeasonalNaive, WeekMean, Naive2, Theta, ETS, MSTL, Ensemble, *autoregression, *doubleSmoother, *harmonicRegression, *directRegression, *globalModel:
	default:
		return nil, fmt.Errorf("encode %T: %w", f, ErrKind)
	}
	m, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", f.Kind(), err)
	}
	b, err := json.Marshal(snapshot{Version: SnapshotVersion, Kind: f.Kind(), Model: m})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", f.Kind(), err)
	}
	return b, nil
}

// Decode returns the model in a snapshot. Errors are ErrVersion, ErrKind and ErrSnapshot, with what was found. Every
// number is checked: a snapshot that decodes also forecasts.
func Decode(b []byte) (Forecaster, error) {
	var s snapshot
	if err := settings(string(b), &s); err != nil {
		return nil, fmt.Errorf("decode: %w: %w", err, ErrSnapshot)
	}
	if s.Version != SnapshotVersion {
		return nil, fmt.Errorf("version %d, want %d: %w", s.Version, SnapshotVersion, ErrVersion)
	}
	switch s.Kind {
	case KindARRidge, KindARRidgeDay, KindARRidgeWeek:
		return decodeInto(s, &autoregression{kind: s.Kind})
	case KindDSHW:
		return decodeInto(s, &doubleSmoother{})
	case KindHarmonic:
		return decodeInto(s, &harmonicRegression{})
	case KindLEAR, KindLEARSeason:
		return decodeInto(s, &directRegression{})
	case KindGlobal:
		return decodeInto(s, &globalModel{})
	case KindEnsemble:
		return decodeEnsemble(s.Model)
	}
	f, err := FitterFor(s.Kind, string(s.Model))
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	// The other models are their own Forecasters.
	fc, ok := f.(Forecaster)
	if !ok {
		return nil, fmt.Errorf("decode %s: %w", s.Kind, ErrKind)
	}
	return fc, nil
}

// checked is a fitted model that can tell whether its numbers make a model.
type checked interface {
	Forecaster
	check() error
}

// decodeInto reads the model of a snapshot into m.
func decodeInto(s snapshot, m checked) (Forecaster, error) {
	if err := settings(string(s.Model), m); err != nil {
		return nil, fmt.Errorf("decode %s: %w: %w", s.Kind, err, ErrSnapshot)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("decode %s: %w: %w", s.Kind, err, ErrSnapshot)
	}
	return m, nil
}

// check reports why m cannot forecast.
func (m *autoregression) check() error {
	if _, err := slotsPerDay(m.Step); err != nil {
		return err
	}
	if len(m.Lags) == 0 || !slices.IsSorted(m.Lags) || m.Lags[0] < 1 || m.Lags[len(m.Lags)-1] > 60*m.perDay() {
		return fmt.Errorf("lags %v", m.Lags)
	}
	if m.Yearly < 0 || m.Yearly > 100 {
		return fmt.Errorf("%d Fourier pairs", m.Yearly)
	}
	l, c := m.layout(), m.Coefficients
	if len(c.Profile) != l.profile() || len(c.Dense) != 1 && len(c.Dense) != l.perDay {
		return fmt.Errorf("%d and %d coefficients", len(c.Dense), len(c.Profile))
	}
	for _, row := range c.Dense {
		if len(row) != l.dense() {
			return fmt.Errorf("%d coefficients in a slot, want %d", len(row), l.dense())
		}
	}
	return m.Scale.check()
}

// check reports a scale that leads nowhere. JSON has no NaN or infinity, so that order and signs are left to check.
func (s scale) check() error {
	if !(s.Unit > 0) || s.Lo > s.Hi || math.IsInf(s.from(s.Hi), 0) || math.IsInf(s.from(s.Lo), 0) {
		return fmt.Errorf("scale %+v", s)
	}
	return nil
}

func (m *doubleSmoother) check() error {
	perDay, err := slotsPerDay(m.Step)
	if err != nil {
		return err
	}
	if len(m.State.Day) != perDay || len(m.State.Week) != 7*perDay {
		return fmt.Errorf("seasons of %d and %d slots", len(m.State.Day), len(m.State.Week))
	}
	for _, v := range []float64{m.Smoothing.Level, m.Smoothing.Day, m.Smoothing.Week, m.Smoothing.Error} {
		if v < 0 || v > 1 {
			return fmt.Errorf("smoothing %+v", m.Smoothing)
		}
	}
	return m.Scale.check()
}

func (m *harmonicRegression) check() error {
	if _, err := slotsPerDay(m.Step); err != nil {
		return err
	}
	if min(m.Day, m.Week, m.Year) < 0 || max(m.Day, m.Week, m.Year) > 200 || len(m.Terms) != 1+2*(m.Day+m.Week+m.Year) {
		return fmt.Errorf("%d coefficients of %d, %d and %d Fourier pairs", len(m.Terms), m.Day, m.Week, m.Year)
	}
	if len(m.Lags) != len(m.Errors) || slices.ContainsFunc(m.Lags, func(lag int) bool { return lag < 1 }) {
		return fmt.Errorf("lags %v with %d coefficients", m.Lags, len(m.Errors))
	}
	return m.Scale.check()
}
