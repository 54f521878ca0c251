package k8s

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

// Test says what to test, and where.
type Test struct {
	Registry  string        // images are pushed here, and pulled from here by the cluster
	Tag       string        // of the images
	Overlay   string        // folder of the overlay
	Volumes   string        // folder for volumes when the cluster makes none; empty leaves them to the cluster
	SkipBuild bool          // the images are there
	SkipSetup bool          // Bellwether is there: neither build nor deploy
	Only      []string      // disturbances to try, see disturbances; empty means all
	Budget    time.Duration // no disturbance is begun later than this after the traffic; 0 means no limit
	Patience  time.Duration // longest wait for any one thing
	Log       io.Writer     // progress

	c       *cluster
	info    eiasim.Info
	start   time.Time
	traffic *traffic
	until   time.Time // see Budget
	result  Result
}

// Result is what a test found.
type Result struct {
	Ready       time.Duration // from the first apply to the last pod ready
	Pods        int
	Rollouts    int
	Kills       int
	Acked       int // observations fetched while things failed
	Lost        int // of those, not in the record
	Duplicates  int // rows a view shows twice
	Raised      int // alerts that fired
	Resolved    int
	Unavailable time.Duration // longest time from an hour's end to its forecasts
}

// String returns r on one line.
func (r Result) String() string {
	return fmt.Sprintf("k8s_test: ready_s=%.0f pods=%d rollouts=%d kills=%d acked=%d lost=%d duplicates_visible=%d alerts_raised=%d alerts_resolved=%d unavailable_max_s=%.1f",
		r.Ready.Seconds(), r.Pods, r.Rollouts, r.Kills, r.Acked, r.Lost, r.Duplicates, r.Raised, r.Resolved, r.Unavailable.Seconds())
}

// Run deploys Bellwether to the current cluster, sends data through it while its parts are killed, rolled, scaled,
// evicted and taken down, and compares the record with what was sent. The result is valid as far as the test came.
func (t *Test) Run(ctx context.Context) (Result, error) {
	t.c = &cluster{log: t.Log}
	if err := t.setUp(ctx); err != nil {
		return t.result, err
	}
	pods, err := t.c.pods(ctx)
	if err != nil {
		return t.result, err
	}
	t.result.Pods = len(pods)
	if t.traffic, err = t.begin(ctx); err != nil {
		return t.result, err
	}
	t.traffic.run(ctx)
	t.until = time.Now().Add(t.Budget)
	err = t.disturb(ctx)
	end, hours, longest := t.traffic.stop()
	t.result.Unavailable = longest
	t.c.say("%d hours replayed", hours)
	if err != nil {
		return t.result, err
	}
	// Values that the source published as missing at first have come two days later.
	if err := t.traffic.fetch(ctx, end.Add(48*time.Hour)); err != nil {
		return t.result, err
	}
	return t.result, errors.Join(t.idle(ctx), t.verify(ctx, end), t.restore(ctx), t.alerts(ctx), t.judge())
}

// setUp builds and deploys.
func (t *Test) setUp(ctx context.Context) (err error) {
	if t.SkipSetup {
		return nil
	}
	if err := t.build(ctx); err != nil {
		return err
	}
	t.result.Ready, err = t.deploy(ctx)
	return err
}

// disturbance is something that happens on clusters.
type disturbance struct {
	name string
	run  func(context.Context) error
}

// disturbances returns all of them, in the order they are tried.
func (t *Test) disturbances() []disturbance {
	return []disturbance{
		{"outage", t.outages},
		{"kill", t.kill},
		{"roll", t.roll},
		{"scale", t.rescale},
		{"evict", t.evict},
	}
}

// disturb does to the pipeline what clusters do.
func (t *Test) disturb(ctx context.Context) error {
	for _, d := range t.disturbances() {
		if len(t.Only) > 0 && !slices.Contains(t.Only, d.name) || t.spent(d.name) {
			continue
		}
		if err := d.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return nil
}

// spent reports whether the budget of time is, and says what is left out for it.
func (t *Test) spent(what string) bool {
	if t.Budget == 0 || time.Now().Before(t.until) {
		return false
	}
	t.c.say("no time left for %s", what)
	return true
}

// judge says what of the result is not as it must be.
func (t *Test) judge() error {
	r := t.result
	switch {
	case r.Lost > 0 || r.Duplicates > 0:
		return fmt.Errorf("%d observations lost, %d rows shown twice", r.Lost, r.Duplicates)
	case r.Acked == 0:
		return errors.New("nothing was fetched")
	case r.Raised == 0 || r.Raised != r.Resolved:
		return fmt.Errorf("%d alerts raised and %d resolved", r.Raised, r.Resolved)
	}
	return nil
}
