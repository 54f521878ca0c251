package monitor

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// The oracle is the rules as the runbooks tell them, worked out by hand with the default settings: heartbeats every 5 s
// make 15 s of silence too long, a stall takes 30 s, an end 30 s more, and nothing follows from the passing of time in
// the first 10 s after a start. Every event goes through its encoding, every alert comes from its own.
func TestScenarios(t *testing.T) {
	const (
		silent  = "critical service_silent{service=validator} "
		stalled = "warning consumer_stalled{consumer=validator, service=validator, stream=BW_OBS} "
		growing = "warning consumer_lag_growing{consumer=validator, service=validator, stream=BW_OBS} "
		down    = "warning upstream_unavailable{service=ingestor, subject=eia} "
		source  = "warning source_stale{source=eia} "
		pjm     = "warning source_stale{series=eia.PJM} "
		drifted = "warning forecast_drift{detector=error_ewma, series=eia.PJM} "
	)
	bouncing := func(w *world) { w.restart() }
	growth := quietConfig()
	growth.LagGrowing, growth.LagGrowingFor = true, 20*time.Second
	slow := quietConfig()
	slow.StallForService = map[string]time.Duration{event.Validator: time.Minute}

	for name, tc := range map[string]struct {
		cfg  Config
		end  int
		play [][]happening
		want []string
	}{
		"silent: healthy": {only("validator"), 300, [][]happening{beats("validator", "a", 0, 300)}, nil},
		"silent: dies": {
			only("validator"), 100,
			[][]happening{beats("validator", "a", 0, 50)},
			[]string{"66 " + silent + "firing"},
		},
		"silent: dies and comes back": {
			only("validator"), 100,
			[][]happening{beats("validator", "a", 0, 50), beats("validator", "b", 80, 100)},
			[]string{"66 " + silent + "firing", "80 " + silent + "resolved"},
		},
		"silent: restarts in time":     {only("validator"), 100, [][]happening{beats("validator", "a", 0, 50), beats("validator", "b", 65, 100)}, nil},
		"silent: one of two instances": {only("validator"), 100, [][]happening{beats("validator", "a", 0, 30), beats("validator", "b", 2, 100)}, nil},
		"silent: never seen": {
			only("validator"), 100, nil,
			[]string{"61 " + silent + "firing"},
		},
		"silent: first seen late":                {only("validator"), 100, [][]happening{beats("validator", "a", 55, 100)}, nil},
		"silent: not expected":                   {only("trainer"), 60, [][]happening{beats("validator", "a", 0, 10), beats("trainer", "a", 0, 60)}, nil},
		"silent: monitor does not expect itself": {only("validator"), 90, [][]happening{beats("validator", "a", 0, 90)}, nil},
		"silent: says it is stopping": {
			only("validator"), 60,
			[][]happening{beats("validator", "a", 0, 20), say(22, beat("validator", "stopping", 5*time.Second))},
			[]string{"38 " + silent + "firing"},
		},
		"silent: announces a longer interval": {
			only("validator"), 200,
			[][]happening{say(0, beat("validator", "running", time.Minute))},
			[]string{"181 " + silent + "firing"},
		},
		"silent: cannot talk itself out": {
			only("validator"), 1900,
			[][]happening{say(0, beat("validator", "running", 1000*time.Hour))},
			[]string{"1801 " + silent + "firing"},
		},
		"silent: monitor restarts": {
			only("validator"), 100, [][]happening{beats("validator", "a", 0, 100), do(40, bouncing), do(41, bouncing)}, nil,
		},
		"silent: monitor restarts while it fires": {
			only("validator"), 300,
			[][]happening{beats("validator", "a", 0, 50), do(100, bouncing), beats("validator", "b", 280, 300)},
			[]string{"66 " + silent + "firing", "280 " + silent + "resolved"},
		},
		"silent: everything expected is named": {
			DefaultConfig(), 61, nil,
			[]string{
				// At the same instant the order is that of the fingerprints.
				"61 critical service_silent{service=trainer} firing",
				"61 critical service_silent{service=validator} firing",
				"61 critical service_silent{service=ingestor} firing",
				"61 critical service_silent{service=forecaster} firing",
			},
		},
		"silent: the bus was down": {
			only("validator"), 200,
			[][]happening{
				beats("validator", "a", 0, 50), do(51, func(w *world) { w.busDown = true }),
				do(120, func(w *world) { w.busDown = false }), beats("validator", "a", 125, 200),
			},
			nil,
		},
		"silent: the bus was down and it died": {
			only("validator"), 200,
			[][]happening{
				beats("validator", "a", 0, 50), do(51, func(w *world) { w.busDown = true }),
				do(120, func(w *world) { w.busDown = false }),
			},
			[]string{"136 " + silent + "firing"},
		},
		"silent: the monitor was suspended": {
			only("validator"), 200,
			[][]happening{
				beats("validator", "a", 0, 50), do(51, func(w *world) { w.clock = w.clock.Add(time.Hour) }),
				beats("validator", "a", 55, 200),
			},
			nil,
		},

		"stalled: no work": {quietConfig(), 100, steady(lag, 0, 100, 10, 7, 0, 0), nil},
		"stalled: floor stands still": {
			quietConfig(), 100, steady(lag, 0, 100, 10, 7, 5, 1),
			[]string{"30 " + stalled + "firing"},
		},
		"stalled: catching up is not stalled": {quietConfig(), 100, [][]happening{lag(0, 1, 1000, 64), lag(20, 2, 990, 64), lag(40, 3, 980, 64), lag(60, 4, 970, 64), lag(80, 5, 960, 64)}, nil},
		"stalled: moves on": {
			quietConfig(), 140, append(steady(lag, 0, 60, 10, 7, 5, 1), lag(70, 8, 4, 1), lag(80, 12, 0, 0)),
			[]string{"30 " + stalled + "firing", "100 " + stalled + "resolved"},
		},
		"stalled: moves once and stops again": {
			quietConfig(), 200, append(append(steady(lag, 0, 60, 10, 7, 5, 1), lag(70, 8, 4, 1)), steady(lag, 80, 200, 10, 8, 4, 1)...),
			[]string{"30 " + stalled + "firing"},
		},
		"stalled: only unacknowledged": {
			quietConfig(), 60, steady(lag, 0, 60, 10, 7, 0, 64),
			[]string{"30 " + stalled + "firing"},
		},
		"stalled: floor goes back":   {quietConfig(), 50, [][]happening{lag(0, 9, 5, 1), lag(20, 3, 5, 1), lag(40, 4, 5, 1)}, nil},
		"stalled: one report alone":  {quietConfig(), 100, [][]happening{lag(0, 7, 5, 1)}, nil},
		"stalled: two reports apart": {quietConfig(), 100, [][]happening{lag(0, 7, 5, 1), lag(60, 7, 5, 1)}, []string{"60 " + stalled + "firing"}},
		"stalled: idle then stuck": {
			quietConfig(), 140, append(steady(lag, 0, 90, 10, 7, 0, 0), steady(lag, 100, 140, 10, 7, 1, 0)...),
			[]string{"120 " + stalled + "firing"},
		},
		"stalled: slow service is given time": {slow, 50, steady(lag, 0, 50, 10, 7, 5, 1), nil},
		"stalled: paused with work":           {quietConfig(), 20, [][]happening{paused(5, true, 4), paused(15, true, 4)}, []string{"5 " + stalled + "firing"}},
		"stalled: paused without work":        {quietConfig(), 90, [][]happening{paused(5, true, 0), paused(85, true, 0)}, nil},
		"stalled: unpaused": {
			quietConfig(), 90,
			[][]happening{paused(5, true, 4), paused(20, false, 0)},
			[]string{"5 " + stalled + "firing", "50 " + stalled + "resolved"},
		},
		"stalled: reports end": {
			quietConfig(), 700, steady(lag, 0, 40, 10, 7, 5, 1),
			[]string{"30 " + stalled + "firing", "640 " + stalled + "resolved"},
		},
		"stalled: monitor restarts": {
			quietConfig(), 130, append(steady(lag, 0, 60, 10, 7, 5, 1), do(65, bouncing), lag(70, 7, 5, 1), lag(80, 9, 0, 0)),
			[]string{"30 " + stalled + "firing", "110 " + stalled + "resolved"},
		},
		"growing: never falls": {
			growth, 100,
			[][]happening{lag(0, 1, 10, 0), lag(10, 2, 20, 0), lag(20, 3, 30, 0), lag(30, 4, 40, 0), lag(40, 5, 50, 0), lag(50, 6, 60, 0), lag(60, 7, 70, 0)},
			[]string{"60 " + growing + "firing"},
		},
		"growing: a sawtooth is healthy": {
			growth, 100, [][]happening{lag(0, 1, 10, 0), lag(10, 2, 90, 0), lag(20, 3, 30, 0), lag(30, 4, 95, 0), lag(40, 5, 50, 0), lag(50, 6, 99, 0), lag(60, 7, 70, 0)}, nil,
		},
		"growing: off by default": {
			quietConfig(), 400, [][]happening{lag(0, 1, 10, 0), lag(100, 2, 20, 0), lag(200, 3, 30, 0), lag(300, 4, 40, 0), lag(400, 5, 50, 0)}, nil,
		},

		"stale: fresh": {quietConfig(), 100, [][]happening{dataAge(0, "PJM", 2), dataAge(50, "PJM", 4)}, nil},
		"stale: one series": {
			quietConfig(), 200,
			[][]happening{dataAge(0, "PJM", 5), dataAge(100, "PJM", 1)},
			[]string{"60 " + pjm + "firing", "130 " + pjm + "resolved"},
		},
		"stale: for a moment only": {quietConfig(), 200, [][]happening{dataAge(0, "PJM", 5), dataAge(30, "PJM", 1)}, nil},
		"stale: the whole source": {
			quietConfig(), 200, append(ages(0, 1), ages(50, 9)...),
			[]string{"110 " + source + "firing"},
		},
		"stale: the source recovers": {
			quietConfig(), 300, slices.Concat(ages(0, 1), ages(50, 9), ages(150, 1)),
			[]string{"110 " + source + "firing", "181 " + source + "resolved"},
		},
		"stale: half is not more than half": {
			quietConfig(), 200, append(ages(0, 1), dataAge(50, "A", 9), dataAge(50, "PJM", 9)),
			[]string{"110 " + pjm + "firing", "110 warning source_stale{series=eia.A} firing"},
		},
		"stale: first one series, then all": {
			quietConfig(), 400, slices.Concat(ages(0, 1), [][]happening{dataAge(50, "PJM", 9)}, ages(150, 9)),
			[]string{"110 " + pjm + "firing", "151 " + source + "firing", "181 " + pjm + "resolved"},
		},
		"stale: the source recovers while the monitor is down": {
			quietConfig(), 300, slices.Concat(ages(0, 9), [][]happening{do(100, bouncing)}, ages(150, 1)),
			[]string{"60 " + source + "firing", "182 " + source + "resolved"},
		},
		"stale: no normal age": {quietConfig(), 200, [][]happening{say(0, event.Event{Service: "ingestor", Lag: &event.Lag{Series: pjmID(), DataAge: 1e6 * time.Second}})}, nil},

		"error: raised and cleared": {
			quietConfig(), 100,
			[][]happening{raise(5, "upstream_unavailable", event.Warning), clearError(20, "upstream_unavailable")},
			[]string{"5 " + down + "firing", "50 " + down + "resolved"},
		},
		"error: flaps": {
			quietConfig(), 100,
			[][]happening{
				raise(5, "upstream_unavailable", event.Warning), clearError(10, "upstream_unavailable"),
				raise(15, "upstream_unavailable", event.Warning), clearError(20, "upstream_unavailable"),
			},
			[]string{"5 " + down + "firing", "50 " + down + "resolved"},
		},
		"error: never cleared": {
			quietConfig(), 700,
			[][]happening{raise(5, "upstream_unavailable", event.Warning)},
			[]string{"5 " + down + "firing", "605 " + down + "resolved"},
		},
		"error: repeated, then never cleared": {
			quietConfig(), 1200,
			[][]happening{raise(5, "upstream_unavailable", event.Warning), raise(500, "upstream_unavailable", event.Warning)},
			[]string{"5 " + down + "firing", "1100 " + down + "resolved"},
		},
		"error: cleared and never raised": {quietConfig(), 50, [][]happening{clearError(5, "upstream_unavailable")}, nil},
		"error: becomes critical": {
			quietConfig(), 50,
			[][]happening{raise(5, "upstream_unavailable", event.Warning), raise(9, "upstream_unavailable", event.Critical)},
			[]string{"5 " + down + "firing", "9 " + down + "resolved", "9 critical upstream_unavailable{service=ingestor, subject=eia} firing"},
		},
		"error: dead letter": {
			quietConfig(), 700,
			[][]happening{raise(5, "dead_letter", event.Critical)},
			[]string{"5 critical dead_letter{service=ingestor, subject=eia} firing", "605 critical dead_letter{service=ingestor, subject=eia} resolved"},
		},
		"error: without a code": {
			quietConfig(), 10,
			[][]happening{say(5, event.Event{Service: "trainer", Error: &event.Error{Condition: event.Raised}})},
			[]string{"5 warning unknown_error{service=trainer, subject=} firing"},
		},
		"error: the store is down": {
			quietConfig(), 100,
			[][]happening{
				raise(5, "store_unavailable", event.Critical), do(5, func(w *world) { w.storeDown = true }),
				do(60, func(w *world) { w.storeDown = false }), clearError(61, "store_unavailable"),
			},
			[]string{"5 critical store_unavailable{service=ingestor, subject=eia} firing", "91 critical store_unavailable{service=ingestor, subject=eia} resolved"},
		},
		"error: the bus is down when it is told": {
			quietConfig(), 100,
			[][]happening{
				raise(5, "upstream_unavailable", event.Warning), do(5, func(w *world) { w.busDown = true }),
				do(60, func(w *world) { w.busDown = false }),
			},
			[]string{"5 " + down + "firing"},
		},

		"drift: raised and cleared": {
			quietConfig(), 200,
			[][]happening{drift(5, event.Raised, 0), drift(100, event.Cleared, 5)},
			[]string{"5 " + drifted + "firing", "130 " + drifted + "resolved"},
		},
		"drift: stands without repeats": {
			quietConfig(), 3000,
			[][]happening{drift(5, event.Raised, 0)},
			[]string{"5 " + drifted + "firing"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.cfg)
			w.play(tc.end, tc.play...)
			if diff := cmp.Diff(tc.want, w.told()); diff != "" {
				t.Errorf("alerts mismatch (-want +got):\n%s", diff)
			}
			w.checkHistory()
		})
	}
}

func beat(service, state string, interval time.Duration) event.Event {
	return event.Event{Service: service, Instance: "a", Heartbeat: &event.Heartbeat{State: state, Interval: interval}}
}

func paused(second int, is bool, pending uint64) []happening {
	return say(second, event.Event{Service: event.Validator, Instance: "v-0", Lag: &event.Lag{
		Stream: "BW_OBS", Consumer: "validator", Pending: pending, AckFloor: 3, Paused: is,
	}})
}

// steady repeats the same lag report.
func steady(lag func(int, uint64, uint64, uint64) []happening, from, to, every int, floor, pending, ackPending uint64) [][]happening {
	var out [][]happening
	for s := from; s <= to; s += every {
		out = append(out, lag(s, floor, pending, ackPending))
	}
	return out
}

// ages reports four series of a source, a second apart.
func ages(from, hours int) [][]happening {
	var out [][]happening
	for i, key := range []string{"A", "B", "C", "PJM"} {
		out = append(out, dataAge(from+i, key, hours))
	}
	return out
}
