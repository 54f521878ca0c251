package alert

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// reborn takes an engine through JSON, as a restart does.
func reborn(t testing.TB, e *Engine) *Engine {
	t.Helper()
	data, err := json.Marshal(e.Export())
	if err != nil {
		t.Fatal(err)
	}
	var open []Open
	if err := json.Unmarshal(data, &open); err != nil {
		t.Fatal(err)
	}
	out := New()
	out.Import(open)
	return out
}

// act is one step of a random schedule: a signal, or the passing of time when it has no name.
type act struct {
	now     time.Time
	signal  Signal
	restart bool
}

func schedule(r *rand.Rand, n int) []act {
	policies := []Policy{
		{},
		{For: 20 * time.Second},
		{KeepFiring: 20 * time.Second},
		{For: 10 * time.Second, KeepFiring: 30 * time.Second, Quiet: 2 * time.Minute},
		{For: 15 * time.Second, KeepFiring: 10 * time.Second, Sampled: true, Quiet: time.Minute},
		{Quiet: 40 * time.Second, MaxOpen: 3},
	}
	now := epoch
	out := make([]act, 0, n)
	for i := range n {
		now = now.Add(time.Duration(1+r.IntN(12_000)) * time.Millisecond)
		a := act{now: now, restart: r.IntN(8) == 0}
		if r.IntN(3) > 0 {
			kind := r.IntN(len(policies))
			a.signal = Signal{
				Name: fmt.Sprintf("rule%d", kind), Labels: map[string]string{"i": fmt.Sprint(r.IntN(6))}, At: now,
				Severity: []event.Severity{event.Info, event.Warning, event.Critical}[min(2, r.IntN(12)/5)],
				Class:    event.Operational, Active: r.IntN(2) == 0, EventID: fmt.Sprint(i), Cause: fmt.Sprint(i), Policy: policies[kind],
			}
		}
		out = append(out, a)
	}
	return out
}

func play(t *testing.T, acts []act, restarts bool) []event.Alert {
	t.Helper()
	e := New()
	var out []event.Alert
	for _, a := range acts {
		if a.restart && restarts {
			e = reborn(t, e)
		}
		if a.signal.Name == "" {
			out = append(out, e.Tick(a.now)...)
		} else {
			out = append(out, e.Observe(a.now, a.signal)...)
		}
	}
	// An end for everything that is still open.
	end := acts[len(acts)-1].now
	for _, o := range e.Export() {
		s := Signal{Name: o.Alert.Name, Labels: o.Alert.Labels}
		out = append(out, e.Observe(end, s)...)
	}
	out = append(out, e.Tick(end.Add(time.Hour))...)
	if e.Len() != 0 {
		t.Fatalf("%d alerts are open after the end of every condition", e.Len())
	}
	return out
}

// check returns what is wrong with a history: for every occurrence exactly one firing, then exactly one resolved, of the
// same severity, and never two occurrences of one alert at a time.
func check(history []event.Alert) error {
	type key struct {
		id    string
		state event.State
	}
	seen := map[key]event.Alert{}
	standing := map[string]string{} // fingerprint to ID
	for _, a := range history {
		k := key{a.ID, a.State}
		if _, ok := seen[k]; ok {
			return fmt.Errorf("%s %s is told twice", a.ID, a.State)
		}
		seen[k] = a
		switch a.State {
		case event.Firing:
			if id, ok := standing[a.Fingerprint]; ok {
				return fmt.Errorf("%s fires while %s stands", a.ID, id)
			}
			standing[a.Fingerprint] = a.ID
		case event.Resolved:
			fired, ok := seen[key{a.ID, event.Firing}]
			if !ok || standing[a.Fingerprint] != a.ID {
				return fmt.Errorf("%s is resolved and did not stand", a.ID)
			}
			if fired.Severity != a.Severity || fired.Class != a.Class || a.At.Before(fired.At) {
				return fmt.Errorf("%s: ends as %s/%s at %s, began as %s/%s at %s", a.ID, a.Severity, a.Class, a.At, fired.Severity, fired.Class, fired.At)
			}
			delete(standing, a.Fingerprint)
		default:
			return fmt.Errorf("%s is told as %q", a.ID, a.State)
		}
	}
	if len(standing) > 0 {
		return fmt.Errorf("%d alerts are never resolved", len(standing))
	}
	return nil
}

func TestRandomSchedules(t *testing.T) {
	fired := 0
	for seed := range uint64(200) {
		acts := schedule(rand.New(rand.NewPCG(seed, 1)), 200)
		straight := play(t, acts, false)
		if err := check(straight); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(straight, play(t, acts, true)); diff != "" {
			t.Fatalf("seed %d: restarts change the history (-without +with):\n%s", seed, diff)
		}
		fired += len(straight) / 2
	}
	if fired < 3_000 {
		t.Errorf("the schedules raise only %d alerts; they test too little", fired)
	}
}

func BenchmarkObserve(b *testing.B) {
	e := New()
	signals := make([]Signal, 1000)
	for i := range signals {
		signals[i] = Signal{
			Name: "n", Labels: map[string]string{"series": fmt.Sprintf("eia.%04d", i)}, At: epoch, Cause: "c",
			Policy: Policy{KeepFiring: time.Minute}, Severity: event.Warning, Class: event.DataIntegrity,
		}
	}
	for i := 0; b.Loop(); i++ {
		s := signals[i%1000]
		s.Active = i/1000%2 == 0
		e.Observe(epoch.Add(time.Duration(i)*time.Second), s)
	}
}

func BenchmarkTick100kOpen(b *testing.B) {
	e := New()
	for i := range 100_000 {
		e.Observe(epoch, Signal{Name: "n", Labels: map[string]string{"i": fmt.Sprint(i)}, Active: true, Policy: Policy{Quiet: time.Hour}})
	}
	for b.Loop() {
		e.Tick(epoch.Add(time.Second))
	}
}
