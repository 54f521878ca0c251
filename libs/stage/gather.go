package stage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Gather returns a sink that joins what arrives within linger of the first, or while it is writing, into one write to
// sink (group commit). Writers that work side by side, each on a part of the series, then cost hardly more than one.
//
// The token of a joint write is made of the tokens in it. When it fails, all writers in it get the error, except when
// it is permanent: then each is written on its own, since the rows of one may have spoilt it for the others.
func Gather(sink Sink, linger time.Duration) Sink { return &gather{sink: sink, linger: linger} }

type gather struct {
	sink   Sink
	linger time.Duration

	mu      sync.Mutex
	busy    bool     // somebody is writing
	waiting []*write // for the next turn
}

// write is one call of Write.
type write struct {
	ctx   context.Context //nolint:containedctx // of the caller that waits for it
	token string
	rows  []Row
	err   error
	turn  chan bool // true: write everything that waits; false: it has been written
}

// Write implements Sink.
func (g *gather) Write(ctx context.Context, token string, rows []Row) error {
	w := &write{ctx: ctx, token: token, rows: rows, turn: make(chan bool, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	first := !g.busy
	g.busy = true
	g.mu.Unlock()
	if first {
		wait(ctx, g.linger)
	}
	if first || <-w.turn {
		g.flush() //nolint:contextcheck // for all that wait: each brings its own
	}
	return w.err
}

// wait returns after d, or when ctx is done.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// flush writes what waits, itself included, and passes the turn on.
func (g *gather) flush() {
	g.mu.Lock()
	group := g.waiting
	g.waiting = nil
	g.mu.Unlock()

	g.together(group)
	for _, w := range group[1:] {
		w.turn <- false
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = len(g.waiting) > 0
	if g.busy {
		g.waiting[0].turn <- true
	}
}

// together sets the error of each write of group.
func (g *gather) together(group []*write) {
	if len(group) == 1 {
		w := group[0]
		w.err = g.sink.Write(w.ctx, w.token, w.rows)
		return
	}
	ctx, cancel := joint(group)
	defer cancel()
	var rows []Row
	tokens := sha256.New()
	for _, w := range group {
		rows = append(rows, w.rows...)
		_, _ = tokens.Write([]byte(w.token + "\n"))
	}
	err := g.sink.Write(ctx, hex.EncodeToString(tokens.Sum(nil)[:16]), rows)
	for _, w := range group {
		w.err = err
		if errors.Is(err, ErrPermanent) {
			w.err = g.sink.Write(w.ctx, w.token, w.rows)
		}
	}
}

// joint returns a context that is done when those of all writes are: nobody's end is another one's failure.
func joint(group []*write) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(group[0].ctx))
	var left atomic.Int64
	left.Store(int64(len(group)))
	stops := make([]func() bool, len(group))
	for i, w := range group {
		stops[i] = context.AfterFunc(w.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
