// Package chaos runs the pipeline as it is, seven processes on loopback, while things go wrong, and then proves from a
// history of what was acknowledged that nothing was lost, shown twice or put out of order. It is made in the spirit of
// Jepsen: producers number what they tell, faults come from a seed, and a checker without any knowledge of the pipeline's
// inside compares the history with the record and the output subjects.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what to run.
type Config struct {
	Dir      string // new or empty folder of data, logs and the history
	Programs Programs
	Seed     uint64
	Duration time.Duration // of the faults, at least
	Faults   int           // at least so many
	Kinds    []string      // of faults; empty means all
	Series   int           // published directly
	Pace     time.Duration // between two messages of a series
	Out      io.Writer     // what happens, and the last line
}

// ErrFound is returned when the pipeline broke a promise.
var ErrFound = errors.New("promises were broken")

const (
	settleWait    = 3 * time.Minute
	recoveryWait  = 20 * time.Second // before the next fault comes all the same
	jobPace       = 2 * time.Second
	refreshPace   = 250 * time.Millisecond
	eventPace     = 200 * time.Millisecond
	restartWait   = 300 * time.Millisecond // of a supervisor
	findingsShown = 50
)

// Report is what came of a run.
type Report struct {
	Faults       int
	Kinds        int
	Acked        int
	Lost         int
	Duplicates   int
	Reordered    int
	DeadLettered int
	RecoveredP50 time.Duration
	RecoveredP99 time.Duration
	Findings     []Finding
	Broken       []string // everything else that should not have happened
}

// String returns the last line of a run.
func (r Report) String() string {
	return fmt.Sprintf("chaos: faults=%d kinds=%d acked=%d lost=%d duplicates_visible=%d reordered=%d dead_lettered=%d recovered_p50_s=%.2f recovered_p99_s=%.2f",
		r.Faults, r.Kinds, r.Acked, r.Lost, r.Duplicates, r.Reordered, r.DeadLettered, r.RecoveredP50.Seconds(), r.RecoveredP99.Seconds())
}

// run is a run under way.
type run struct {
	cfg      Config
	began    time.Time
	history  *History
	stack    *stack
	source   *source
	tellers  *tellers
	track    *tracker
	schedule *Schedule

	mu         sync.Mutex
	kinds      map[string]int
	recoveries []time.Duration
	broken     []string
}

// Run runs the pipeline under faults and checks it. The error wraps ErrFound when a promise was broken; the report then
// says which, and the folder is to be kept.
func Run(ctx context.Context, cfg Config) (Report, error) {
	r := &run{cfg: cfg, began: time.Now(), track: newTracker(), kinds: map[string]int{}}
	report, err := r.run(ctx)
	if err == nil && len(report.Findings)+len(report.Broken) > 0 {
		err = ErrFound
	}
	if r.stack != nil {
		err = errors.Join(err, r.stack.release(err != nil))
	}
	if err == nil || errors.Is(err, ErrFound) {
		r.show(report)
	}
	return report, err
}

func (r *run) run(ctx context.Context) (Report, error) {
	var err error
	if r.schedule, err = NewSchedule(r.cfg.Seed, r.cfg.Kinds); err != nil {
		return Report{}, err
	}
	if r.history, err = NewHistory(filepath.Join(r.cfg.Dir, "history.jsonl")); err != nil {
		return Report{}, err
	}
	if r.source, err = startSource(ctx, r.cfg.Dir, r.cfg.Seed); err != nil {
		return Report{}, err
	}
	defer func() { _ = r.source.stop() }()
	if r.stack, err = startStack(ctx, r.cfg, r.source.url, r.gone); err != nil {
		return Report{}, err
	}
	defer func() { _ = r.stack.stop() }()
	r.tellers = &tellers{history: r.history, bus: r.stack.through, track: r.track}
	r.plan()
	if err := r.suffer(ctx); err != nil {
		return Report{}, err
	}
	return r.check(ctx)
}

// plan prints the schedule, as far as it is certain to come.
func (r *run) plan() {
	fmt.Fprintf(r.cfg.Out, "seed %d, %s, at least %d faults; data in %s\n", r.cfg.Seed, r.cfg.Duration, r.cfg.Faults, r.cfg.Dir)
	if r.stack.noDisk != nil {
		fmt.Fprintf(r.cfg.Out, "no %s: a small disk cannot be mounted: %v\n", diskFull, r.stack.noDisk)
	}
	same, err := NewSchedule(r.cfg.Seed, r.cfg.Kinds)
	if err != nil {
		return
	}
	var names []string
	for range r.cfg.Faults {
		names = append(names, same.Next().String())
	}
	fmt.Fprintf(r.cfg.Out, "schedule: %s\n", strings.Join(names, "; "))
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.cfg.Out, "%7.2f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// suffer tells the pipeline numbered things while faults come and go, and then a last day without faults.
func (r *run) suffer(ctx context.Context) error {
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	watched := make(chan struct{})
	go func() { defer close(watched); r.track.watch(watch, r.stack) }()

	telling, giveUp := context.WithCancel(ctx)
	defer giveUp()
	tellers, finish := r.start(telling)
	faults := r.faults(ctx)
	// A pipeline that takes nothing any more must not be told for ever.
	late := time.AfterFunc(settleWait, giveUp)
	tellers()
	r.say("the last fault is over, saying a last day")
	finish()
	if !late.Stop() {
		r.mu.Lock()
		r.broken = append(r.broken, fmt.Sprintf("the pipeline did not take everything within %s of the last fault", settleWait))
		r.mu.Unlock()
	}
	stopWatch()
	<-watched
	return errors.Join(faults, ctx.Err())
}

// start starts the producers. The first function returned stops them, the second says the last day.
func (r *run) start(ctx context.Context) (stop, finish func()) {
	on, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	up := r.tellers.refresher(r.source, r.cfg.Seed)
	up.begin(ctx)
	var all []*direct
	for n := range r.cfg.Series {
		d := r.tellers.direct(n, r.cfg.Seed)
		d.begin(ctx)
		all = append(all, d)
		tasks.Go(func() { every(on, r.cfg.Pace, func(int) { d.step(ctx) }) })
	}
	var newest atomic.Pointer[time.Time] // hour of the source, for jobs
	begun := up.now
	newest.Store(&begun)
	tasks.Go(func() {
		every(on, refreshPace, func(int) {
			up.step(ctx)
			now := up.now
			newest.Store(&now)
		})
	})
	tasks.Go(func() {
		every(on, jobPace, func(n int) { r.tellers.job(ctx, areas()[n%len(areas())], *newest.Load()) })
	})
	tasks.Go(func() { every(on, eventPace, func(n int) { r.tellers.event(ctx, n%50 == 10) }) })
	return func() { cancel(); tasks.Wait() }, func() {
		var last sync.WaitGroup
		for _, d := range all {
			last.Go(func() { d.finish(ctx) })
		}
		last.Go(func() { up.finish(ctx) })
		last.Wait()
		r.tellers.event(ctx, false)
	}
}

// every calls f at that pace until ctx is done. f is never cut short by that: what was begun is told to the end.
func every(ctx context.Context, pace time.Duration, f func(n int)) {
	for n := 0; pause(ctx, pace); n++ {
		f(n)
	}
}

// faults makes faults happen one after the other, for as long and as many as the configuration says.
func (r *run) faults(ctx context.Context) error {
	n := &nemesis{stack: r.stack, source: r.source, tellers: r.tellers}
	end := time.Now().Add(r.cfg.Duration)
	var recovering sync.WaitGroup
	for ctx.Err() == nil && (time.Now().Before(end) || r.count() < r.cfg.Faults) {
		if err := r.fault(ctx, n, r.schedule.Next(), &recovering); err != nil {
			return err
		}
	}
	recovering.Wait()
	return nil
}

func (r *run) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.kinds {
		n += k
	}
	return n
}

// fault makes one fault happen, mends it, and waits until it has been overcome, unless it overlaps with the next.
func (r *run) fault(ctx context.Context, n *nemesis, f Fault, recovering *sync.WaitGroup) error {
	mend, err := n.inject(ctx, f)
	if errors.Is(err, errNotHere) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("fault %s: %w", f, err)
	}
	r.history.Note(Injected, f.String(), "")
	r.say("fault %s", f)
	r.mu.Lock()
	r.kinds[f.Kind]++
	r.mu.Unlock()
	pause(ctx, f.Hold)
	if err := mend(); err != nil {
		return fmt.Errorf("mend %s: %w", f, err)
	}
	healed := time.Now()
	r.history.Note(Healed, f.String(), "")
	overcome := make(chan struct{})
	recovering.Go(func() {
		defer close(overcome)
		r.recover(ctx, f, healed)
	})
	if !f.Over {
		select {
		case <-overcome:
		case <-time.After(recoveryWait):
			r.say("fault %s is not overcome after %s; going on", f, recoveryWait)
		}
	}
	pause(ctx, f.Gap)
	return nil
}

// recover waits until something that was told after the mending has gone through from end to end.
func (r *run) recover(ctx context.Context, f Fault, healed time.Time) {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	took, err := r.track.recovery(ctx, f.lane(), healed)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.broken = append(r.broken, fmt.Sprintf("fault %s was never overcome", f))
		return
	}
	r.recoveries = append(r.recoveries, took)
	r.history.Note(Recovered, f.String(), took.String())
	r.say("      %d overcome after %.2f s", f.N, took.Seconds())
}

// gone is told of processes that ended by themselves.
func (r *run) gone(name, last string) {
	r.say("%s ended by itself: %s", name, last)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = append(r.broken, fmt.Sprintf("%s ended by itself: %s", name, last))
}

// check waits until everything is handled and compares.
func (r *run) check(ctx context.Context) (Report, error) {
	r.say("waiting until everything is handled")
	if err := r.stack.settle(ctx, settleWait); err != nil {
		r.mu.Lock()
		r.broken = append(r.broken, err.Error())
		r.mu.Unlock()
	}
	r.say("comparing")
	out, err := r.stack.collect(ctx)
	if err != nil {
		return Report{}, err
	}
	log, err := r.history.Close()
	if err != nil {
		return Report{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{Kinds: len(r.kinds), Acked: len(log.Acked), DeadLettered: len(out.Dead), Findings: Check(log, out), Broken: r.broken}
	for _, n := range r.kinds {
		report.Faults += n
	}
	for _, f := range report.Findings {
		switch f.Verdict {
		case Lost:
			report.Lost++
		case Duplicate:
			report.Duplicates++
		case Reordered:
			report.Reordered++
		case Misjudged, Unforeseen:
		}
	}
	slices.Sort(r.recoveries)
	report.RecoveredP50, report.RecoveredP99 = quantile(r.recoveries, 0.5), quantile(r.recoveries, 0.99)
	return report, nil
}

// quantile returns the smallest of sorted durations that a share q of them does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// show prints what happened, findings with the history of their item, and the last line.
func (r *run) show(report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.cfg.Out
	fmt.Fprintf(w, "faults:")
	for _, k := range slices.Sorted(maps.Keys(r.kinds)) {
		fmt.Fprintf(w, " %s=%d", k, r.kinds[k])
	}
	fmt.Fprintln(w)
	for _, b := range report.Broken {
		fmt.Fprintln(w, "broken:", b)
	}
	for i, f := range report.Findings {
		if i == findingsShown {
			fmt.Fprintf(w, "and %d more\n", len(report.Findings)-i)
			break
		}
		fmt.Fprintln(w, r.story(f))
	}
	if len(report.Findings)+len(report.Broken) > 0 {
		fmt.Fprintf(w, "everything is kept in %s\n", r.cfg.Dir)
	}
	fmt.Fprintln(w, report)
}

// story tells a finding with the history of its item.
func (r *run) story(f Finding) string {
	i := f.Item
	s := fmt.Sprintf("%s: %s", f.Verdict, f.Detail)
	if i.Message != "" || i.Seq > 0 {
		s += fmt.Sprintf("\n    number %d, %s of %s", i.Seq, i.Kind, i.Series)
	}
	if !i.TS.IsZero() {
		s += fmt.Sprintf(" at %s, value %v", stamp(i.TS), Value(i.Seq))
	}
	if !i.KnownAt.IsZero() {
		s += fmt.Sprintf(", known at %s", i.KnownAt.Format(time.RFC3339Nano))
	}
	if i.Message != "" {
		s += ", message " + i.Message
	}
	if at, ok := r.history.log.Acked[i.Seq]; ok {
		s += fmt.Sprintf(", acknowledged at %.2f s", at.Sub(r.began).Seconds())
	}
	return s
}

// release gives the disk of the bus back, which is gone then. What is on it is kept when asked.
func (s *stack) release(keep bool) error {
	if s.disk == "" {
		return nil
	}
	var err error
	if keep {
		err = os.CopyFS(s.disk+".kept", os.DirFS(s.disk))
	}
	return errors.Join(err, unmountDisk(s.disk))
}

// Clean removes a folder of a run.
func Clean(dir string) error { return os.RemoveAll(dir) }
