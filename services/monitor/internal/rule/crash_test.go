package rule

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Lives of a trainer, as heartbeats every 5 s from a start on, in seconds.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	type life struct {
		instance    string
		from, to    int
		stopsInTime bool
	}
	loop := func(n, lasts int, name func(int) string) []life {
		var out []life
		for i := range n {
			out = append(out, life{name(i), 30 * i, 30*i + lasts, false})
		}
		return out
	}
	same := func(int) string { return "trainer-0" }
	each := func(i int) string { return fmt.Sprintf("trainer-host-%d", i) }
	for name, tc := range map[string]struct {
		lives []life
		until int
		want  bool // raised at some time
		ends  bool // and over in the end
	}{
		"a pod that dies at once":        {loop(5, 1, same), 150, true, false},
		"processes that die at once":     {loop(5, 1, each), 150, true, false},
		"mended":                         {append(loop(5, 1, same), life{"trainer-0", 150, 1500, false}), 1500, true, true},
		"died once":                      {[]life{{"a", 0, 60, false}, {"b", 70, 600, false}}, 600, false, true},
		"three replicas":                 {[]life{{"a", 0, 600, false}, {"b", 1, 600, false}, {"c", 2, 600, false}}, 600, false, true},
		"a rollout of three, twice":      {[]life{{"a", 0, 60, true}, {"b", 1, 61, true}, {"c", 2, 62, true}, {"d", 60, 120, true}, {"e", 61, 121, true}, {"f", 62, 122, true}, {"g", 120, 600, false}}, 600, false, true},
		"one death a quarter of an hour": {[]life{{"a", 0, 900, false}, {"b", 910, 1800, false}, {"c", 1810, 2700, false}, {"d", 2710, 3600, false}}, 3600, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
			r := newCrash(DefaultConfig())
			raised, active := false, false
			for s := range tc.until {
				now := start.Add(time.Duration(s) * time.Second)
				signals := r.tick(now)
				for _, l := range tc.lives {
					state := ""
					switch {
					case s == l.from:
						state = "starting"
					case s == l.to-1 && l.stopsInTime:
						state = "stopping"
					case s > l.from && s < l.to && (s-l.from)%5 == 0:
						state = "running"
					}
					if state != "" {
						e := event.Event{Service: event.Trainer, Instance: l.instance, Heartbeat: &event.Heartbeat{State: state, Interval: 5 * time.Second}}
						signals = append(signals, r.observe(now, now, e)...)
						signals = append(signals, r.observe(now, now, e)...) // delivered again
					}
				}
				for _, x := range signals {
					active = x.Active
					raised = raised || x.Active
				}
			}
			if raised != tc.want || active == tc.ends {
				t.Errorf("raised %v and at the end %v; want %v and %v", raised, active, tc.want, !tc.ends)
			}
		})
	}
}
