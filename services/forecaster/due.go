package forecaster

import (
	"context"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Limits of forecasts without new observations.
const (
	// overdue is how old the newest forecast of a series is when the series is reminded of. Sources publish hourly, a few
	// minutes early or late.
	overdue = 70 * time.Minute
	// abandoned is how long a series may be silent and still be forecast.
	abandoned = 7 * 24 * time.Hour
)

// Late tells which series are overdue. chio.Store is one.
type Late interface {
	// Late returns an empty batch, origin Reminder, for every series whose newest forecast was issued before known_at less
	// overdue, and whose data end no earlier than known_at less abandoned. The batches' known_at is now; or, if nothing was
	// issued within abandoned of now, because a history is replayed, the time of the newest forecast of all.
	Late(ctx context.Context, now time.Time, overdue, abandoned time.Duration) ([]series.Batch, error)
}

// Due handles wire.Due(wire.DueForecast): it reminds the forecasters of the series whose observations are late. The
// reminder goes the way of observations, so that whoever has the series gets it, in order with them.
func Due(record Late) stage.Handler {
	return stage.HandlerFunc(func(ctx context.Context, in stage.Message) (stage.Result, error) {
		late, err := record.Late(ctx, in.Time, overdue, abandoned)
		if err != nil {
			return stage.Result{}, fmt.Errorf("forecasts on schedule: %w", err)
		}
		var res stage.Result
		for _, b := range late {
			b.RunID = fmt.Sprintf("due.%d", in.Time.Unix())
			res.Out = append(res.Out, stage.Message{
				Subject: wire.Valid(b.Series), ID: fmt.Sprintf("reminder.%s.%d", b.Series, b.KnownAt.UnixMilli()), Data: wire.EncodeBatch(b),
			})
		}
		return res, nil
	})
}

// remind issues a forecast at a time at which observations should have come and have not. A reminder that comes again, or
// after the observations, changes nothing.
func (d *Desk) remind(ctx context.Context, s *state, at time.Time, out *stage.Result) {
	if s.window.Len() == 0 || at.Sub(s.issuedAt) < s.step {
		return
	}
	s.missed = max(1, int(at.Sub(s.onTime())/s.step))
	d.issue(ctx, s, at, s.late(d.cfg.Horizon), out)
}

// onTime returns when the forecast from the newest data was issued first, or should have been if there is none.
func (s *state) onTime() time.Time {
	first := s.issuedAt
	if first.IsZero() {
		return s.window.Series().End().Add(s.step)
	}
	for _, f := range s.open {
		if f.DataCut.Equal(s.cut) && f.IssuedAt.Before(first) {
			first = f.IssuedAt
		}
	}
	return first
}

// late returns what a forecast has to say of the observations that were missed; horizon bounds how much further it reaches.
func (s *state) late(horizon int) late {
	if s.missed == 0 {
		return late{}
	}
	return late{steps: min(s.missed, horizon), reason: fmt.Sprintf("observations are %.4g h late", (time.Duration(s.missed) * s.step).Hours())}
}
