package alert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// run plays a script such as "0 on; 30 tick; 40 off b" and returns what happened, such as "30 a firing". Words are the
// second, what to do, and which alert; on! is critical. tick is the passing of time, restart a trip through JSON.
func run(t *testing.T, p Policy, script string) []string {
	t.Helper()
	e := New()
	var got []string
	for i, line := range strings.Split(script, ";") {
		words := strings.Fields(line)
		seconds, err := strconv.Atoi(words[0])
		if err != nil {
			t.Fatalf("step %q: %v", line, err)
		}
		which := "a"
		if len(words) > 2 {
			which = words[2]
		}
		s := Signal{
			Name: "n", Labels: map[string]string{"which": which}, Severity: event.Warning, Class: event.Operational,
			At: at(seconds), EventID: strconv.Itoa(i), Summary: "s", Cause: "on at " + words[0], Runbook: "r", Policy: p,
		}
		var out []event.Alert
		switch words[1] {
		case "on!":
			s.Severity = event.Critical
			fallthrough
		case "on":
			s.Active = true
			out = e.Observe(at(seconds), s)
		case "off":
			s.Cause = "off at " + words[0]
			out = e.Observe(at(seconds), s)
		case "tick":
			out = e.Tick(at(seconds))
		case "restart":
			e = reborn(t, e)
		case "touch":
			e.Touch(at(seconds))
		default:
			t.Fatalf("step %q: unknown word", line)
		}
		for _, a := range out {
			got = append(got, describe(a))
		}
	}
	return got
}

func describe(a event.Alert) string {
	which := a.Labels["which"]
	if a.Name != "n" {
		which = a.Name
	}
	s := fmt.Sprintf("%d %s %s", int(a.At.Sub(epoch).Seconds()), which, a.State)
	if a.Severity == event.Critical {
		s += "!"
	}
	return s
}

// The oracle of this table is the state machine in the package comment, worked out by hand: an alert fires when its
// condition held for For, resolves when it was over for KeepFiring or nobody spoke of it for Quiet.
func TestScenarios(t *testing.T) {
	sec := time.Second
	for name, tc := range map[string]struct {
		policy Policy
		script string
		want   []string
	}{
		"nothing happens":                        {Policy{}, "0 tick; 10 off; 20 tick", nil},
		"fires and resolves at once":             {Policy{}, "0 on; 10 off", []string{"0 a firing", "10 a resolved"}},
		"repeated signals say nothing new":       {Policy{}, "0 on; 1 on; 2 on; 10 off; 11 off", []string{"0 a firing", "10 a resolved"}},
		"pending is not told":                    {Policy{For: 30 * sec}, "0 on; 29 on", nil},
		"pending that ends was never there":      {Policy{For: 30 * sec}, "0 on; 20 off; 60 tick", nil},
		"fires by signal at for":                 {Policy{For: 30 * sec}, "0 on; 30 on", []string{"30 a firing"}},
		"fires by time at for":                   {Policy{For: 30 * sec}, "0 on; 29 tick; 30 tick; 31 tick", []string{"30 a firing"}},
		"for starts anew after a gap":            {Policy{For: 30 * sec}, "0 on; 20 off; 25 on; 40 tick; 55 tick", []string{"55 a firing"}},
		"late tick fires late":                   {Policy{For: 30 * sec}, "0 on; 300 tick", []string{"300 a firing"}},
		"sampled does not fire by time":          {Policy{For: 30 * sec, Sampled: true}, "0 on; 60 tick; 90 tick", nil},
		"sampled fires on the next signal":       {Policy{For: 30 * sec, Sampled: true}, "0 on; 60 tick; 61 on", []string{"61 a firing"}},
		"keep firing delays the end":             {Policy{KeepFiring: 30 * sec}, "0 on; 10 off; 39 tick; 40 tick", []string{"0 a firing", "40 a resolved"}},
		"keep firing ends by signal":             {Policy{KeepFiring: 30 * sec}, "0 on; 10 off; 45 off", []string{"0 a firing", "45 a resolved"}},
		"a flap inside keep firing is damped":    {Policy{KeepFiring: 30 * sec}, "0 on; 10 off; 20 on; 50 tick; 60 off; 90 tick", []string{"0 a firing", "90 a resolved"}},
		"many flaps are one alert":               {Policy{KeepFiring: 30 * sec}, "0 on; 5 off; 10 on; 15 off; 20 on; 25 off; 30 on; 35 off; 65 tick", []string{"0 a firing", "65 a resolved"}},
		"a flap after keep firing is another":    {Policy{KeepFiring: 30 * sec}, "0 on; 10 off; 40 tick; 41 on; 50 off; 80 tick", []string{"0 a firing", "40 a resolved", "41 a firing", "80 a resolved"}},
		"repeated off does not prolong":          {Policy{KeepFiring: 30 * sec}, "0 on; 10 off; 20 off; 30 off; 40 tick", []string{"0 a firing", "40 a resolved"}},
		"quiet ends a firing alert":              {Policy{Quiet: 60 * sec}, "0 on; 59 tick; 60 tick; 61 tick", []string{"0 a firing", "60 a resolved"}},
		"a repeat keeps it from going quiet":     {Policy{Quiet: 60 * sec}, "0 on; 50 on; 100 tick; 110 tick", []string{"0 a firing", "110 a resolved"}},
		"quiet drops a pending alert":            {Policy{For: 90 * sec, Quiet: 60 * sec}, "0 on; 60 tick; 90 tick", nil},
		"quiet never, when zero":                 {Policy{}, "0 on; 99999 tick", []string{"0 a firing"}},
		"touch starts quiet anew":                {Policy{Quiet: 60 * sec}, "0 on; 50 touch; 60 tick; 110 tick", []string{"0 a firing", "110 a resolved"}},
		"clearing is not quiet":                  {Policy{KeepFiring: 90 * sec, Quiet: 60 * sec}, "0 on; 10 off; 70 tick; 100 tick", []string{"0 a firing", "100 a resolved"}},
		"labels keep alerts apart":               {Policy{}, "0 on a; 1 on b; 2 off a; 3 off b", []string{"0 a firing", "1 b firing", "2 a resolved", "3 b resolved"}},
		"restart keeps pending":                  {Policy{For: 30 * sec}, "0 on; 10 restart; 30 tick", []string{"30 a firing"}},
		"restart does not fire again":            {Policy{}, "0 on; 10 restart; 11 on; 12 tick", []string{"0 a firing"}},
		"restart does not lose the end":          {Policy{}, "0 on; 10 restart; 20 off", []string{"0 a firing", "20 a resolved"}},
		"restart while clearing":                 {Policy{KeepFiring: 30 * sec}, "0 on; 10 off; 20 restart; 40 tick", []string{"0 a firing", "40 a resolved"}},
		"restart while quiet":                    {Policy{Quiet: 60 * sec}, "0 on; 20 restart; 60 tick", []string{"0 a firing", "60 a resolved"}},
		"clock set back while firing":            {Policy{}, "100 on; 50 off", []string{"100 a firing", "100 a resolved"}},
		"clock set back while pending":           {Policy{For: 30 * sec}, "100 on; 50 tick; 129 tick; 130 tick", []string{"130 a firing"}},
		"severity rises":                         {Policy{}, "0 on; 5 on!; 9 off", []string{"0 a firing", "5 a resolved", "5 a firing!", "9 a resolved!"}},
		"severity rises while clearing":          {Policy{KeepFiring: 30 * sec}, "0 on; 5 off; 6 on!; 9 off; 39 tick", []string{"0 a firing", "6 a resolved", "6 a firing!", "39 a resolved!"}},
		"severity falls":                         {Policy{}, "0 on!; 5 on; 9 off", []string{"0 a firing!", "9 a resolved!"}},
		"severity rises while pending":           {Policy{For: 10 * sec}, "0 on; 5 on!; 10 tick", []string{"10 a firing!"}},
		"severity rises at the same instant":     {Policy{}, "0 on; 0 on!; 9 off", []string{"0 a firing", "0 a resolved", "0 a firing!", "9 a resolved!"}},
		"limit holds back and says so once":      {Policy{MaxOpen: 2}, "0 on a; 1 on b; 2 on c; 3 on d", []string{"0 a firing", "1 b firing", "2 alert_flood firing"}},
		"limit does not hold back what is open":  {Policy{MaxOpen: 1}, "0 on a; 1 on b; 2 off a; 3 on b", []string{"0 a firing", "1 alert_flood firing", "2 a resolved", "3 b firing"}},
		"flood ends when nothing is held back":   {Policy{MaxOpen: 1}, "0 on a; 1 on b; 600 tick; 601 tick", []string{"0 a firing", "1 alert_flood firing", "601 alert_flood resolved"}},
		"flood of pending alerts is pending":     {Policy{For: 60 * sec, MaxOpen: 1}, "0 on a; 1 on b; 2 off a; 70 tick; 700 tick", nil},
		"flood of pending alerts that last":      {Policy{For: 60 * sec, MaxOpen: 1}, "0 on a; 1 on b; 59 on b; 60 tick; 61 on b", []string{"60 a firing", "61 alert_flood firing"}},
		"off of an alert held back says nothing": {Policy{MaxOpen: 1}, "0 on a; 1 off b", []string{"0 a firing"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, tc.policy, tc.script)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s mismatch (-want +got):\n%s", tc.script, diff)
			}
		})
	}
}

func TestTransitionsCarryTheEvidence(t *testing.T) {
	e := New()
	s := Signal{
		Name: "n", Labels: map[string]string{"k": "v"}, Severity: event.Critical, Class: event.Infrastructure, Active: true,
		At: at(1), EventID: "e1", Summary: "what", Cause: "why", Runbook: "how", Policy: Policy{KeepFiring: time.Minute},
	}
	fired := e.Observe(at(2), s)
	e.Observe(at(3), s) // the same event again
	s.EventID, s.Cause = "e2", "why now"
	e.Observe(at(4), s)
	s.Active, s.Cause = false, "mended"
	e.Observe(at(5), s)
	resolved := e.Tick(at(65))

	want := event.Alert{
		Fingerprint: Fingerprint("n", s.Labels), ID: ID(Fingerprint("n", s.Labels), at(1), "e1"), Name: "n",
		Severity: event.Critical, Class: event.Infrastructure, State: event.Firing, Labels: s.Labels,
		Summary: "what", Cause: "why", Runbook: "how", StartedAt: at(1), At: at(2), Events: 1,
	}
	if diff := cmp.Diff([]event.Alert{want}, fired); diff != "" {
		t.Errorf("firing mismatch (-want +got):\n%s", diff)
	}
	want.State, want.At, want.ResolvedAt, want.Cause, want.Events = event.Resolved, at(65), at(65), "mended", 2
	if diff := cmp.Diff([]event.Alert{want}, resolved); diff != "" {
		t.Errorf("resolved mismatch (-want +got):\n%s", diff)
	}
}

// What begins twice in the same millisecond has an ID each; what comes again after a crash has the same.
func TestOccurrencesOfOneMillisecond(t *testing.T) {
	ids := func(events ...string) []string {
		e := New()
		var out []string
		for _, id := range events {
			s := Signal{Name: "n", At: at(1), EventID: id, Active: true}
			for _, a := range e.Observe(at(1), s) {
				out = append(out, a.ID)
			}
			s.Active = false
			e.Observe(at(1), s)
		}
		return out
	}
	got := ids("a", "b", "a")
	if len(got) != 3 || got[0] == got[1] || got[0] != got[2] {
		t.Errorf("ids %q, want those of a and b to differ and that of a to stay", got)
	}
}

func TestTickOrdersByFingerprint(t *testing.T) {
	e := New()
	for i := range 20 {
		e.Observe(at(0), Signal{Name: "n", Labels: map[string]string{"i": strconv.Itoa(i)}, Active: true, Policy: Policy{For: time.Second}})
	}
	got := e.Tick(at(1))
	if len(got) != 20 || !slices.IsSortedFunc(got, func(a, b event.Alert) int { return strings.Compare(a.Fingerprint, b.Fingerprint) }) {
		t.Errorf("Tick returns %d transitions, want 20 ordered by fingerprint", len(got))
	}
}

func TestQuietEndNamesTheReason(t *testing.T) {
	e := New()
	e.Observe(at(0), Signal{Name: "n", Active: true, Cause: "disk full", Policy: Policy{Quiet: time.Minute}})
	got := e.Tick(at(60))
	if len(got) != 1 || got[0].Cause != "no report for 1m0s; last: disk full" {
		t.Errorf("Tick = %+v, want one end that names the quiet period and the last cause", got)
	}
}

func TestFloodCountsWhatItHoldsBack(t *testing.T) {
	e := New()
	for i := range 1000 {
		e.Observe(at(i), Signal{
			Name: "n", Labels: map[string]string{"i": strconv.Itoa(i)}, Active: true, At: at(i),
			EventID: strconv.Itoa(i), Policy: Policy{MaxOpen: 100},
		})
	}
	if e.Len() != 101 || e.Dropped() != 900 {
		t.Errorf("open %d, dropped %d; want 100 alerts and 1 summary open, 900 dropped", e.Len(), e.Dropped())
	}
	o, ok := e.Lookup(Fingerprint(FloodName, map[string]string{"alert": "n"}))
	if !ok || o.Alert.Events != 900 {
		t.Errorf("summary = %+v, %t; want one with 900 events", o.Alert, ok)
	}
}

func TestFingerprintTellsLabelsApart(t *testing.T) {
	seen := map[string]string{}
	for name, labels := range map[string]map[string]string{
		"none":     {},
		"one":      {"a": "b"},
		"two":      {"a": "b", "c": "d"},
		"joined":   {"a": "b\x001:c=1:d"},
		"swapped":  {"a": "d", "c": "b"},
		"shifted":  {"ab": ""},
		"empty":    {"a": "", "b": ""},
		"embedded": {"a": "=1:b"},
	} {
		fp := Fingerprint("n", labels)
		if other, ok := seen[fp]; ok {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[fp] = name
	}
	if Fingerprint("n", nil) != Fingerprint("n", map[string]string{}) {
		t.Error("no labels and empty labels differ")
	}
}

func TestChangedNamesWhatMustBeKept(t *testing.T) {
	e := New()
	s := Signal{Name: "n", Active: true, Policy: Policy{KeepFiring: time.Minute}}
	fp := Fingerprint("n", nil)
	for i, step := range []struct {
		do   func()
		want []string
	}{
		{func() { e.Observe(at(0), s) }, []string{fp}},
		{func() { e.Observe(at(1), s) }, nil},
		{func() { e.Tick(at(2)) }, nil},
		{func() { s.Active = false; e.Observe(at(3), s) }, []string{fp}},
		{func() { e.Observe(at(4), s) }, nil},
		{func() { e.Tick(at(63)) }, []string{fp}},
	} {
		step.do()
		if diff := cmp.Diff(step.want, e.Changed()); diff != "" {
			t.Errorf("step %d: Changed mismatch (-want +got):\n%s", i, diff)
		}
	}
}
