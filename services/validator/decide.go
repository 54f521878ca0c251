package validator

import (
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// decide carries out what a person decided about a row in quarantine. A released value is accepted whatever its size,
// with a remark, and goes the way of every accepted value. The error is permanent when the row has no place in the
// series.
func (r *run) decide(d wire.Decision, held record.Quarantine) (stage.Result, error) {
	if d == wire.Discard {
		held.Status, held.UpdatedAt = "discarded", r.batch.KnownAt
		return stage.Result{Rows: []stage.Row{held}}, nil
	}
	ts, v := held.TS, held.Value
	_, off := check.Grid(ts, r.batch.Step)
	_, ahead := r.checks.ahead.Check(ts, r.batch.KnownAt)
	if off || ahead || math.IsNaN(v) || math.IsInf(v, 0) || ts.Equal(time.Unix(0, 0)) {
		return stage.Result{}, fmt.Errorf("release %s of %s: %g at %s has no place in the series: %w",
			held.RecordID, held.Series, v, ts.Format(time.RFC3339), stage.ErrPermanent)
	}
	p := point{ts: ts, value: v, verdict: true}
	p.note(check.Finding{
		Check: check.Released, Outcome: check.Flag, Observed: v,
		Detail: "kept back for " + held.Reason + ", released by a person",
	})
	g := r.state.window.Grid(ts)
	if old, ok := r.state.window.At(g); ok && old == v {
		p = r.repeat(p, g)
	} else {
		p = r.accept(p, g)
	}
	r.points = append(r.points, p)
	r.free(held)
	res := stage.Result{Rows: r.rows()}
	if m, ok := r.valid(); ok {
		res.Out = append(res.Out, m)
	}
	return res, nil
}
