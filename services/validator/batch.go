package validator

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// recorded returns the recorded value at a time, NaN when there is none.
func (st *state) recorded(ts time.Time) float64 {
	if !series.OnGrid(ts, st.window.Step()) {
		return math.NaN()
	}
	v, _ := st.window.At(st.window.Grid(ts))
	return v
}

// relabelled reports whether the batch repeats recorded values under other labels: other hours, or another series.
func (r *run) relabelled() (check.Finding, bool) {
	c, obs := r.checks.relabel, r.batch.Obs
	if r.batch.Origin != series.Refresh || !c.Revises(obs, r.state.recorded) {
		return check.Finding{}, false
	}
	if f, moved := c.Moved(obs, r.batch.Step, r.state.recorded); moved {
		return f, true
	}
	for id, other := range r.others {
		if id.Source != r.batch.Series.Source || id == r.batch.Series {
			continue
		}
		if f, mistaken := c.Mistaken(obs, r.state.recorded, id, other.recorded); mistaken {
			return f, true
		}
	}
	return check.Finding{}, false
}

// news reports whether o says something that the record does not have.
func (r *run) news(o series.Observation) bool {
	return !math.IsNaN(o.Value) && o.Value != r.state.recorded(o.TS)
}

// remark adds a finding about the batch to the point at ts, or to the first that is a new decision.
func (r *run) remark(ts time.Time, f check.Finding) {
	at := -1
	for i, p := range r.points {
		if p.verdict && (at < 0 || p.ts.Equal(ts)) {
			at = i
		}
	}
	if at >= 0 {
		r.points[at].note(f)
	}
}

// whole judges the batch as a whole. Its remarks go to the newest point that was accepted; a batch of which nothing was
// is a repetition, or refused, and says nothing about what is usual.
func (r *run) whole() {
	newest := time.Time{}
	m := r.state.memory
	for _, p := range r.points {
		if p.observation {
			newest = p.ts
		}
		if p.verdict {
			m.Broken.Judge(p.outcome == check.Quarantine)
		}
	}
	if r.batch.Origin != series.Refresh || newest.IsZero() {
		return
	}
	if f, found := r.checks.spacing.Check(r.batch.Obs, r.batch.Step); found {
		r.remark(newest, f)
	}
	hour := m.Clock().Hour(r.batch.KnownAt.Unix())
	if f, found := r.checks.amount.Check(&m.Amounts, hour, len(r.batch.Obs)); found {
		r.remark(newest, f)
	}
	if f, found := r.checks.age.Check(&m.Ages, r.batch.KnownAt.Sub(newest)); found {
		r.remark(newest, f)
	}
	if f, found := r.swapped(); found {
		r.remark(newest, f)
	}
}

// swapped looks for the series whose habits the last day of this one has. Its points have been accepted, so that it is
// a remark; those it makes later are told by their level or by re-reported points.
func (r *run) swapped() (check.Finding, bool) {
	if _, suspect := r.checks.swap.Suspect(r.state.memory); !suspect {
		return check.Finding{}, false
	}
	ids := make([]series.ID, 0, len(r.others))
	for id := range r.others {
		if id.Source == r.batch.Series.Source && id != r.batch.Series {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b series.ID) int { return cmp.Compare(a.Key, b.Key) })
	for _, id := range ids {
		if f, found := r.checks.swap.Check(r.state.memory, id, r.others[id].memory); found {
			f.Outcome = check.Flag
			return f, true
		}
	}
	return check.Finding{}, false
}
