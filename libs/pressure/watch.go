package pressure

import "fmt"

// Codes of findings, which are those of error events.
const (
	Memory    = "memory_pressure"
	OOMKill   = "oom_kill"
	Throttled = "cpu_throttled"
)

// Limits say when a reading is worth telling. A condition ends below the lower figure only, so that it does not flap.
type Limits struct {
	MemoryRaise, MemoryClear     float64 // share of the limit in use
	ThrottleRaise, ThrottleClear float64 // share of the periods with too little processor time
	Periods                      uint64  // fewer since the last judgement say nothing
	Readings                     int     // of throttling, one after the other
}

// DefaultLimits returns the documented defaults, for readings every ten seconds: a hundred periods of the scheduler.
func DefaultLimits() Limits {
	return Limits{MemoryRaise: 0.9, MemoryClear: 0.8, ThrottleRaise: 0.25, ThrottleClear: 0.1, Periods: 50, Readings: 6}
}

// Finding is a condition that began, goes on or ended.
type Finding struct {
	Code    string
	Active  bool
	Message string
}

// Watch judges readings one after the other. The zero value has no limits; use NewWatch.
type Watch struct {
	limits  Limits
	last    Reading
	started bool
	active  map[string]bool
	hot     int // readings with throttling, one after the other
}

// NewWatch returns a watch that has seen nothing.
func NewWatch(l Limits) *Watch { return &Watch{limits: l, active: map[string]bool{}} }

// Step judges the next reading. It returns what is active, each time, and what has ended, once.
func (w *Watch) Step(r Reading) []Finding {
	var out []Finding
	if f, ok := w.memory(r); ok {
		out = append(out, f)
	}
	if w.started {
		if n := r.OOMKills - min(w.last.OOMKills, r.OOMKills); n > 0 {
			out = append(out, Finding{OOMKill, true, fmt.Sprintf("the kernel killed %d processes of this container for want of memory, limit %s", n, mib(r.MemoryLimit))})
		}
		if f, ok := w.throttled(r); ok {
			out = append(out, f)
		}
	}
	w.last, w.started = r, true
	return out
}

func (w *Watch) memory(r Reading) (Finding, bool) {
	if r.MemoryLimit == 0 {
		return w.state(Memory, false, "there is no limit on memory any more")
	}
	share := float64(r.Memory) / float64(r.MemoryLimit)
	limit := w.limits.MemoryRaise
	if w.active[Memory] {
		limit = w.limits.MemoryClear
	}
	return w.state(Memory, share >= limit, fmt.Sprintf("%s of %s of memory in use (%.0f %%, told from %.0f %% on): at the limit the kernel kills the process",
		mib(r.Memory), mib(r.MemoryLimit), 100*share, 100*w.limits.MemoryRaise))
}

func (w *Watch) throttled(r Reading) (Finding, bool) {
	periods := r.Periods - min(w.last.Periods, r.Periods)
	if periods < w.limits.Periods {
		w.hot = 0
		return w.state(Throttled, false, "there is little to run")
	}
	share := float64(r.Throttled-min(w.last.Throttled, r.Throttled)) / float64(periods)
	switch {
	case share >= w.limits.ThrottleRaise:
		w.hot++
	case share < w.limits.ThrottleClear:
		w.hot = 0
	}
	return w.state(Throttled, w.hot >= w.limits.Readings, fmt.Sprintf(
		"in %.0f %% of its periods the process waited for processor time that its limit does not give (told from %.0f %% on)", 100*share, 100*w.limits.ThrottleRaise))
}

// state returns what to say of a condition, if anything.
func (w *Watch) state(code string, active bool, message string) (Finding, bool) {
	was := w.active[code]
	w.active[code] = active
	return Finding{Code: code, Active: active, Message: message}, active || was
}

func mib(bytes uint64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
