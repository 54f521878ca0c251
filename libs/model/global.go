package model

import (
	"fmt"
	"math"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// KindGlobal is the kind of Global.
const KindGlobal Kind = "global_trees"

// Defaults and limits of Global.
const (
	globalTrees   = 150
	globalLeaves  = 31
	globalLeast   = 20
	globalRate    = 0.1
	globalHorizon = 48
	globalMin     = 15 // days of history before an origin
	globalFeature = 13
)

// Global is gradient-boosted trees over the rows of many series at once (Ke et al., NeurIPS 2017; Montero-Manso &
// Hyndman, International Journal of Forecasting 37(4), 2021, on why that works), for series with too little history of
// their own. It forecasts every horizon directly: what the value at the same hour of the last day will change by, in
// units of how much each series changes from day to day, so that series of all sizes teach the same trees.
//
// Features are the horizon, the local slot of day, weekday and holiday of the target, and changes and levels of the
// last value, day and week. Origins are every few hours, horizons every few steps, in turn. Trees do not extrapolate:
// beyond the changes that were seen a forecast does not go.
//
// Train learns from many series; Fit is Train on one. With Quantile, it forecasts that quantile instead of the mean.
type Global struct {
	Trees    int     `json:"trees"`    // 0 means 150
	Leaves   int     `json:"leaves"`   // of each tree; 0 means 31
	Quantile float64 `json:"quantile"` // within (0, 1); 0 means the mean
}

func (g Global) withDefaults() Global {
	if g.Trees <= 0 {
		g.Trees = globalTrees
	}
	if g.Leaves <= 1 {
		g.Leaves = globalLeaves
	}
	return g
}

// Kind returns "global_trees".
func (Global) Kind() Kind { return KindGlobal }

// Params returns the settings as JSON, defaults filled in.
func (g Global) Params() string { return params(g.withDefaults()) }

// Fit learns from one series.
func (g Global) Fit(y series.Series) (Forecaster, error) { return g.Train([]series.Series{y}) }

// Train learns from series that share a step. Those that are too short are left out; it returns ErrTooShort when all
// are, which takes 17 days on an hourly grid.
func (g Global) Train(all []series.Series) (Forecaster, error) {
	g = g.withDefaults()
	if !(g.Quantile >= 0 && g.Quantile < 1) || len(all) == 0 {
		return nil, fmt.Errorf("%s: quantile %v of %d series: %w", g.Kind(), g.Quantile, len(all), ErrTooShort)
	}
	m := &globalModel{Step: all[0].Step}
	perDay, err := slotsPerDay(m.Step)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Kind(), err)
	}
	var rows, targets []float64
	for _, y := range all {
		if y.Step == m.Step {
			rows, targets = m.learn(y, perDay, rows, targets)
		}
	}
	if len(targets) < 10*globalLeast {
		return nil, fmt.Errorf("%s: need %d rows, have %d: %w", g.Kind(), 10*globalLeast, len(targets), ErrTooShort)
	}
	b := boosting{trees: g.Trees, leaves: g.Leaves, least: globalLeast, rate: globalRate, l2: 1, quantile: g.Quantile}
	m.Base, m.Trees = b.fit(newBinned(rows, globalFeature), targets)
	return m, nil
}

// globalModel is a fitted Global.
type globalModel struct {
	Step  time.Duration `json:"step"`
	Base  float64       `json:"base"`
	Trees []tree        `json:"trees"`
}

// learn appends the rows and targets of one series.
func (m *globalModel) learn(y series.Series, perDay int, rows, targets []float64) (r, t []float64) {
	_, x := newScale(y.Values)
	x = bridge(x)
	cal := slots(y.Start, y.Step, y.Len(), y.Location())
	row := make([]float64, globalFeature)
	turn := 0
	for at := globalMin * perDay; at+1 < len(x); at += 1 + perDay/4 {
		past := x[:at+1]
		unit := dailyChange(past[max(0, len(past)-globalMin*perDay):], perDay)
		if !(unit > 0) {
			continue
		}
		turn++
		for h := 1 + turn%5; h <= globalHorizon*perDay/24 && at+h < len(x); h += 5 {
			m.fill(row, past, cal[at+h], h, perDay, unit)
			if v := (x[at+h] - x[at+h-perDay*((h-1)/perDay+1)]) / unit; !math.IsNaN(v) {
				rows, targets = append(rows, row...), append(targets, min(max(v, -impossible), impossible))
			}
		}
	}
	return rows, targets
}

// dailyChange returns the mean absolute change from one day to the next, NaN when none is observed.
func dailyChange(x []float64, perDay int) float64 {
	var m mean
	for i := perDay; i < len(x); i++ {
		if d := math.Abs(x[i] - x[i-perDay]); !math.IsNaN(d) {
			m.add(d)
		}
	}
	if m.n == 0 {
		return math.NaN()
	}
	return m.mean
}

// fill writes the features of horizon h, whose target lies in slot c, into row.
func (m *globalModel) fill(row, past []float64, c slot, h, perDay int, unit float64) {
	n := len(past)
	days := (h-1)/perDay + 1
	same := n - 1 + h - days*perDay // the same slot of the last day
	week := n - 1 + h - 7*perDay*((h-1)/(7*perDay)+1)
	diff := func(i, j int) float64 {
		if i < 0 || j < 0 {
			return math.NaN()
		}
		return (past[i] - past[j]) / unit
	}
	row[0], row[1], row[2] = float64(h), float64(c.ofDay), float64(c.weekday)
	row[3] = 0
	if c.holiday {
		row[3] = 1
	}
	row[4] = diff(n-1, n-1-perDay)     // how today differs from yesterday
	row[5] = diff(same, same-perDay)   // the last change at the hour of the target
	row[6] = diff(week, same)          // where a week ago stood
	row[7] = diff(week, week-perDay)   // how that differed from the day before it
	row[8] = diff(week-7*perDay, same) // where two weeks ago stood
	row[9] = diff(n-1, n-2)            // the last step
	row[10] = diff(n-1-perDay/2, n-1-perDay*3/2)
	row[11] = diff(same-perDay, same-2*perDay)
	row[12] = float64(days)
}

// Kind returns "global_trees".
func (*globalModel) Kind() Kind { return KindGlobal }

// History returns the days that features and their unit look back on.
func (m *globalModel) History() int { return (globalMin + 3) * int(24*time.Hour/m.Step) }

// Forecast adds up the trees. It returns ErrTooShort when y has less than 15 days or the last of them is not half
// observed; other gaps are filled from the nearest days.
func (m *globalModel) Forecast(y series.Series, h int) ([]float64, error) {
	if y.Step != m.Step {
		return nil, fmt.Errorf("%s: fitted on steps of %v, not %v: %w", m.Kind(), m.Step, y.Step, ErrGrid)
	}
	perDay := int(24 * time.Hour / m.Step)
	y = y.Tail(m.History())
	sc, x := newScale(y.Values)
	if got := observed(x[max(0, len(x)-perDay):]); len(x) < globalMin*perDay || 2*got < perDay {
		return nil, fmt.Errorf("%s: need %d values and half of the last day, have %d of it: %w", m.Kind(), globalMin*perDay, got, ErrTooShort)
	}
	x = fillStart(bridge(x), len(x), perDay)
	unit := dailyChange(x[len(x)-globalMin*perDay:], perDay)
	out, row := make([]float64, max(h, 0)), make([]float64, globalFeature)
	for k, c := range slots(y.Time(y.Len()), m.Step, len(out), y.Location()) {
		v := x[len(x)+k-perDay*(k/perDay+1)]
		if unit > 0 {
			m.fill(row, x, c, k+1, perDay, unit)
			v += unit * m.at(row)
		}
		out[k] = sc.from(sc.clamp(v))
	}
	return out, nil
}

func (m *globalModel) at(row []float64) float64 {
	sum := m.Base
	for _, t := range m.Trees {
		sum += t.at(row)
	}
	return sum
}

func (m *globalModel) check() error {
	if _, err := slotsPerDay(m.Step); err != nil {
		return err
	}
	for i, t := range m.Trees {
		n := len(t.Left)
		if n == 0 || len(t.Right) != n || len(t.Cut) != n || len(t.Feature) != n {
			return fmt.Errorf("tree %d has %d nodes", i, n)
		}
		for k, left := range t.Left {
			// Nodes lead on to later ones, so that every walk ends.
			if left != 0 && (left <= k || t.Right[k] <= k || left >= n || t.Right[k] >= n) || t.Feature[k] < 0 || t.Feature[k] >= globalFeature {
				return fmt.Errorf("tree %d, node %d leads nowhere", i, k)
			}
		}
	}
	return nil
}
