package forecaster

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// repeatDays is after how many days a drift that stands is told again: before the monitor takes silence for its end.
const repeatDays = 6

// daily looks at the errors of a series a local day at a time, up to a day ahead and beyond. Its memory is that of the
// record: it is rebuilt with the state of the series.
type daily struct {
	watches [2]*drift.Watch
	tallies [2]tally
	day     time.Time // local midnight of the day that the tallies are of
	told    map[string]time.Time
}

// tally sums up the scores of a day.
type tally struct {
	targets, scores      int
	error, bias, covered float64 // sums over the scores
	last                 time.Time
}

func newDaily() daily {
	return daily{watches: [2]*drift.Watch{drift.NewWatch(drift.DayAhead()), drift.NewWatch(drift.DayAfter())}, told: map[string]time.Time{}}
}

func (t *tally) add(r record.Score) {
	if math.IsNaN(r.ScaledError) {
		return
	}
	if !r.TargetTS.Equal(t.last) {
		t.targets++
		t.last = r.TargetTS
	}
	t.scores++
	t.error += r.ScaledError
	t.bias += math.Copysign(r.ScaledError, r.Actual-r.Mean)
	if r.Covered90 {
		t.covered++
	}
}

// midnight is when the local day of t began.
func midnight(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// renew is told that another model serves the series.
func (x *daily) renew() {
	for _, w := range x.watches {
		w.Renew()
	}
}

// follow adds the scores of a target that is observed for the first time. The first target of a day closes the one before.
func (d *Desk) follow(s *state, b series.Batch, target time.Time, scores []record.Score, out *stage.Result) {
	x := &s.daily
	if day := midnight(target, s.window.Series().Location()); !day.Equal(x.day) {
		if !x.day.IsZero() {
			d.close(s, b, out)
		}
		x.day, x.tallies = day, [2]tally{}
	}
	for _, r := range scores {
		later := 0
		if time.Duration(r.Horizon)*s.step > 24*time.Hour {
			later = 1
		}
		x.tallies[later].add(r)
	}
}

// close shows the day to the detectors and says what they find.
func (d *Desk) close(s *state, b series.Batch, out *stage.Result) {
	y := s.window.Series()
	for i, w := range s.daily.watches {
		readings, pooled := w.Step(s.daily.tallies[i].day(y, s.daily.day))
		for _, r := range readings {
			d.tell(s, b, bucket(i), r, out)
		}
		if i == 0 && !math.IsNaN(pooled.Today) {
			d.emit(s, b, event.Drift{
				Detector: drift.DailyError, Bucket: bucket(i), Tier: event.TierEvent, Condition: event.Cleared, Window: drift.PoolDays * 24 * time.Hour,
				Statistic: pooled.Excess, Ratio: math.Exp(pooled.Today), PValue: pooled.P,
				Message: fmt.Sprintf("errors of the day are %.2f times what such a day has", math.Exp(pooled.Today)),
			}, out)
		}
	}
}

// bucket names the horizons of a tally: up to 24 hours ahead, and further.
func bucket(i int) string { return [2]string{"first_day", "later_days"}[i] }

// day returns what the tally says of its day, NaN when less than half of the day is known.
func (t tally) day(y series.Series, day time.Time) drift.Day {
	out := drift.Day{Error: math.NaN(), Bias: math.NaN(), Covered: math.NaN()}
	steps := int(24 * time.Hour / y.Step)
	out.Day, out.Week = changes(y, day, steps), changes(y, day, 7*steps)
	if n := float64(t.scores); 2*t.targets >= steps && n > 0 {
		out.Error, out.Bias, out.Covered = t.error/n, t.bias/n, t.covered/n
	}
	return out
}

// changes is the mean absolute difference of a day's values to those lag steps before.
func changes(y series.Series, day time.Time, lag int) float64 {
	sum, n := 0.0, 0
	first, _ := y.Index(day)
	steps := int(24 * time.Hour / y.Step)
	for i := first; i < first+steps; i++ {
		if i >= lag && i < y.Len() {
			if v := math.Abs(y.Values[i] - y.Values[i-lag]); !math.IsNaN(v) {
				sum += v
				n++
			}
		}
	}
	if 2*n < steps {
		return math.NaN()
	}
	return sum / float64(n)
}

// tell reports a change of a detector's condition. After a restart it is reported once in any case, and while it stands
// now and then.
func (d *Desk) tell(s *state, b series.Batch, bucket string, r drift.Reading, out *stage.Result) {
	key := r.Detector + " " + bucket
	last, told := s.daily.told[key]
	again := r.Raised && s.daily.day.Sub(last) >= repeatDays*24*time.Hour
	if told && r.Transition == drift.None && !again {
		return
	}
	s.daily.told[key] = s.daily.day
	e := event.Drift{
		Detector: r.Detector, Bucket: bucket, Tier: event.TierEvent, Condition: event.Cleared, Statistic: r.Statistic, Threshold: r.Threshold,
		Window: time.Duration(r.Days) * 24 * time.Hour, FalseAlarms: r.FalseAlarms,
		Message: "forecasts (" + bucket + ") are as the backtest promised",
	}
	if r.Ticket {
		e.Tier = event.TierTicket
	}
	if r.Raised {
		e.Condition = event.Raised
		e.Message = fmt.Sprintf("for %d days forecasts (%s) have not been as the backtest promised; this detector raises %.2f times a series and year without a change",
			r.Days, bucket, r.FalseAlarms)
	}
	d.emit(s, b, e, out)
}

func (d *Desk) emit(s *state, b series.Batch, e event.Drift, out *stage.Result) {
	e.Series, e.DataCut = s.id, s.daily.day.Add(24*time.Hour-s.step).UTC()
	if s.champion != nil {
		e.ModelID = s.champion.model.ID
	}
	out.Out = append(out.Out, wire.EncodeEvent(event.Event{
		ID:      fmt.Sprintf("drift.%s.%s.%s.%d", e.Detector, wire.Token(e.Bucket), s.id, e.DataCut.Unix()),
		Service: event.Forecaster, Instance: d.instance, At: b.KnownAt, Drift: &e,
	}))
}

// recallDays fills the detectors with the days before the point to, as they were known at asOf, and takes up the day that
// it is part of.
func (d *Desk) recallDays(ctx context.Context, s *state, to, asOf time.Time) error {
	if d.cfg.DriftHistory <= 0 {
		return nil
	}
	zone := s.window.Series().Location()
	since := midnight(to.Add(-d.cfg.DriftHistory), zone)
	days, err := d.record.DayErrors(ctx, s.id, since, asOf, zone, int(24*time.Hour/s.step))
	if err != nil || len(days) == 0 {
		return err
	}
	y, err := d.record.Known(ctx, s.id, since.AddDate(0, 0, -8), to, asOf)
	if err != nil || y.Len() == 0 {
		return err
	}
	s.daily.day = midnight(to, zone)
	of := map[time.Time]*[2]tally{}
	for _, x := range days {
		t := of[x.Day.UTC()]
		if t == nil {
			t = &[2]tally{}
			of[x.Day.UTC()] = t
		}
		t[later(x)] = tallyOf(x)
	}
	for day := days[0].Day; day.Before(s.daily.day); day = midnight(day.Add(36*time.Hour), zone) {
		t := of[day.UTC()]
		if t == nil {
			t = &[2]tally{}
		}
		for i, w := range s.daily.watches {
			w.Step(t[i].day(y, day))
		}
	}
	if t := of[s.daily.day.UTC()]; t != nil {
		s.daily.tallies = *t
	}
	return nil
}

func later(x forecast.DayErrors) int {
	if x.Later {
		return 1
	}
	return 0
}

func tallyOf(x forecast.DayErrors) tally {
	n := float64(x.Scores)
	return tally{targets: x.Targets, scores: x.Scores, error: n * x.Error, bias: n * x.Bias, covered: n * x.Covered}
}
