package eval

import (
	"errors"
	"fmt"

	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// negligible is the weight below which a member is not worth its fit.
const negligible = 0.02

// Fit fits the candidates that the weights of their backtests leave something, and returns the ensemble. Candidates
// that cannot be fitted on y are left out; when none can, the errors of all come back.
func (w Weighting) Fit(y series.Series, fitters []model.Fitter, results []Result) (model.Ensemble, error) {
	all := w.Weights(results)
	out := model.Ensemble{Weights: model.Weights{Block: all.Block}}
	if all.By != nil {
		out.Weights.By = make([][]float64, len(all.By))
	}
	var errs []error
	for i, f := range fitters {
		if !counts(all, i) || !results[i].stands() {
			continue
		}
		m, err := fit(f, y)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.Members = append(out.Members, m)
		for b, row := range all.By {
			out.Weights.By[b] = append(out.Weights.By[b], row[i])
		}
	}
	if len(out.Members) == 0 {
		return model.Ensemble{}, fmt.Errorf("%s: no member: %w", out.Kind(), errors.Join(append(errs, model.ErrTooShort)...))
	}
	return out, nil
}

// fit turns a panic of a fit into an error.
func fit(f model.Fitter, y series.Series) (m model.Forecaster, err error) {
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, fmt.Errorf("%s: panic: %v", f.Kind(), v)
		}
	}()
	return f.Fit(y)
}

// counts reports whether a member has a weight that is not negligible at some horizon, or weights are not known.
func counts(w model.Weights, member int) bool {
	for _, row := range w.By {
		if row[member] >= negligible {
			return true
		}
	}
	return len(w.By) == 0
}
