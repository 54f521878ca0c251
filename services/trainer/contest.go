package trainer

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/eval"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
)

// contest decides which candidate serves a series after its backtests.
//
// The recipe of the champion, its kind and settings, stays and is fitted again on the newer data, unless a rival's win
// is significant (eval.Superior) and of some size. Both bounds hold in either direction, which is the hysteresis: of two
// recipes that are about as good, neither replaces the other.
type contest struct {
	test  eval.Superior
	level float64 // a win counts when chance explains it with at most this probability
	gain  float64 // and when it takes at least this share off the loss
}

// decision is the outcome of a contest.
type decision struct {
	serves int     // index of the result of the new champion
	rival  int     // that of the strongest of the others; -1 when no other stands
	p      float64 // of the rival's win over the former recipe; NaN when it was not tested
	why    string  // why the champion serves
	lost   string  // why the rival does not
}

// decide returns the decision on backtests at the same origins. before is the champion up to now, nil for none. It
// returns ErrNoCandidate when no candidate came through.
func (c contest) decide(results []eval.Result, before *forecast.Model) (decision, error) {
	order := ranking(results)
	if len(order) == 0 {
		errs := []error{ErrNoCandidate}
		for _, r := range results {
			errs = append(errs, r.Err())
		}
		return decision{}, errors.Join(errs...)
	}
	best := order[0]
	d := decision{serves: best, rival: -1, p: math.NaN()}
	served := -1
	if before != nil {
		served = slices.IndexFunc(results, func(r eval.Result) bool { return r.Kind == before.Kind && r.Params == before.Params })
	}
	switch {
	case before == nil:
		d.why = fmt.Sprintf("first model: %s has the smallest mean absolute error of %d candidates", results[best].Kind, len(order))
	case served < 0:
		d.why = fmt.Sprintf("%s, which served with %s, is no candidate any more; %s has the smallest mean absolute error of %d",
			before.Kind, before.Params, results[best].Kind, len(order))
	case results[served].Failed() > 0:
		d.why = fmt.Sprintf("%s, which served, failed at %d of %d origins; %s has the smallest mean absolute error of %d",
			before.Kind, results[served].Failed(), len(results[served].Origins), results[best].Kind, len(order))
	default:
		c.challenge(&d, results, served)
	}
	for _, i := range order {
		if i != d.serves {
			d.rival = i
			break
		}
	}
	if d.rival >= 0 && d.lost == "" {
		d.lost = fmt.Sprintf("%s has %s the mean absolute error of %s", results[d.rival].Kind, ratio(results[d.rival], results[d.serves]), results[d.serves].Kind)
	}
	return d, nil
}

// challenge lets the best of the others try to replace the recipe that served.
func (c contest) challenge(d *decision, results []eval.Result, served int) {
	d.serves = served
	win := c.test.Test(results, served)
	kind := results[served].Kind
	if win.Rival < 0 || !(win.Gain > 0) {
		d.why = fmt.Sprintf("%s stays: no other candidate has a smaller error", kind)
		return
	}
	d.p = win.P
	found := fmt.Sprintf("%s has an error %.1f %% below that of %s at %d origins (p = %.3f)",
		results[win.Rival].Kind, 100*win.Gain, kind, len(results[served].Origins), win.P)
	if win.P <= c.level && win.Gain >= c.gain {
		d.serves, d.why = win.Rival, found
		return
	}
	d.lost = fmt.Sprintf("%s; it takes at least %.1f %% at p <= %.2f to replace it", found, 100*c.gain, c.level)
	d.why = fmt.Sprintf("%s stays: %s", kind, d.lost)
}

// ranking returns the candidates that failed at no origin, by mean absolute error. Equals keep their order, so that the
// choice does not depend on chance.
func ranking(results []eval.Result) []int {
	var out []int
	mae := make([]float64, len(results))
	for i, r := range results {
		if mae[i] = r.Metrics().MAE; r.Failed() == 0 && !math.IsNaN(mae[i]) {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(mae[a], mae[b]) })
	return out
}

func ratio(a, b eval.Result) string {
	return fmt.Sprintf("%.3f times", a.Metrics().MAE/b.Metrics().MAE)
}
