package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

// nemesis makes faults happen.
type nemesis struct {
	stack   *stack
	source  *source
	tellers *tellers
}

// errNotHere says that a fault cannot be made to happen on this machine.
var errNotHere = errors.New("not possible here")

// inject makes f happen and returns how to mend it.
func (n *nemesis) inject(ctx context.Context, f Fault) (mend func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case strings.HasPrefix(f.Kind, kill):
		p := n.stack.procs[f.Target]
		return p.Start, p.Kill()
	case strings.HasPrefix(f.Kind, "pause_"):
		p := n.stack.procs[f.Target]
		return p.Resume, p.Pause()
	case f.Kind == diskFull:
		return n.fill()
	case f.Kind == poisonMessage:
		n.tellers.poison(ctx)
		return nothing, nil
	case f.Kind == upstreamTwice:
		n.source.misbehave(true)
		return func() error { n.source.misbehave(false); return nil }, nil
	case f.Kind == upstreamErrors:
		return func() error { return n.source.sim.SetFaults(eiasim.Faults{}) }, n.source.sim.SetFaults(upstreamFaults(f.Amount))
	case f.Kind == clockJump:
		n.tellers.skew.Store(int64(jump(f.Amount)))
		return func() error { n.tellers.skew.Store(0); return nil }, nil
	}
	link, weather := n.weather(f)
	link.Set(weather)
	return func() error { link.Set(Weather{}); return nil }, nil
}

// weather returns the link a fault is about and what becomes of it.
func (n *nemesis) weather(f Fault) (*Link, Weather) {
	client, side, _ := strings.Cut(f.Target, "-")
	link := n.stack.bus[client]
	if side == storeName || f.Kind == cutStore || f.Kind == slowStore {
		link = n.stack.store[client]
	}
	switch f.Kind {
	case cutBus, cutStore:
		return link, Weather{Cut: true}
	case slowBus:
		return link, Weather{Delay: time.Duration(20+180*f.Amount) * time.Millisecond}
	case slowStore:
		return link, Weather{Delay: time.Duration(20+100*f.Amount) * time.Millisecond, Rate: 32<<10 + int(f.Amount*(512<<10))}
	}
	return link, Weather{Hole: true}
}

// jump returns how far a clock jumps: some hours, or more than a day, either way.
func jump(amount float64) time.Duration {
	jumps := []time.Duration{-26 * time.Hour, -3 * time.Hour, 2 * time.Hour, 26 * time.Hour}
	return jumps[min(int(amount*4), 3)]
}

func upstreamFaults(amount float64) eiasim.Faults {
	all := []string{eiasim.ErrorServer, eiasim.ErrorTooMany, eiasim.ErrorInBody, eiasim.ErrorTruncated, eiasim.ErrorReset}
	kind := all[min(int(amount*float64(len(all))), len(all)-1)]
	return eiasim.Faults{Errors: []eiasim.ErrorFault{{Kind: kind, Share: 0.7}}}
}

// fill writes to the disk of the bus until it is full.
func (n *nemesis) fill() (mend func() error, err error) {
	if n.stack.disk == "" {
		return nil, fmt.Errorf("a disk that can be filled: %w: %w", errNotHere, n.stack.noDisk)
	}
	path := filepath.Join(n.stack.disk, "filler")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) || errors.Is(err, io.ErrShortWrite) {
			block = block[:len(block)/2] // to the last byte
		} else if err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(path))
		}
	}
	return func() error {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}, f.Close()
}
