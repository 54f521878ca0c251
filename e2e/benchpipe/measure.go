package benchpipe

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// cost is what work on some rows took: time on the wall, and processor time of the process, in which bus and store run
// too.
type cost struct {
	rows      int
	wall, cpu time.Duration
}

// rate returns rows a second.
func (c cost) rate() float64 { return float64(c.rows) / c.wall.Seconds() }

// perRow returns the processor time of one row in nanoseconds.
func (c cost) perRow() float64 { return float64(c.cpu.Nanoseconds()) / float64(c.rows) }

func (c cost) plus(o cost) cost { return cost{c.rows + o.rows, c.wall + o.wall, c.cpu + o.cpu} }

// measure returns what work on so many rows takes.
func measure(rows int, work func() error) (cost, error) {
	start, before := time.Now(), cpuTime()
	err := work()
	return cost{rows, time.Since(start), cpuTime() - before}, err
}

// cpuTime returns the processor time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("benchpipe: getrusage: " + err.Error()) // cannot happen with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quantile returns the q-quantile of times, which it sorts.
func quantile(times []time.Duration, q float64) time.Duration {
	slices.Sort(times)
	return times[min(len(times)-1, int(q*float64(len(times))))]
}

// memory returns resident bytes of this process, and those of them that no file backs.
func memory() (resident, anonymous int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("memory: %w", err)
	}
	for line := range bytes.Lines(status) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		var to *int64
		switch string(name) {
		case "VmRSS":
			to = &resident
		case "RssAnon":
			to = &anonymous
		default:
			continue
		}
		kib, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("memory: %s: %w", name, err)
		}
		*to = kib << 10
	}
	return resident, anonymous, nil
}

// sampler notes the resident memory of the process now and then.
type sampler struct {
	stop func()
	mu   sync.Mutex
	seen []int64
}

func sample(ctx context.Context, every time.Duration) *sampler {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	s := &sampler{stop: func() { cancel(); wg.Wait() }}
	wg.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			if resident, _, err := memory(); err == nil {
				s.mu.Lock()
				s.seen = append(s.seen, resident)
				s.mu.Unlock()
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
	return s
}

// quarters returns the highest memory of each quarter of the time sampled.
func (s *sampler) quarters() [4]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out [4]int64
	for i, v := range s.seen {
		q := i * 4 / len(s.seen)
		out[q] = max(out[q], v)
	}
	return out
}

func mib(bytes int64) int64 { return bytes >> 20 }
