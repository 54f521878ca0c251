// Package validator decides, observation by observation, what of the raw data the pipeline may use.
//
// It turns each raw batch into rows of the record (observations, revisions, verdicts, quarantine), one batch of what
// passed, and events when the data of a series turn bad or good again.
package validator

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// History reads accepted observations from the record.
type History interface {
	// SeriesIDs returns every series that has observations.
	SeriesIDs(ctx context.Context) ([]series.ID, error)
	// Tail returns the newest n grid points of a series, missing ones as NaN, with its unit and step. A series without
	// observations is empty and no error.
	Tail(ctx context.Context, id series.ID, n int) (series.Series, error)
	// Newest returns the newest value of each observed grid point from..to with the time it became known.
	Newest(ctx context.Context, id series.ID, from, to time.Time) ([]series.Revision, error)
	// Reports returns what became known together in refreshes, of the points since a time, oldest first.
	Reports(ctx context.Context, id series.ID, since time.Time) ([]series.Report, error)
	// SourceReports returns when each source had news in a refresh, since a time, oldest first.
	SourceReports(ctx context.Context, since time.Time) (map[string][]time.Time, error)
}

// Handler validates raw batches. It implements stage.Handler and stage.Forgetter. Calls must come one at a time.
type Handler struct {
	cfg     Config
	checks  checks
	history History
	old     map[series.ID]struct{} // series that the record had when first asked; nil before
	states  map[series.ID]*state
	alarms  map[series.ID]*alarms
	sources sources
	sums    sums
}

var (
	_ stage.Handler   = (*Handler)(nil)
	_ stage.Forgetter = (*Handler)(nil)
)

// New returns a handler with the thresholds of cfg, which is valid.
func New(cfg Config, h History) *Handler {
	v := &Handler{cfg: cfg, checks: cfg.checks(), history: h}
	v.Forget()
	return v
}

// Forget drops what is known of all series. It is read from the record again when a batch needs it.
func (h *Handler) Forget() {
	h.old = nil
	h.states = make(map[series.ID]*state)
	h.alarms = make(map[series.ID]*alarms)
	h.sources = newSources(h.cfg)
	h.sums = newSums(h.cfg)
}

// Handle validates one raw batch. The error is permanent when the message is not a batch, and passing when the record
// cannot be read; in both cases no state has changed.
func (h *Handler) Handle(ctx context.Context, in stage.Message) (stage.Result, error) {
	b, err := wire.DecodeBatch(in.Data)
	if err != nil {
		return stage.Result{}, fmt.Errorf("validate %s: %w", in.Subject, err)
	}
	decision, held, err := wire.DecodeDecision(in)
	if err != nil {
		return stage.Result{}, fmt.Errorf("validate %s: %w", in.Subject, err)
	}
	wrong := check.Batch(b, 0)
	if wrong == "" {
		wrong, _ = h.checks.known.Check(b.Series)
	}
	if wrong != "" {
		return h.refuse(in, b, wrong), nil
	}
	st, err := h.state(ctx, b)
	if err != nil {
		return stage.Result{}, fmt.Errorf("validate %s: %w", b.Series, err)
	}
	if wrong = check.Batch(b, st.window.Step()); wrong != "" {
		return h.refuse(in, b, wrong), nil
	}
	if err := h.listen(ctx, b); err != nil {
		return stage.Result{}, fmt.Errorf("validate %s: %w", b.Series, err)
	}
	r := &run{checks: h.checks, in: in, batch: b, state: st, others: h.states, sums: h.sums}
	if decision != "" {
		return r.decide(decision, held)
	}
	r.judge()
	return h.result(r, ""), nil
}

// refuse quarantines all of a batch that is not understood. Nothing of it is passed on, not even that it was the last
// of a backfill: what it says about itself cannot be trusted.
func (h *Handler) refuse(in stage.Message, b series.Batch, wrong string) stage.Result {
	r := &run{checks: h.checks, in: in, batch: b}
	r.refuse(wrong)
	return h.result(r, wrong)
}

func (h *Handler) result(r *run, wrong string) stage.Result {
	res := stage.Result{Rows: r.rows()}
	if m, ok := r.valid(); ok && wrong == "" {
		res.Out = append(res.Out, m)
	}
	res.Out = append(res.Out, h.events(r, wrong)...)
	if wrong == "" {
		res.Out = append(res.Out, h.silent(r.batch, r.in)...)
	}
	return res
}

// state returns the state of the series of b, from the record when it is not cached.
func (h *Handler) state(ctx context.Context, b series.Batch) (*state, error) {
	if st, ok := h.states[b.Series]; ok {
		return st, nil
	}
	y, err := h.recorded(ctx, b.Series)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	st := newState(h.cfg, h.checks, b, y)
	if y.Len() > 0 {
		known, err := h.history.Newest(ctx, b.Series, y.Start, y.End())
		if err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		st.date(known)
		reports, err := h.history.Reports(ctx, b.Series, y.End().Add(-reportWindow))
		if err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		st.expect(h.checks, reports, b.KnownAt)
	}
	h.states[b.Series] = st
	if y.Observed() == 0 {
		// Never seen before: there is no alarm of an earlier process to clear.
		h.alarmsOf(b.Series).assumeClear()
	}
	return st, nil
}

// recorded returns what the record has of a series, as far as it is of use. Which series there are is asked once: nobody
// else writes those of this handler, and a first backfill brings thousands that are not there, each a query to no end.
func (h *Handler) recorded(ctx context.Context, id series.ID) (series.Series, error) {
	if h.old == nil {
		ids, err := h.history.SeriesIDs(ctx)
		if err != nil {
			return series.Series{}, err
		}
		h.old = make(map[series.ID]struct{}, len(ids))
		for _, id := range ids {
			h.old[id] = struct{}{}
		}
	}
	if _, ok := h.old[id]; !ok {
		return series.Series{ID: id}, nil
	}
	return h.history.Tail(ctx, id, habitPoints)
}
