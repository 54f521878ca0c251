package rule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// observe shows events to new rules, ten seconds apart, and returns the signals of the last one.
func observe(events ...event.Event) []alert.Signal {
	s := NewSet(DefaultConfig(), epoch)
	var out []alert.Signal
	for i, e := range events {
		out = s.Observe(at(10*i), at(10*i), e)
	}
	return out
}

func consumer(floor, pending, ackPending uint64, paused bool) event.Event {
	return event.Event{Service: "validator", Instance: "v-0", Lag: &event.Lag{
		Stream: "BW_OBS", Consumer: "validator", Pending: pending, AckPending: ackPending, Redelivered: 2, AckFloor: floor,
		Oldest: 95 * time.Second, Paused: paused,
	}}
}

func blocked() event.Event {
	e := consumer(7, 5, 64, false)
	e.Lag.MaxAckPending, e.Lag.Full, e.Lag.State, e.Lag.Evidence = 64, 1, "blocked_ack", "64 of 64"
	return e
}

func aged(key string, hours int) event.Event {
	return event.Event{Service: "ingestor", Lag: &event.Lag{
		Series: series.ID{Source: "eia", Key: key}, DataAge: time.Duration(hours) * time.Hour, ExpectedAge: 2 * time.Hour,
	}}
}

// The oracle is what a reader of the alert needs: the numbers that were reported, with their units.
func TestSignals(t *testing.T) {
	for name, tc := range map[string]struct {
		events []event.Event
		want   []string // "<active> <name> <labels>: <cause>"
	}{
		"heartbeat": {
			[]event.Event{{Service: "trainer", Instance: "t-0", Heartbeat: &event.Heartbeat{State: "running"}}},
			[]string{`false service_silent service=trainer: heartbeat of t-0, state "running"`},
		},
		"heartbeat of nobody expected": {[]event.Event{{Service: "stranger", Heartbeat: &event.Heartbeat{}}}, nil},
		"stall": {
			[]event.Event{consumer(7, 5, 64, false), consumer(7, 6, 64, false), consumer(7, 9, 64, false)},
			[]string{"true consumer_stalled consumer=validator, service=validator, stream=BW_OBS: the ack floor has not moved for 20s: 9 pending, 64 unacknowledged, 2 redelivered, ack floor 7, oldest 1m35s"},
		},
		"stall, first report": {[]event.Event{consumer(7, 5, 64, false)}, nil},
		"stall, moves": {
			[]event.Event{consumer(7, 5, 64, false), consumer(8, 5, 64, false)},
			[]string{"false consumer_stalled consumer=validator, service=validator, stream=BW_OBS: the ack floor moves again: 5 pending, 64 unacknowledged, 2 redelivered, ack floor 8, oldest 1m35s"},
		},
		"stall, no work": {
			[]event.Event{consumer(7, 0, 0, false)},
			[]string{"false consumer_stalled consumer=validator, service=validator, stream=BW_OBS: no work left: 0 pending, 0 unacknowledged, 2 redelivered, ack floor 7, oldest 1m35s"},
		},
		"stall, paused": {
			[]event.Event{consumer(7, 1, 0, true)},
			[]string{"true consumer_stalled consumer=validator, service=validator, stream=BW_OBS: the consumer is paused with work waiting: 1 pending, 0 unacknowledged, 2 redelivered, ack floor 7, oldest 1m35s"},
		},
		"blocked, which is more than stalled": {
			[]event.Event{blocked(), blocked(), blocked()},
			[]string{
				"true consumer_blocked_ack consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_not_pulling consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_redelivery_storm consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_rewind consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_lost consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_gone consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_no_data consumer=validator, service=validator, stream=BW_OBS: state blocked_ack: 64 of 64",
				"false consumer_stalled consumer=validator, service=validator, stream=BW_OBS: another alert says why: 5 pending, 64 unacknowledged, 2 redelivered, ack floor 7, oldest 1m35s",
			},
		},
		"stale series": {
			[]event.Event{aged("PJM", 5)},
			[]string{"true source_stale series=eia.PJM: the newest observation is 5h0m0s old; 2h0m0s is normal, 2 times that is too old"},
		},
		"stale at the limit is fresh": {
			[]event.Event{aged("PJM", 4)},
			[]string{"false source_stale series=eia.PJM: the newest observation is 4h0m0s old; 2h0m0s is normal, 2 times that is too old"},
		},
		"stale source": {
			[]event.Event{aged("A", 1), aged("B", 1), aged("C", 9), aged("B", 9)},
			[]string{
				"true source_stale source=eia: 2 of 3 series are stale; the newest observation of eia.B is 9h0m0s old, 2h0m0s is normal",
				"false source_stale series=eia.B: covered by the alert for source eia",
				"false source_stale series=eia.C: covered by the alert for source eia",
			},
		},
		"error": {
			[]event.Event{{Service: "ingestor", Instance: "i-0", Error: &event.Error{
				Code: "upstream_unavailable", Subject: "eia", Condition: event.Raised, Message: "status 503", Attributes: map[string]string{"url": "u", "attempt": "4"},
			}}},
			[]string{"true upstream_unavailable service=ingestor, subject=eia: status 503"},
		},
		"error cleared": {
			[]event.Event{{Service: "ingestor", Instance: "i-0", Error: &event.Error{Code: "upstream_unavailable", Subject: "eia", Condition: event.Cleared}}},
			[]string{"false upstream_unavailable service=ingestor, subject=eia: cleared by i-0"},
		},
		"drift": {
			[]event.Event{{Service: "forecaster", Drift: &event.Drift{
				Series: series.ID{Source: "eia", Key: "PJM"}, Detector: "bias", Condition: event.Raised, Statistic: 3.14159, Threshold: 2, ModelID: "m1", DataCut: epoch, Message: "errors doubled",
			}}},
			[]string{"true forecast_drift detector=bias, series=eia.PJM: bias is 3.142, threshold 2, with data up to 2026-03-01T00:00:00Z, model m1: errors doubled"},
		},
		"nothing": {[]event.Event{{Service: "x"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range observe(tc.events...) {
				got = append(got, fmt.Sprintf("%t %s %s: %s", s.Active, s.Name, alert.Labels(s.Labels), s.Cause))
				if s.Active && (s.Summary == "" || s.Severity == "" || s.Class == "" || s.At.IsZero() || !strings.Contains(s.Runbook, "docs/runbooks.md#"+s.Name)) {
					t.Errorf("signal without summary, severity, class, time or runbook: %+v", s)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("signals mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSilenceCause(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Expect = []string{"trainer", "validator"}
	s := NewSet(cfg, epoch)
	s.Observe(at(50), at(50), event.Event{Service: "trainer", Instance: "t-0", Heartbeat: &event.Heartbeat{State: "stopping", Interval: 10 * time.Second}})
	var got []string
	for _, x := range s.Tick(at(90)) {
		got = append(got, x.Labels["service"]+": "+x.Cause)
	}
	want := []string{
		`trainer: last heartbeat 40s ago from t-0 in state "stopping"; one is due every 10s and 30s without any is too long`,
		"validator: no heartbeat since the monitor started 1m30s ago",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("causes mismatch (-want +got):\n%s", diff)
	}
}

// A monitor runs for years; what it remembers must not grow with every consumer and series that ever was.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	cfg := DefaultConfig()
	cfg.LagGrowing = true
	s := NewSet(cfg, epoch)
	for i := range 100 {
		e := consumer(1, 1, 1, false)
		e.Lag.Consumer = fmt.Sprint(i)
		s.Observe(epoch, epoch, e)
		s.Observe(epoch, epoch, aged(fmt.Sprint(i), 9))
	}
	s.Tick(epoch.Add(25 * time.Hour))
	if n := len(s.stall.seen) + len(s.growth.seen) + len(s.stale.sources); n != 0 {
		t.Errorf("%d things are remembered a day after they were gone", n)
	}
}

func TestUnlistedCodesHaveARunbook(t *testing.T) {
	if got := runbook("brand_new", "x"); !strings.HasSuffix(got, "docs/runbooks.md#unknown_error") {
		t.Errorf("runbook = %q, want the section of unknown errors", got)
	}
	if s := Unreadable(DefaultConfig(), epoch, "alert.1", errors.New("no JSON")); s.Cause != "no JSON" {
		t.Errorf("cause = %q, want the error", s.Cause)
	}
}
