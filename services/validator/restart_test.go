package validator

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Five weeks of hourly refreshes of two sources are followed by one that is odd as a whole. What is said of it must not
// depend on a restart before it.
func TestWhatIsUsualSurvivesARestart(t *testing.T) {
	t.Parallel()
	other := series.ID{Source: "csv", Key: "X"}
	const end = (2 + 5) * 168
	of := func(id series.ID, run string, obs ...series.Observation) series.Batch {
		b := batch(run, obs...)
		b.Series = id
		return b
	}
	late := batch("late", hours(end, end+1)...)
	late.KnownAt = late.KnownAt.Add(10 * time.Hour)
	for name, tc := range map[string]struct {
		batch  series.Batch
		check  string // of the newest point; empty means none
		silent string // source that is reported
	}{
		"one more hour":              {batch: batch("next", hours(end, end+1)...)},
		"ten hours at once":          {batch: of(other, "bulk", hours(end, end+10)...), check: "volume", silent: "eia"},
		"known ten hours late":       {batch: late, check: "freshness", silent: "csv"},
		"ten hours of another alone": {batch: of(other, "other", hours(end+9, end+10)...), silent: "eia"},
	} {
		for _, restarted := range []bool{false, true} {
			t.Run(name+", restarted "+strconv.FormatBool(restarted), func(t *testing.T) {
				t.Parallel()
				h, s := seeded(t, 14)
				for i := 2 * 168; i < end; i++ {
					deliver(t, h, s, message(batch("p"+strconv.Itoa(i), hours(i, i+1)...)))
					deliver(t, h, s, message(of(other, "x"+strconv.Itoa(i), hours(i, i+1)...)))
				}
				if restarted {
					h = New(DefaultConfig(), s)
				}
				res, err := h.Handle(t.Context(), message(tc.batch))
				if err != nil {
					t.Fatal(err)
				}
				var checks []string
				for row := range stage.Each(res.Rows) {
					if v, ok := row.(record.Verdict); ok && v.TS.Equal(tc.batch.Obs[len(tc.batch.Obs)-1].TS) {
						checks = v.Checks
					}
				}
				for _, c := range []string{"volume", "freshness"} {
					if got := slices.Contains(checks, c); got != (c == tc.check) {
						t.Errorf("checks %q of the newest point, want of the batch as a whole %q", checks, tc.check)
					}
				}
				var silent string
				for _, e := range decode(t, res.Out).events {
					if e.Error != nil && e.Error.Code == CodeSilent && e.Error.Condition == event.Raised {
						silent += e.Error.Subject
					}
				}
				if silent != tc.silent {
					t.Errorf("sources %q are reported silent, want %q", silent, tc.silent)
				}
			})
		}
	}
}
