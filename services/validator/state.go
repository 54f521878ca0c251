package validator

import (
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/validator/internal/window"
)

// reportWindow is how far back it is learned how many points come together and how old they are: at least as many weeks
// as the checks need to know an hour of the week.
const reportWindow = 5 * 7 * 24 * time.Hour

// state is what the validator knows of one series: a cache of the record, and the points held back by the relative
// range that may turn out to be a new level. The latter are not in the record's history, so after a restart their
// count begins again.
type state struct {
	window *window.Window
	memory *check.Memory
	unit   string
	held   []held // increasing, in agreement with each other

	// resend is forwarded with the next batch. A level shift releases points of earlier batches; when the process ended
	// between writing and publishing them, nobody else would ever say them again.
	resend []series.Observation
}

// held is a point that the relative range keeps back.
type held struct {
	g     int64
	value float64
	row   record.Quarantine
}

// newState returns the state of the series of b with the recorded values y, which may be empty.
func newState(cfg Config, c checks, b series.Batch, y series.Series) *state {
	st := &state{unit: b.Unit}
	step := b.Step
	if y.Observed() > 0 {
		step = y.Step
		if y.Unit != "" {
			st.unit = y.Unit
		}
	}
	st.window = window.New(step, windowPoints, referencePoints, cfg.LevelPoints)
	st.window.Load(y.Tail(windowPoints))
	zone, err := time.LoadLocation(b.Zone)
	if err != nil {
		zone = time.UTC // the hour of the week is then that of UTC, which is no reason to refuse the values
	}
	st.memory = check.NewMemory(step, zone)
	st.learn(c, y)
	if l := st.level(); l.N >= cfg.MinReference && !c.relative.Fits(l.Recent, l.Median) {
		st.resend = observed(y.Tail(2 * cfg.LevelPoints))
	}
	return st
}

// date notes when the recorded values became known, so that an older one that comes later is told from a newer one.
func (st *state) date(known []series.Revision) {
	for _, r := range known {
		st.window.Date(st.window.Grid(r.TS), r.KnownAt)
	}
}

// expect learns how many points usually come together, and how old they are then, from what became known before now.
func (st *state) expect(c checks, reports []series.Report, now time.Time) {
	for _, r := range reports {
		if !r.KnownAt.Before(now) {
			return
		}
		c.amount.Check(&st.memory.Amounts, st.memory.Clock().Hour(r.KnownAt.Unix()), r.Points)
		c.age.Check(&st.memory.Ages, r.KnownAt.Sub(r.Newest))
	}
}

// learn learns the habits of the series from the record. What its checks find there has been said before.
func (st *state) learn(c checks, y series.Series) {
	habits := c.habits
	habits.Frozen = false
	for i, v := range y.Values {
		if v == v { // not NaN
			st.memory.Observe(habits, y.Time(i), v, nil)
		}
	}
}

func observed(y series.Series) []series.Observation {
	var out []series.Observation
	for i, v := range y.Values {
		if v == v { // not NaN
			out = append(out, series.Observation{TS: y.Time(i), Value: v})
		}
	}
	return out
}

func (st *state) level() check.Level {
	long, short, n := st.window.Medians()
	return check.Level{Median: long, Recent: short, N: n}
}

// accept makes v the value at g.
func (st *state) accept(g int64, v float64, knownAt time.Time) {
	st.window.Put(g, v, knownAt)
	st.settle(g)
}

// settle ends the run of held points when g lies within or after it: an accepted value there shows that the level has
// not changed.
func (st *state) settle(g int64) {
	if len(st.held) > 0 && g > st.held[0].g {
		st.held = st.held[:0]
	}
}

// hold adds a kept-back point to the run of them and returns the run. Points older than the run do not count.
func (st *state) hold(c check.Shift, h held) check.Run {
	n := len(st.held)
	switch {
	case n > 0 && h.g < st.held[n-1].g:
		st.replaceHeld(h)
	case n > 0 && h.g == st.held[n-1].g:
		st.held[n-1] = h
	default:
		st.held = append(st.held, h)
	}
	var run check.Run
	start := 0
	for i, x := range st.held {
		if run = c.Extend(run, x.value); run.N == 1 {
			start = i
		}
	}
	// A run too far off to be accepted may go on for ever; only its newest points matter.
	start = max(start, len(st.held)-c.Need)
	st.held = append(st.held[:0], st.held[start:]...)
	return run
}

func (st *state) replaceHeld(h held) {
	for i := range st.held {
		if st.held[i].g == h.g {
			st.held[i] = h
		}
	}
}
