package model

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Kinds of LEAR.
const (
	KindLEAR       Kind = "lear"
	KindLEARSeason Kind = "lear_season"
)

// Defaults and limits of LEAR.
const (
	learEvery   = 6    // hours
	learHorizon = 48   // steps
	learWindow  = 1100 // days
	learPenalty = 3
	learMin     = 120 // days
	learHolds   = 4   // days around the origin whose holidays count: the one before, its own, and two ahead

	// Those of lear_season, chosen on US hourly demand of 2018-19.
	learSeason        = 60  // days
	learSeasonPenalty = 1   //
	learSeasonCut     = 3   // robust standard deviations
	learOffSeason     = 0.1 // weight of the other half of the year
	learServed        = 28  // days that a fit serves before the next one; the season is that of their middle
)

// LEAR forecasts every horizon by a regression of its own, of what the value at the same hour of the last day will
// change by (Lago, Marcjasz, De Schutter & Weron, Applied Energy 293, 2021; Ziel & Weron, Energy Economics 70, 2018;
// with a ridge penalty in place of the lasso, which has a closed form). No forecast is fed back, so that errors do not
// pile up.
//
// The regressors are those of the origin: the hours of the last day and the one before it and those of the coming day a
// week ago, all less the mean of the last day, that mean, alone and with the time of the year; the weekday; US holidays
// around the origin; and Fourier terms of the year. As all horizons share them, one factorisation serves all.
//
// With Seasonal, kind lear_season, days at the time of the year at hand weigh more than others (a Gaussian in the distance,
// never below a tenth), and the response to the last day varies with the time of the year and to its mean with the weekday:
// what a warm evening says of tomorrow depends on whether homes are cooled or heated. It takes years of history to pay.
//
// There is a set of regressions for every few hours of the local day. A forecast made in between goes out from the last
// such hour. Changes beyond Cut robust standard deviations of a regression's errors are cut to that and the regression is
// fitted again. Horizons follow the local clock over a clock change; those beyond the fitted ones repeat their last
// day. The forecast is kept within the range of the scale, see ARRidge. Gaps of up to three points are bridged; origins
// with longer ones are left out of the fit, and filled for a forecast from the nearest days.
type LEAR struct {
	Every   int     `json:"every_hours"` // hours of the day between origins, a divisor of 24; 0 means 6
	Horizon int     `json:"horizon"`     // steps with a regression of their own; 0 means 48
	Window  int     `json:"window_days"` // days of history the fit looks at; 0 means 1100
	Lambda  float64 `json:"lambda"`      // penalty, in units of the variance of the series; 0 means 3, or 1 if Seasonal

	Seasonal bool    `json:"seasonal,omitempty"`    // the time of the year counts
	Season   float64 `json:"season_days,omitempty"` // standard deviation of the weights if Seasonal; 0 means 60
	Cut      float64 `json:"cut,omitempty"`         // 0 means 6, or 3 if Seasonal
}

func (l LEAR) withDefaults() LEAR {
	if l.Every <= 0 {
		l.Every = learEvery
	}
	if l.Horizon <= 0 {
		l.Horizon = learHorizon
	}
	if l.Window <= 0 {
		l.Window = learWindow
	}
	if l.Seasonal {
		l.Lambda, l.Cut, l.Season = positive(l.Lambda, learSeasonPenalty), positive(l.Cut, learSeasonCut), positive(l.Season, learSeason)
		return l
	}
	l.Lambda, l.Cut, l.Season = positive(l.Lambda, learPenalty), positive(l.Cut, impossible), 0
	return l
}

// positive returns v, or the default when it is not positive.
func positive(v, otherwise float64) float64 {
	if v > 0 {
		return v
	}
	return otherwise
}

// Kind returns "lear" or "lear_season".
func (l LEAR) Kind() Kind {
	if l.Seasonal {
		return KindLEARSeason
	}
	return KindLEAR
}

// Params returns the settings as JSON, defaults filled in.
func (l LEAR) Params() string { return params(l.withDefaults()) }

// Fit learns the coefficients. It needs 120 days with complete regressors for every origin.
func (l LEAR) Fit(y series.Series) (Forecaster, error) {
	l = l.withDefaults()
	perDay, err := slotsPerDay(y.Step)
	if err != nil || perDay%24 != 0 || 24%l.Every != 0 || !finite(l.Lambda) || !finite(l.Cut) || !finite(l.Season) {
		return nil, fmt.Errorf("%s: step %v, origins every %d hours, penalty %v: %w", l.Kind(), y.Step, l.Every, l.Lambda, ErrGrid)
	}
	y = y.Tail(l.Window * perDay)
	sc, x := newScale(y.Values)
	x = bridge(x)
	m := &directRegression{Step: y.Step, Scale: sc, Every: l.Every * perDay / 24, Horizon: l.Horizon + l.Every*perDay/24 + perDay/24, Seasonal: l.Seasonal}
	d := learDesign{m: m, cut: l.Cut, season: l.Season, perDay: perDay, x: x, cal: learSlots(y.Start, y.Step, y.Len(), y.Location(), perDay)}
	var size mean
	for _, v := range x {
		if !math.IsNaN(v) {
			size.add(v * v)
		}
	}
	for slot := 0; slot < perDay; slot += m.Every {
		b, err := d.fit(slot, l.Lambda*max(size.mean, 1e-12))
		if err != nil {
			return nil, fmt.Errorf("%s: origins at slot %d: %w", l.Kind(), slot, err)
		}
		m.Coefficients = append(m.Coefficients, b)
	}
	return m, nil
}

// learSlot is the calendar of an origin.
type learSlot struct {
	slot
	holidays [learHolds]bool
}

// learSlots returns the calendar of n grid points.
func learSlots(start time.Time, step time.Duration, n int, loc *time.Location, perDay int) []learSlot {
	cal := slots(start.Add(-time.Duration(perDay)*step), step, n+(learHolds-1)*perDay, loc)
	out := make([]learSlot, n)
	for i := range out {
		out[i].slot = cal[i+perDay]
		for k := range out[i].holidays {
			out[i].holidays[k] = cal[i+k*perDay].holiday
		}
	}
	return out
}

// learDesign holds what the regressions are fitted to.
type learDesign struct {
	m      *directRegression
	cut    float64 // robust standard deviations
	season float64 // days; 0 means that all days weigh the same
	perDay int
	x      []float64
	cal    []learSlot
}

// fit returns the coefficients of the origins in a slot of the day: those of the first regressor at all horizons, then
// those of the next.
func (d learDesign) fit(slot int, penalty float64) ([]float32, error) {
	h, p := d.m.Horizon, d.m.features()
	var rows, targets []float64
	row := make([]float64, p)
	for i := learReach(d.perDay) - 1; i+h < len(d.x); i++ {
		if d.cal[i].ofDay != slot || !complete(d.x[i+1-learReach(d.perDay):i+1+h]) {
			continue
		}
		d.m.fill(row, d.x[:i+1], d.cal[i])
		w := d.weight(i)
		for _, v := range row {
			rows = append(rows, w*v)
		}
		for k := range h {
			targets = append(targets, w*(d.x[i+1+k]-d.x[learAnchor(i, k, d.perDay)]))
		}
	}
	n := len(rows) / p
	if n < learMin {
		return nil, fmt.Errorf("need %d days, have %d: %w", learMin, n, ErrTooShort)
	}
	x, y := mat.NewDense(n, p, rows), mat.NewDense(n, h, targets)
	gram := mat.NewSymDense(p, nil)
	gram.SymOuterK(1, x.T())
	gram.SetSym(0, 0, gram.At(0, 0)+freePenalty)
	for j := 1; j < p; j++ {
		gram.SetSym(j, j, gram.At(j, j)+penalty)
	}
	var factor mat.Cholesky
	if !factor.Factorize(gram) {
		return nil, errSingular
	}
	b := mat.NewDense(p, h, nil)
	solve := func() error {
		var xy mat.Dense
		xy.Mul(x.T(), y)
		return factor.SolveTo(b, &xy)
	}
	err := solve()
	if err == nil {
		// Once more, with what the first fit finds impossible cut off.
		var fitted mat.Dense
		fitted.Mul(x, b)
		cutImpossible(y, &fitted, d.cut)
		err = solve()
	}
	if err != nil {
		return nil, fmt.Errorf("solve: %w", err)
	}
	out := make([]float32, p*h)
	for i, v := range b.RawMatrix().Data {
		out[i] = float32(v)
	}
	return out, nil
}

// weight returns the square root of the weight of the origin at index i.
func (d learDesign) weight(i int) float64 {
	if d.season == 0 {
		return 1
	}
	away := math.Mod(float64(len(d.x)-i)/float64(d.perDay)+learServed/2, yearDays)
	away = min(away, yearDays-away) / d.season
	return math.Sqrt(learOffSeason + (1-learOffSeason)*math.Exp(-away*away/2))
}

// cutImpossible moves values of y that lie further from the fitted ones than noise explains to where it would.
func cutImpossible(y, fitted *mat.Dense, cut float64) {
	n, h := y.Dims()
	sizes := make([]float64, n)
	for k := range h {
		for i := range n {
			sizes[i] = math.Abs(y.At(i, k) - fitted.At(i, k))
		}
		limit := cut * madToSigma * median(sizes)
		for i := range n {
			y.Set(i, k, min(max(y.At(i, k), fitted.At(i, k)-limit), fitted.At(i, k)+limit))
		}
	}
}

func complete(x []float64) bool { return !slices.ContainsFunc(x, math.IsNaN) }

// learReach returns how many points up to the origin the regressors look at.
func learReach(perDay int) int { return 7 * perDay }

// learAnchor returns the index of the value at the same slot of the last day before the origin at index i as that of
// horizon k+1.
func learAnchor(i, k, perDay int) int { return i + 1 + k%perDay - perDay }

// features returns the number of regressors.
func (m *directRegression) features() int {
	n := 2 + 3*m.perDay() + 7 + learHolds + 2*learYears + 2
	if m.Seasonal {
		n += 7 + 2*m.perDay()
	}
	return n
}

// learYears is the number of Fourier pairs of the year.
const learYears = 2

// fill writes the regressors of the origin at the end of past into row.
func (m *directRegression) fill(row, past []float64, c learSlot) {
	n, perDay := len(past), m.perDay()
	day, before, week := past[n-perDay:], past[n-2*perDay:n-perDay], past[n-7*perDay:n-6*perDay]
	level := 0.0
	for _, v := range day {
		level += v / float64(perDay)
	}
	clear(row)
	row[0], row[1] = 1, level
	at := 2
	for _, block := range [][]float64{day, before, week} {
		for _, v := range block {
			row[at] = v - level
			at++
		}
	}
	row[at+c.weekday] = 1
	at += 7
	for k, holiday := range c.holidays {
		if holiday {
			row[at+k] = 1
		}
	}
	at += learHolds
	row[at], row[at+1] = level*c.sin, level*c.cos
	harmonics(row, at+2, learYears, math.Atan2(c.sin, c.cos))
	if !m.Seasonal {
		return
	}
	at += 2 + 2*learYears
	row[at+c.weekday] = level
	at += 7
	for k, v := range day {
		row[at+k], row[at+perDay+k] = (v-level)*c.sin, (v-level)*c.cos
	}
}

// directRegression is a fitted LEAR.
type directRegression struct {
	Step         time.Duration `json:"step"`
	Scale        scale         `json:"scale"`
	Every        int           `json:"every"` // steps between origins
	Horizon      int           `json:"horizon"`
	Seasonal     bool          `json:"seasonal,omitempty"`
	Coefficients [][]float32   `json:"coefficients"` // by origin: regressor major, horizon minor; halves the snapshot
}

// Kind returns that of the Fitter.
func (m *directRegression) Kind() Kind { return LEAR{Seasonal: m.Seasonal}.Kind() }

func (m *directRegression) perDay() int { return int(24 * time.Hour / m.Step) }

// History returns three weeks: one for the regressors, and two from which gaps are filled.
func (m *directRegression) History() int { return 3*learReach(m.perDay()) + m.Every }

// Forecast applies the regressions of the last origin hour. It returns ErrTooShort when y is shorter than a week and
// that, or less than a day of its last week is observed.
func (m *directRegression) Forecast(y series.Series, h int) ([]float64, error) {
	if y.Step != m.Step {
		return nil, fmt.Errorf("%s: fitted on steps of %v, not %v: %w", m.Kind(), m.Step, y.Step, ErrGrid)
	}
	perDay := m.perDay()
	y = y.Tail(m.History())
	if got := y.Tail(7 * perDay).Observed(); y.Len() < learReach(perDay)+m.Every || got < perDay {
		return nil, fmt.Errorf("%s: need %d values, have %d in the last week: %w", m.Kind(), learReach(perDay)+m.Every, got, ErrTooShort)
	}
	x := make([]float64, y.Len())
	for i, v := range y.Values {
		x[i] = m.Scale.inRange(m.Scale.to(v))
	}
	if observed(x) == 0 {
		return nil, fmt.Errorf("%s: no value within the range of the fit: %w", m.Kind(), ErrTooShort)
	}
	x = fillStart(bridge(x), len(x), perDay)
	h = max(h, 0)
	cal := learSlots(y.Time(y.Len()-1-m.Every), y.Step, m.Every+1+h, y.Location(), perDay)
	origin := m.Every // index in cal of the end of y; the origin lies there or less than Every before
	for origin > 1 && cal[origin].ofDay%m.Every != 0 {
		origin--
	}
	past := x[:len(x)-(m.Every-origin)]
	path := m.path(past, cal[origin])
	out := make([]float64, h)
	ahead := m.Every - origin
	for k := range out {
		// Steps on the local clock: 1 but for a clock change, where it is 0 or 2.
		step := cal[m.Every+1+k].ofDay - cal[m.Every+k].ofDay
		ahead += (step + perDay) % perDay
		out[k] = path(max(ahead, 1))
	}
	return out, nil
}

// path returns the forecast by the number of steps after the origin at the end of past.
func (m *directRegression) path(past []float64, c learSlot) func(ahead int) float64 {
	perDay := m.perDay()
	row := make([]float64, m.features())
	m.fill(row, past, c)
	b := m.Coefficients[c.ofDay/m.Every]
	return func(ahead int) float64 {
		for ahead > m.Horizon {
			ahead -= perDay
		}
		k := max(ahead, 1) - 1
		v := past[learAnchor(len(past)-1, k, perDay)]
		for j, f := range row {
			v += f * float64(b[j*m.Horizon+k])
		}
		return m.Scale.from(m.Scale.clamp(v))
	}
}

func (m *directRegression) check() error {
	perDay, err := slotsPerDay(m.Step)
	if err != nil {
		return err
	}
	if m.Every < 1 || perDay%m.Every != 0 || len(m.Coefficients) != perDay/m.Every || m.Horizon < perDay {
		return fmt.Errorf("%d sets of coefficients every %d steps, for %d horizons", len(m.Coefficients), m.Every, m.Horizon)
	}
	for _, b := range m.Coefficients {
		if len(b) != m.features()*m.Horizon {
			return fmt.Errorf("%d coefficients", len(b))
		}
	}
	return m.Scale.check()
}
