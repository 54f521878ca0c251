package rule

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	pure "github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// FleetDrift names the alert about errors that have grown in many series at once.
const FleetDrift = "fleet_drift"

const (
	// falseShare is the share of series named in the evidence that may be named wrongly.
	falseShare = 0.1
	// fleetNamed is how many are named at most.
	fleetNamed = 5
)

// fleet pools what the forecasters say of each series and day (drift.DailyError). A day is judged when as many series
// have spoken of it as of the day before, or when the day after the next begins.
type fleet struct {
	cfg     Config
	pool    pure.Fleet
	open    map[int64]map[string]pure.Pooled // by day since 1970 and series
	closed  int64                            // newest day judged
	members int                              // series of that day
	dirty   bool
}

// fleetState is what must survive a restart: the level of a fleet takes weeks to learn.
type fleetState struct {
	Pool    pure.Fleet `json:"pool"`
	Closed  int64      `json:"closed"`
	Members int        `json:"members"`
}

func newFleet(cfg Config) *fleet { return &fleet{cfg: cfg, open: map[int64]map[string]pure.Pooled{}} }

func (r *fleet) observe(at time.Time, e event.Event) []alert.Signal {
	d := e.Drift
	day := d.DataCut.Unix() / int64(24*time.Hour/time.Second)
	if d.Detector != pure.DailyError || !(d.Ratio > 0) || day <= r.closed {
		return nil
	}
	if r.open[day] == nil {
		r.open[day] = map[string]pure.Pooled{}
	}
	r.open[day][d.Series.String()] = pure.Pooled{Today: math.Log(d.Ratio), Excess: d.Statistic, P: d.PValue}
	var out []alert.Signal
	for _, x := range slices.Sorted(maps.Keys(r.open)) {
		if full := r.members > 0 && len(r.open[x]) >= r.members; !full && day < x+2 {
			break
		}
		out = append(out, r.judge(at, x, e.ID)...)
	}
	return out
}

// judge closes a day.
func (r *fleet) judge(at time.Time, day int64, eventID string) []alert.Signal {
	said := r.open[day]
	delete(r.open, day)
	r.closed, r.members, r.dirty = day, len(said), true
	names := slices.Sorted(maps.Keys(said))
	var today, p []float64
	for _, n := range names {
		today, p = append(today, said[n].Today), append(p, said[n].P)
	}
	shift, _ := r.pool.Step(today)
	if math.IsNaN(shift) {
		return nil
	}
	s := alert.Signal{
		Name:    FleetDrift,
		Labels:  map[string]string{"scope": "fleet"},
		EventID: eventID,
		At:      at,
		Active:  r.pool.Shift.Alarm,
		Policy:  alert.Policy{Quiet: r.cfg.DriftQuiet, MaxOpen: r.cfg.MaxOpen},
	}
	s.Cause = fmt.Sprintf("the median of %d series on %s was %.2f times what such a day has; cumulative sum %.2f, threshold %.2f; %s",
		len(said), time.Unix(day*86400, 0).UTC().Format(time.DateOnly), math.Exp(shift), r.pool.Shift.Sum, r.pool.Shift.H, singled(names, said, p))
	if s.Active {
		s.Severity, s.Class = event.Critical, event.ModelDrift
		s.Summary = fmt.Sprintf("forecasts of many series are worse than promised for %d days", r.pool.Shift.Steps)
		s.Runbook = runbook(FleetDrift, "fleet")
	}
	return []alert.Signal{s}
}

// singled names the series that stand out, worst first, with a bounded share of false ones.
func singled(names []string, said map[string]pure.Pooled, p []float64) string {
	var out []string
	for i, yes := range pure.Discoveries(p, falseShare) {
		if yes {
			out = append(out, names[i])
		}
	}
	if len(out) == 0 {
		return "no series stands out"
	}
	slices.SortStableFunc(out, func(a, b string) int { return int(math.Copysign(1, said[b].Excess-said[a].Excess)) })
	more := ""
	if n := len(out) - fleetNamed; n > 0 {
		out, more = out[:fleetNamed], fmt.Sprintf(" and %d more", n)
	}
	return "what stands out: " + strings.Join(out, ", ") + more
}

// FleetState returns what is to be kept of the fleet, and false when nothing has changed since it was last asked for.
func (s *Set) FleetState() ([]byte, bool, error) {
	if !s.fleet.dirty {
		return nil, false, nil
	}
	data, err := json.Marshal(fleetState{Pool: s.fleet.pool, Closed: s.fleet.closed, Members: s.fleet.members})
	s.fleet.dirty = err != nil
	return data, true, err
}

// RestoreFleet puts back what was kept.
func (s *Set) RestoreFleet(data []byte) error {
	var x fleetState
	if err := json.Unmarshal(data, &x); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	s.fleet = newFleet(s.cfg)
	s.fleet.pool, s.fleet.closed, s.fleet.members = x.Pool, x.Closed, x.Members
	return nil
}
