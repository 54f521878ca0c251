package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindEnsemble is the kind of Ensemble.
const KindEnsemble Kind = "ensemble"

// Ensemble forecasts with several models at once: the mean weighted by how each did in its backtest, or the median
// while that says too little (Bates & Granger, Operational Research Quarterly 20(4), 1969; Pawlikowski & Chorowska,
// International Journal of Forecasting 36(1), 2020, is the same idea in the M4 competition). It is made from fitted
// models and weights; package eval finds the weights.
//
// A member that cannot forecast is left out and the others share its weight; when none can, the errors of all come
// back. It is an Updater: members that carry a state are updated, the others stay.
type Ensemble struct {
	Members []Forecaster
	Weights Weights
}

// Weights says how much members of an ensemble count.
type Weights struct {
	// Block is the number of horizons that share a row of By; beyond the last row, it goes on.
	Block int `json:"block"`
	// By holds the weight of each member for each block of horizons. Nil means the median of the members.
	By [][]float64 `json:"by"`
}

// Kind returns "ensemble".
func (Ensemble) Kind() Kind { return KindEnsemble }

// History returns the longest of the members.
func (e Ensemble) History() int {
	n := 0
	for _, m := range e.Members {
		n = max(n, m.History())
	}
	return n
}

// Forecast combines the forecasts of the members.
func (e Ensemble) Forecast(y series.Series, h int) ([]float64, error) {
	paths := make([][]float64, len(e.Members))
	var errs []error
	for i, m := range e.Members {
		var err error
		if paths[i], err = m.Forecast(y, h); err != nil {
			errs = append(errs, err)
			paths[i] = nil
		}
	}
	if len(errs) == len(e.Members) {
		return nil, fmt.Errorf("%s: no member forecasts: %w", e.Kind(), errors.Join(append(errs, ErrTooShort)...))
	}
	return e.Weights.Combine(paths, h), nil
}

// Update updates the members that carry a state. A member that cannot be updated stays as it is.
func (e Ensemble) Update(y series.Series) (Forecaster, error) {
	out := Ensemble{Members: slices.Clone(e.Members), Weights: e.Weights}
	for i, m := range out.Members {
		if u, ok := m.(Updater); ok {
			if next, err := u.Update(y); err == nil {
				out.Members[i] = next
			}
		}
	}
	return out, nil
}

// Combine returns one forecast of h steps from those of the members, nil for those that have none. Where no member
// with a weight has one, the result is the median of the others.
func (w Weights) Combine(paths [][]float64, h int) []float64 {
	out := make([]float64, max(h, 0))
	values := make([]float64, 0, len(paths))
	for k := range out {
		values = values[:0]
		sum, total := 0.0, 0.0
		for i, p := range paths {
			if k >= len(p) {
				continue
			}
			values = append(values, p[k])
			if weight := w.of(i, k); weight > 0 {
				total += weight
				// A running mean: a sum of large values would overflow.
				sum += (p[k] - sum) * (weight / total)
			}
		}
		out[k] = sum
		if total == 0 {
			out[k] = middle(values)
		}
	}
	return out
}

// of returns the weight of a member at a horizon index, 0 where none is known.
func (w Weights) of(member, k int) float64 {
	if len(w.By) == 0 {
		return 0
	}
	row := w.By[min(k/max(w.Block, 1), len(w.By)-1)]
	if member >= len(row) {
		return 0
	}
	return row[member]
}

// middle returns the median of v, which it sorts; NaN when v is empty.
func middle(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	n := len(v)
	return v[(n-1)/2]/2 + v[n/2]/2
}

// encodedEnsemble is an Ensemble in a snapshot.
type encodedEnsemble struct {
	Members []json.RawMessage `json:"members"`
	Weights Weights           `json:"weights"`
}

// MarshalJSON writes the members as snapshots of their own.
func (e Ensemble) MarshalJSON() ([]byte, error) {
	out := encodedEnsemble{Weights: e.Weights, Members: make([]json.RawMessage, len(e.Members))}
	for i, m := range e.Members {
		b, err := Encode(m)
		if err != nil {
			return nil, err
		}
		out.Members[i] = b
	}
	return json.Marshal(out)
}

// decodeEnsemble reads what MarshalJSON wrote.
func decodeEnsemble(b []byte) (Ensemble, error) {
	var in encodedEnsemble
	if err := settings(string(b), &in); err != nil {
		return Ensemble{}, fmt.Errorf("%w: %w", err, ErrSnapshot)
	}
	if len(in.Members) == 0 {
		return Ensemble{}, fmt.Errorf("no members: %w", ErrSnapshot)
	}
	e := Ensemble{Weights: in.Weights}
	for _, raw := range in.Members {
		m, err := Decode(raw)
		if err != nil {
			return Ensemble{}, err
		}
		if m.Kind() == KindEnsemble {
			return Ensemble{}, fmt.Errorf("an ensemble in an ensemble: %w", ErrSnapshot)
		}
		e.Members = append(e.Members, m)
	}
	for _, row := range e.Weights.By {
		if len(row) != len(e.Members) || slices.ContainsFunc(row, func(v float64) bool { return !(v >= 0 && v <= 1) }) {
			return Ensemble{}, fmt.Errorf("weights %v: %w", row, ErrSnapshot)
		}
	}
	return e, nil
}
