package validator

import (
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// run is the judgement of one batch.
type run struct {
	checks checks
	in     stage.Message
	batch  series.Batch
	state  *state // nil when the batch is refused
	others map[series.ID]*state
	sums   sums

	points []point
	kept   []record.Quarantine
	found  [8]check.Finding // of the habits of one point, reused
}

// point is the verdict on one point of the batch and what follows from it.
type point struct {
	ts       time.Time
	value    float64
	outcome  check.Outcome
	findings []check.Finding

	verdict     bool // is a new decision
	observation bool // is the newest accepted value
	revision    bool // is a value as it became known
	forward     bool // goes to the forecaster
}

// settled reports whether the value of the point was accepted, now or before.
func (p point) settled() bool { return p.forward || p.revision }

func (p *point) note(f check.Finding) {
	p.findings = append(p.findings, f)
	p.outcome = max(p.outcome, f.Outcome)
}

// judge decides every observation of the batch in order of time.
func (r *run) judge() {
	obs := r.batch.Obs
	byTime := func(a, b series.Observation) int { return a.TS.Compare(b.TS) }
	order, turn, mixed := check.Ordered(obs)
	turned := time.Time{}
	if mixed {
		turned = obs[turn].TS
	}
	if !slices.IsSortedFunc(obs, byTime) {
		slices.SortStableFunc(obs, byTime)
	}
	foreign, mistaken := r.relabelled()
	r.points = make([]point, 0, len(obs)+len(r.state.resend))
	for i := 0; i < len(obs); {
		if mistaken && r.news(obs[i]) {
			r.points = append(r.points, r.keep(point{ts: obs[i].TS, value: obs[i].Value, verdict: true}, i, foreign))
			i++
			continue
		}
		p := r.observation(i)
		for i++; i < len(obs) && obs[i].TS.Equal(p.ts); i++ {
			p = r.twin(p, i)
		}
		r.points = append(r.points, p)
	}
	if mixed {
		r.remark(turned, order)
	}
	r.unit()
	r.whole()
	r.repeatTail()
	for i, m := range r.batch.Malformed {
		r.kept = append(r.kept, r.malformed(i, m))
	}
}

// refuse quarantines the whole batch.
func (r *run) refuse(wrong string) {
	f := check.Finding{Check: check.Schema, Outcome: check.Quarantine, Detail: wrong}
	for i, o := range r.batch.Obs {
		p := point{ts: o.TS, value: o.Value, verdict: true}
		p.note(f)
		r.points = append(r.points, p)
		r.kept = append(r.kept, r.quarantine(i, f))
	}
	for i, m := range r.batch.Malformed {
		r.kept = append(r.kept, r.malformed(i, m))
	}
}

// observation decides observation i on its own.
func (r *run) observation(i int) point {
	o := r.batch.Obs[i]
	p := point{ts: o.TS, value: o.Value, verdict: true}
	if f, bad := r.checks.ahead.Check(o.TS, r.batch.KnownAt); bad {
		return r.keep(p, i, f)
	}
	if f, bad := check.Grid(o.TS, r.batch.Step); bad {
		return r.keep(p, i, f)
	}
	if f, missing := check.Missing(o.Value); missing {
		p.note(f)
		return p
	}
	if f, bad := r.checks.negative.Check(o.Value, r.state.level()); bad {
		return r.keep(p, i, f)
	}
	if f, bad := r.checks.bounds.Check(o.Value); bad {
		return r.keep(p, i, f)
	}
	w := r.state.window
	g := w.Grid(o.TS)
	if old, ok := w.At(g); ok && old == o.Value {
		return r.repeat(p, g)
	}
	level, m := r.state.level(), r.state.memory
	if f, bad := r.checks.relative.Check(o.Value, level); bad {
		if u, scaled := r.checks.scale.Check(o.Value, level.Median); scaled {
			f = u
		}
		p = r.keep(p, i, f)
		return r.release(p, g, level)
	}
	if f, bad := r.checks.daylight.Summed(m.Clock(), o.TS, o.Value, m.Expected(o.TS)); bad {
		return r.keep(p, i, f)
	}
	return r.accept(p, g)
}

// repeat passes on a value that the record has already: the source repeats itself, or this message is delivered again
// because its outputs were not published the first time. The verdict of the first time stands. The row of the revision
// is written again when it is this very message that brought the value: there may be no more than the observation, if
// the writing was cut short.
func (r *run) repeat(p point, g int64) point {
	p.verdict, p.forward = false, true
	p.revision = r.in.Attempt > 1 && r.state.window.KnownAt(g).Equal(r.batch.KnownAt.Truncate(time.Millisecond))
	r.state.settle(g)
	return p
}

// accept takes a value into the series, with remarks.
func (r *run) accept(p point, g int64) point {
	w := r.state.window
	p.revision = true
	if w.Has(g) {
		old, _ := w.At(g)
		if f, stale := check.Stale(old, p.value, w.KnownAt(g), r.batch.KnownAt); stale {
			p.note(f)
			return p
		}
		if f, changed := r.checks.change.Check(old, p.value); changed {
			p.note(f)
		}
	} else {
		for _, f := range r.sums.add(r.batch.Series, r.batch.Step, p.ts, p.value) {
			p.note(f)
		}
		missing := w.Missing(g)
		if f, hole := check.Hole(missing); hole {
			p.note(f)
		}
		if f, lost := r.checks.daylight.Lost(r.state.memory.Clock(), p.ts, missing, w.Step()); lost {
			p.note(f)
		}
		if r.batch.Origin == series.Refresh { // a backfill is late by nature
			if f, late := r.checks.delay.Check(p.ts, r.batch.KnownAt); late {
				p.note(f)
			}
		}
	}
	r.state.accept(g, p.value, r.batch.KnownAt)
	for _, f := range r.state.memory.Observe(r.checks.habits, p.ts, p.value, r.found[:0]) {
		p.note(f)
	}
	p.observation, p.forward = true, true
	return p
}

// twin decides another report of the point of p, observation i.
func (r *run) twin(p point, i int) point {
	o := r.batch.Obs[i]
	if p.settled() {
		f := check.Twin(p.value, o.Value)
		if f.Outcome == check.Quarantine {
			r.kept = append(r.kept, r.quarantine(i, f))
		}
		f.Outcome = check.Flag // of the point; its value stands
		if p.verdict {
			p.note(f)
			if d, moved := r.checks.daylight.Twice(r.state.memory.Clock(), p.ts, p.value, o.Value); moved {
				p.note(d)
			}
		}
		return p
	}
	q := r.observation(i)
	switch {
	case !q.verdict: // recorded before: the verdict of that time stands
		return q
	case q.settled():
		q.findings = append(p.findings, q.findings...)
		q.outcome = check.Flag
		return q
	default:
		p.findings = append(p.findings, q.findings...)
		p.outcome = max(p.outcome, q.outcome)
		return p
	}
}

// keep quarantines observation i.
func (r *run) keep(p point, i int, f check.Finding) point {
	p.note(f)
	r.kept = append(r.kept, r.quarantine(i, f))
	if o := r.batch.Obs[i]; f.Check != check.OffGrid && f.Check != check.Future {
		r.state.memory.Reject(o.TS, o.Value)
	}
	return p
}

// release accepts the run of points that p ends when they have become the new level of the series.
func (r *run) release(p point, g int64, level check.Level) point {
	st := r.state
	run := st.hold(r.checks.shift, held{g: g, value: p.value, row: r.kept[len(r.kept)-1]})
	f, shifted := r.checks.shift.Check(run, level.Median)
	if !shifted || len(st.held) == 0 || st.held[len(st.held)-1].g != g {
		return p
	}
	points := slices.Clone(st.held)
	st.held = st.held[:0]
	for _, h := range points {
		st.accept(h.g, h.value, r.batch.KnownAt)
		r.free(h.row)
		if h.g != g {
			r.amend(point{ts: st.window.Time(h.g), value: h.value}, f)
		}
	}
	return released(p, f)
}

// amend turns the verdict on a point kept back earlier, in this batch or before it.
func (r *run) amend(p point, f check.Finding) {
	i, found := slices.BinarySearchFunc(r.points, p.ts, func(x point, ts time.Time) int { return x.ts.Compare(ts) })
	if found {
		p.findings = r.points[i].findings
		r.points[i] = released(p, f)
		return
	}
	r.points = slices.Insert(r.points, i, released(p, f))
}

func released(p point, f check.Finding) point {
	p.findings = append(p.findings, f)
	p.outcome = check.Flag
	p.verdict, p.observation, p.revision, p.forward = true, true, true, true
	return p
}

// free marks a kept row as released.
func (r *run) free(row record.Quarantine) {
	row.Status, row.UpdatedAt = "released", r.batch.KnownAt
	for i := range r.kept {
		if r.kept[i].RecordID == row.RecordID {
			r.kept[i] = row
			return
		}
	}
	r.kept = append(r.kept, row)
}

// unit flags the first new point of a batch that comes in another unit.
func (r *run) unit() {
	f, changed := check.Unit(r.batch.Unit, r.state.unit)
	if r.batch.Unit != "" {
		r.state.unit = r.batch.Unit
	}
	if !changed {
		return
	}
	for i := range r.points {
		if r.points[i].observation {
			r.points[i].note(f)
			return
		}
	}
}

// repeatTail adds recorded points that may never have been published. Points of the batch come first.
func (r *run) repeatTail() {
	for _, o := range r.state.resend {
		i, found := slices.BinarySearchFunc(r.points, o.TS, func(x point, ts time.Time) int { return x.ts.Compare(ts) })
		if !found {
			r.points = slices.Insert(r.points, i, point{ts: o.TS, value: o.Value, forward: true})
		}
	}
	r.state.resend = nil
}
