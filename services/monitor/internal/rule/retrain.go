package rule

import (
	"cmp"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// Retrain asks for a new model when a series has drifted, at most once per cool-down in the time of the data. It is
// not safe for concurrent use.
type Retrain struct {
	cooldown time.Duration
	step     time.Duration
	last     map[series.ID]time.Time // data cut of the last job
}

// NewRetrain returns a Retrain that has not yet asked for anything.
func NewRetrain(cfg Config) *Retrain {
	return &Retrain{cooldown: cfg.DriftCooldown, step: cfg.DriftStep, last: map[series.ID]time.Time{}}
}

// Job returns the job that e calls for, and whether it calls for one. The same event calls for the same job however
// often it is delivered.
func (r *Retrain) Job(e event.Event) (forecast.Job, bool) {
	d := e.Drift
	if d == nil || d.Condition == event.Cleared || d.Tier == event.TierEvent {
		return forecast.Job{}, false
	}
	cut := d.DataCut
	if cut.IsZero() {
		cut = e.At
	}
	if last, ok := r.last[d.Series]; ok && !cut.Equal(last) && cut.Sub(last) < r.cooldown {
		return forecast.Job{}, false
	}
	r.last[d.Series] = cut
	return forecast.Job{
		Series: d.Series,
		ID:     wire.Key(d.Series) + ".drift." + strconv.FormatInt(cut.Unix(), 10),
		Reason: forecast.Drift,
		// Drift is seen when the observation after the cut becomes known, which can be long after its hour.
		AsOf:        later(cut.Add(r.step), e.At),
		RequestedAt: e.At,
		RequestedBy: cmp.Or(e.Service, event.Monitor) + " " + d.Detector,
	}, true
}

// Asked returns the data cut of the last job of a series, or the zero time.
func (r *Retrain) Asked(id series.ID) time.Time { return r.last[id] }

// Restore tells that a job with this data cut was asked for before.
func (r *Retrain) Restore(id series.ID, cut time.Time) { r.last[id] = cut }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
