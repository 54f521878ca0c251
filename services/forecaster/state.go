package forecaster

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// state is what the desk knows of one series; see the package comment.
type state struct {
	id       series.ID
	unit     string
	step     time.Duration
	window   *series.Window
	champion *champion
	fallback *fallback           // made on first use
	open     []forecast.Forecast // those that observations may still score, in order of issue

	issuedAt  time.Time // of the newest forecast
	cut       time.Time // its data cut
	missed    int       // observations that should have come since it was made
	fresh     bool      // nothing issued since this state was built
	requested bool      // a first model was asked for

	drift   drift.ErrorEWMA
	drifted time.Time // newest target the detector has seen
	told    bool      // the detector's condition was reported since this state was built
}

// state returns the state of the batch's series, built from the record when it is not at hand. Only what was known at
// the batch's time, up to its newest point, goes in: the record may already be ahead of the message.
func (d *Desk) state(ctx context.Context, b series.Batch) (*state, error) {
	if s, ok := d.states[b.Series]; ok {
		return s, nil
	}
	s := &state{
		id: b.Series, unit: b.Unit, step: b.Step, fresh: true,
		window: series.NewWindow(b.Series, b.Step, d.cfg.Window),
		drift:  d.detector(),
	}
	zone, err := time.LoadLocation(b.Zone)
	if err != nil {
		zone = time.UTC // the validator has flagged it; seasons shift, forecasts go on
	}
	s.window.SetMeta(b.Unit, zone)
	model, found, err := d.record.Champion(ctx, b.Series)
	if err != nil {
		return nil, err
	}
	if found {
		if s.champion, err = d.load(ctx, model); err != nil {
			return nil, err
		}
	}
	to, ok := newest(b)
	if b.Origin == series.Reminder {
		to, ok = b.KnownAt.Truncate(b.Step), true
	}
	if ok {
		if err := d.recall(ctx, s, to, b.KnownAt); err != nil {
			return nil, err
		}
	}
	d.states[b.Series] = s
	return s, nil
}

// recall fills s with what the record knew at asOf: history to the point to, open forecasts and recent errors.
func (d *Desk) recall(ctx context.Context, s *state, to, asOf time.Time) error {
	from := to.Add(-time.Duration(d.cfg.Window-1) * s.step)
	y, err := d.record.Known(ctx, s.id, from, to, asOf)
	if err != nil {
		return fmt.Errorf("history of %s: %w", s.id, err)
	}
	for i, v := range y.Values {
		s.window.Put(y.Time(i), v)
	}
	since := to.Add(-d.reach(s.step))
	pending, err := d.record.PendingForecasts(ctx, s.id, since)
	if err != nil {
		return fmt.Errorf("open forecasts of %s: %w", s.id, err)
	}
	for _, f := range pending {
		if f.IssuedAt.After(asOf) {
			continue
		}
		s.open = append(s.open, f)
		s.issuedAt, s.cut = f.IssuedAt, f.DataCut
	}
	errs, err := d.record.ScaledErrors(ctx, s.id, to.Add(-d.reach(s.step)))
	if err != nil {
		return fmt.Errorf("scores of %s: %w", s.id, err)
	}
	for _, e := range errs {
		s.drift.Step(e.Value)
		s.drifted = e.TS
	}
	return nil
}

// reach is how long a forecast stays open: until its last target can no longer be revised.
func (d *Desk) reach(step time.Duration) time.Duration {
	return time.Duration(d.cfg.Horizon)*step + d.cfg.Rescore
}

// observe puts the batch's observations into the window.
func (s *state) observe(b series.Batch) {
	for _, o := range b.Obs {
		s.window.Put(o.TS, o.Value)
	}
}

// due reports whether a forecast is due: there is a newer point than the last forecast saw, or it is not certain that
// the last one reached the bus.
func (s *state) due() bool {
	if s.window.Len() == 0 {
		return false
	}
	return s.fresh || s.window.Series().End().After(s.cut)
}

func newest(b series.Batch) (time.Time, bool) {
	var last time.Time
	for _, o := range b.Obs {
		if o.TS.After(last) {
			last = o.TS
		}
	}
	return last, len(b.Obs) > 0
}
