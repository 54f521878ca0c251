package rule

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// groupFrom is how many series a source must have before they can fall stale together.
const groupFrom = 3

// stale raises source_stale when the data of a series are older than is normal for its source. When more than half of
// a source's series are stale the source is to blame, and one alert for it replaces those of the series.
type stale struct {
	cfg     Config
	sources map[string]*source
}

// source is the newest report of each of its series.
type source struct {
	series map[string]age // by key
	stale  int            // how many of them are stale
	group  bool           // the source as a whole is
	wait   time.Duration  // how long the group must last before its alert fires
}

type age struct {
	seen     time.Time
	data     time.Duration
	expected time.Duration
	stale    bool
	since    time.Time // when it became stale
}

func newStale(cfg Config) *stale { return &stale{cfg: cfg, sources: map[string]*source{}} }

func (r *stale) observe(now, at time.Time, e event.Event) []alert.Signal {
	l := e.Lag
	src := r.sources[l.Series.Source]
	if src == nil {
		src = &source{series: map[string]age{}}
		r.sources[l.Series.Source] = src
	}
	x := age{seen: now, data: l.DataAge, expected: l.ExpectedAge}
	// A source that names no normal age cannot be late.
	x.stale = l.ExpectedAge > 0 && l.DataAge.Seconds() > l.ExpectedAge.Seconds()*r.cfg.StaleFactor
	if x.stale {
		x.since = at
		if before := src.series[l.Series.Key]; before.stale {
			x.since = before.since
		}
	}
	src.set(l.Series.Key, x)

	was := src.group
	src.group = len(src.series) >= groupFrom && 2*src.stale > len(src.series)
	if src.group && !was {
		src.wait = r.left(at, src)
	}
	whole := r.sourceSignal(at, e.ID, l.Series, src)
	switch {
	case src.group != was:
		return append([]alert.Signal{whole}, r.regroup(at, e.ID, l.Series.Source, src)...)
	case src.group:
		return []alert.Signal{whole}
	case len(src.series) < groupFrom:
		// After a restart the first reports do not say how the source as a whole is doing.
		return []alert.Signal{r.seriesSignal(at, e.ID, l.Series, x)}
	default:
		return []alert.Signal{whole, r.seriesSignal(at, e.ID, l.Series, x)}
	}
}

// regroup speaks for all stale series of a source when the blame moves from them to the source or back.
func (r *stale) regroup(at time.Time, eventID, name string, src *source) []alert.Signal {
	var out []alert.Signal
	for _, key := range slices.Sorted(maps.Keys(src.series)) {
		x := src.series[key]
		if !x.stale {
			continue
		}
		s := r.seriesSignal(at, eventID, series.ID{Source: name, Key: key}, x)
		if src.group {
			s.Active = false
			s.Cause = "covered by the alert for source " + name
		}
		out = append(out, s)
	}
	return out
}

func (r *stale) seriesSignal(at time.Time, eventID string, id series.ID, x age) alert.Signal {
	return alert.Signal{
		Name:     SourceStale,
		Labels:   map[string]string{"series": id.String()},
		Severity: event.Warning,
		Class:    event.DataIntegrity,
		Active:   x.stale,
		At:       at,
		EventID:  eventID,
		Summary:  "no new data of " + id.String(),
		Cause: fmt.Sprintf("the newest observation is %s old; %s is normal, %g times that is too old",
			x.data.Round(time.Second), x.expected, r.cfg.StaleFactor),
		Runbook: runbook(SourceStale, id.String()),
		Policy:  r.policy(),
	}
}

// sourceSignal speaks for a source; example is the series just reported.
func (r *stale) sourceSignal(at time.Time, eventID string, example series.ID, src *source) alert.Signal {
	x := src.series[example.Key]
	return alert.Signal{
		Name:     SourceStale,
		Labels:   map[string]string{"source": example.Source},
		Severity: event.Warning,
		Class:    event.DataIntegrity,
		Active:   src.group,
		At:       at,
		EventID:  eventID,
		Summary:  "source " + example.Source + " delivers no new data",
		Cause: fmt.Sprintf("%d of %d series are stale; the newest observation of %s is %s old, %s is normal",
			src.stale, len(src.series), example, x.data.Round(time.Second), x.expected),
		Runbook: runbook(SourceStale, example.Source),
		Policy:  r.sourcePolicy(src),
	}
}

// left is what remains of StaleFor for a source that becomes stale at a time, counted from the first of its stale series:
// an alert that takes over from those of the series must not begin to wait anew.
func (r *stale) left(at time.Time, src *source) time.Duration {
	wait := r.cfg.StaleFor
	for _, x := range src.series {
		if x.stale {
			wait = min(wait, r.cfg.StaleFor-at.Sub(x.since))
		}
	}
	return max(0, wait)
}

func (r *stale) sourcePolicy(src *source) alert.Policy {
	p := r.policy()
	p.For = src.wait
	return p
}

func (r *stale) policy() alert.Policy {
	return alert.Policy{For: r.cfg.StaleFor, KeepFiring: r.cfg.KeepFiringFor, Quiet: r.staleQuiet(), MaxOpen: r.cfg.MaxOpen}
}

// staleQuiet is long, because sources are looked at only as often as they refresh.
func (r *stale) staleQuiet() time.Duration { return max(r.cfg.QuietPeriod, expireAfter) }

func (s *source) set(key string, x age) {
	if s.series[key].stale {
		s.stale--
	}
	if x.stale {
		s.stale++
	}
	s.series[key] = x
}

// expire forgets series that are no longer reported: they are retired, not late.
func (r *stale) expire(now time.Time) {
	for name, src := range r.sources {
		for key, x := range src.series {
			if now.Sub(x.seen) > expireAfter {
				src.set(key, age{})
				delete(src.series, key)
			}
		}
		if len(src.series) == 0 {
			delete(r.sources, name)
		}
	}
}
