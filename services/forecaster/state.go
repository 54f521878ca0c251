package forecaster

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/model"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/internal/artifact"
)

// state is what the desk knows of one series; see the package comment.
type state struct {
	id       series.ID
	unit     string
	step     time.Duration
	window   *series.Window
	champion *champion
	live     model.Forecaster // the champion with what was observed since its training; nil when it has to be made
	outcomes outcomes
	fallback *fallback           // made on first use
	open     []forecast.Forecast // those that observations may still score, in order of issue

	liveTo    time.Time // newest point in live
	issuedAt  time.Time // of the newest forecast
	cut       time.Time // its data cut
	missed    int       // observations that should have come since it was made
	fresh     bool      // nothing issued since this state was built
	requested bool      // a first model was asked for

	drift   drift.ErrorEWMA
	drifted time.Time // newest target the detector has seen
	told    bool      // the detector's condition was reported since this state was built
	daily   daily
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
		daily:  newDaily(),
	}
	zone, err := time.LoadLocation(b.Zone)
	if err != nil {
		zone = time.UTC // the validator has flagged it; seasons shift, forecasts go on
	}
	s.window.SetMeta(b.Unit, zone)
	serving, found, err := d.record.Champion(ctx, b.Series)
	if err != nil {
		return nil, err
	}
	if found {
		if s.champion, err = d.load(ctx, serving); err != nil {
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
	past, err := d.record.Outcomes(ctx, s.id, to.Add(-remembered*s.step), asOf, artifact.Bucket)
	if err != nil {
		return err
	}
	for _, o := range past {
		s.outcomes.put(o)
	}
	return d.recallDays(ctx, s, to, asOf)
}

// reach is how long a forecast stays open: until its last target can no longer be revised.
func (d *Desk) reach(step time.Duration) time.Duration {
	return time.Duration(d.cfg.Horizon)*step + d.cfg.Rescore
}

// observe puts the batch's observations into the window.
func (s *state) observe(b series.Batch) {
	for _, o := range b.Obs {
		s.window.Put(o.TS, o.Value)
		if !o.TS.After(s.liveTo) {
			s.live = nil // a revision of what it has taken in
		}
	}
}

// serving returns the champion with what was observed since its training, which takes constant time for each observation
// where the model can: it is done with the new ones alone, unless one is a revision. Other champions are returned as
// they are, and so are those whose training ends before the window: what they have taken in could not be repeated
// after a restart.
func (s *state) serving(y series.Series) model.Forecaster {
	c := s.champion
	i, onGrid := y.Index(c.model.TrainEnd)
	_, canUpdate := c.Forecaster.(model.Updater)
	if !canUpdate || !onGrid || i < 0 || i >= y.Len() {
		s.live = nil
		return c.Forecaster
	}
	if s.live == nil {
		s.live = c.Forecaster
	}
	if u, ok := s.live.(model.Updater); ok {
		if next, err := u.Update(y); err == nil {
			s.live, s.liveTo = next, y.End()
		}
	}
	return s.live
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
