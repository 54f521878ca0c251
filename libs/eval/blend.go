package eval

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/model"
)

// Weighting finds the weights of an ensemble from the backtests of its members: the inverse of the mean absolute error
// to a power, by blocks of horizons, pulled towards equal weights when there are few origins, and the median of the
// members when there are hardly any. A member that failed at more than half of the origins has no weight; the others are
// compared at the origins where none of them failed.
//
// Squared inverse errors are the classic choice (Bates & Granger, Operational Research Quarterly 20(4), 1969); a higher
// power leans further towards the best member.
type Weighting struct {
	Power  float64 `json:"power"`  // of the inverse error; 0 means 4
	Block  int     `json:"block"`  // horizons that share weights; 0 means all of them
	Shrink float64 `json:"shrink"` // origins that equal weights count as; 0 means 1, negative means none
	Median int     `json:"median"` // origins up to which the median is taken; 0 means 2, negative means none
}

// Params returns the settings as JSON, defaults filled in, for the record.
func (w Weighting) Params() string {
	b, err := json.Marshal(w.withDefaults())
	if err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(w)) // a setting that is NaN or infinite has no JSON
	}
	return string(b)
}

func (w Weighting) withDefaults() Weighting {
	if w.Power == 0 {
		w.Power = 4
	}
	if w.Shrink == 0 {
		w.Shrink = 1
	}
	if w.Median == 0 {
		w.Median = 2
	}
	w.Shrink = max(w.Shrink, 0)
	return w
}

// Weights returns the weights of the members in the order of their results, which have the same origins.
func (w Weighting) Weights(results []Result) model.Weights {
	return w.withDefaults().without(results, func(Origin) bool { return false })
}

// without returns the weights from the origins that skip does not report.
func (w Weighting) without(results []Result, skip func(Origin) bool) model.Weights {
	horizon := results[0].Horizon
	block := w.Block
	if block <= 0 {
		block = horizon
	}
	out := model.Weights{Block: block}
	used := 0
	for _, o := range results[0].Origins {
		if !skip(o) {
			used++
		}
	}
	if used <= w.Median {
		return out
	}
	for lo := 0; lo < horizon; lo += block {
		out.By = append(out.By, w.row(results, lo, min(lo+block, horizon), float64(used), skip))
	}
	return out
}

// row returns the weights for the horizon indices [lo, hi).
func (w Weighting) row(results []Result, lo, hi int, used float64, skip func(Origin) bool) []float64 {
	mae, least := make([]float64, len(results)), math.Inf(1)
	common := commonOrigins(results)
	for i, r := range results {
		var s sums
		for k, o := range r.Origins {
			if o.Err == nil && common[k] && !skip(o) {
				s.add(o.Mean[lo:hi], o.Actual[lo:hi], 0)
			}
		}
		if mae[i] = s.metrics().MAE; !r.stands() {
			mae[i] = math.NaN()
		}
		if mae[i] < least {
			least = mae[i]
		}
	}
	row, total, stand := make([]float64, len(results)), 0.0, 0.0
	for i, e := range mae {
		if math.IsNaN(e) {
			continue
		}
		stand++
		// Relative to the best, so that no power of a small error overflows; perfect members share the weight.
		row[i] = 1
		if e > least {
			row[i] = math.Pow(least/e, w.Power)
		}
		total += row[i]
	}
	equal := w.Shrink / (used + w.Shrink)
	for i, e := range mae {
		if !math.IsNaN(e) {
			row[i] = (1-equal)*row[i]/total + equal/stand
		}
	}
	return row
}

// stands reports whether a member has a say: it failed at no more than half of the origins.
func (r Result) stands() bool { return 2*r.Failed() <= len(r.Origins) }

// commonOrigins tells for each origin whether all members that stand came through it.
func commonOrigins(results []Result) []bool {
	out := make([]bool, len(results[0].Origins))
	for k := range out {
		out[k] = true
		for _, r := range results {
			out[k] = out[k] && (r.Origins[k].Err == nil || !r.stands())
		}
	}
	return out
}

// Blend returns the backtest of the ensemble: at each origin the members are combined by the weights that the other
// origins give, those left out whose targets overlap with its own as long as there are others. So no forecast is
// weighted by its own error. Params are those given.
func (w Weighting) Blend(results []Result, params string) Result {
	w = w.withDefaults()
	out := Result{Kind: model.KindEnsemble, Params: params, Horizon: results[0].Horizon, Season: results[0].Season, Step: results[0].Step}
	for i, o := range results[0].Origins {
		blended := Origin{At: o.At, Actual: o.Actual, Scale: math.NaN()}
		paths := make([][]float64, len(results))
		for j, r := range results {
			if m := r.Origins[i]; m.Err == nil {
				paths[j], blended.Scale = m.Mean, m.Scale
			} else {
				blended.Err = m.Err
			}
		}
		weights := w.without(results, results[0].overlaps(i))
		blended.Mean = weights.Combine(paths, out.Horizon)
		if !math.IsNaN(blended.Scale) || !math.IsNaN(blended.Mean[0]) {
			blended.Err = nil // one member suffices
		} else {
			blended.Mean = nil
		}
		out.Origins = append(out.Origins, blended)
	}
	return out
}

// overlaps returns which origins share targets with the i-th; only that one itself when all others do.
func (r Result) overlaps(i int) func(Origin) bool {
	at, reach := r.Origins[i].At, time.Duration(r.Horizon)*r.Step
	near := func(o Origin) bool { return o.At.Sub(at).Abs() < reach }
	for _, o := range r.Origins {
		if !near(o) {
			return near
		}
	}
	return func(o Origin) bool { return o.At.Equal(at) }
}
