package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Fault is one thing that goes wrong for a while.
type Fault struct {
	N      int
	Kind   string
	Target string        // process or link it is about, or empty
	Hold   time.Duration // until it is mended
	Gap    time.Duration // after it has been overcome, until the next one
	Amount float64       // 0..1, how bad it is
	Over   bool          // the next fault does not wait until this one has been overcome
}

// String returns the fault in one line.
func (f Fault) String() string {
	s := fmt.Sprintf("%d %s", f.N, f.Kind)
	if f.Target != "" {
		s += " of " + f.Target
	}
	return fmt.Sprintf("%s for %s", s, f.Hold.Round(time.Millisecond))
}

// Kinds of faults that kill are "kill_" and the name of a process.
const (
	kill           = "kill_"
	pauseService   = "pause_service"
	pauseBus       = "pause_bus"
	pauseStore     = "pause_store"
	cutBus         = "cut_bus"
	cutStore       = "cut_store"
	blackHole      = "black_hole"
	slowBus        = "slow_bus"
	slowStore      = "slow_store"
	diskFull       = "disk_full"
	poisonMessage  = "poison"
	upstreamTwice  = "upstream_twice" // and in any order
	upstreamErrors = "upstream_errors"
	clockJump      = "clock_jump"
)

// kinds returns all kinds of faults.
func kinds() []string {
	var out []string
	for _, name := range append(event.Services(), busName, storeName) {
		out = append(out, kill+name)
	}
	return append(out, pauseService, pauseBus, pauseStore, cutBus, cutStore, blackHole, slowBus, slowStore, diskFull,
		poisonMessage, upstreamTwice, upstreamErrors, clockJump)
}

// Schedule makes faults from a seed, without end. Every kind comes once before any comes again.
type Schedule struct {
	rng   *rand.Rand
	kinds []string
	round []string
	n     int
}

// NewSchedule returns the schedule of a seed. Empty kinds mean all.
func NewSchedule(seed uint64, only []string) (*Schedule, error) {
	for _, k := range only {
		if !slices.Contains(kinds(), k) {
			return nil, fmt.Errorf("kinds: %q is not one of %s", k, strings.Join(kinds(), ", "))
		}
	}
	if len(only) == 0 {
		only = kinds()
	}
	return &Schedule{rng: rand.New(rand.NewPCG(seed, 1)), kinds: only}, nil
}

// Next returns the next fault.
func (s *Schedule) Next() Fault {
	if len(s.round) == 0 {
		s.round = slices.Clone(s.kinds)
		s.rng.Shuffle(len(s.round), func(i, j int) { s.round[i], s.round[j] = s.round[j], s.round[i] })
	}
	kind := s.round[0]
	s.round = s.round[1:]
	s.n++
	between := func(from, to time.Duration) time.Duration {
		return from + time.Duration(s.rng.Float64()*float64(to-from))
	}
	f := Fault{
		N: s.n, Kind: kind, Hold: between(200*time.Millisecond, 2*time.Second), Gap: between(0, 400*time.Millisecond),
		Amount: s.rng.Float64(), Over: s.rng.Float64() < 0.2,
	}
	services := event.Services()
	service := services[s.rng.IntN(len(services))]
	side := []string{busName, storeName}[s.rng.IntN(2)]
	switch {
	case strings.HasPrefix(kind, kill):
		f.Target = strings.TrimPrefix(kind, kill)
	case kind == pauseService, kind == cutStore, kind == slowStore:
		f.Target = service
	case kind == pauseBus:
		f.Target = busName
	case kind == pauseStore:
		f.Target = storeName
	case kind == cutBus, kind == slowBus:
		f.Target = append(services, producer)[s.rng.IntN(len(services)+1)]
	case kind == blackHole:
		f.Target = service + "-" + side
	}
	return f
}

// lane returns the way through the pipeline that shows whether f has been overcome.
func (f Fault) lane() lane {
	target, _, _ := strings.Cut(f.Target, "-")
	switch {
	case target == event.Ingestor, strings.HasPrefix(f.Kind, "upstream"):
		return laneUpstream
	case target == event.Trainer:
		return laneModel
	case target == event.Monitor:
		return laneEvent
	}
	return laneDirect
}
