package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// ioTimeout bounds one publish or write of Flush: a store that hangs must not keep the monitor from watching.
const ioTimeout = 4 * time.Second

// scanEvery is the least time between two looks at everything open, however often Flush is woken.
const scanEvery = 100 * time.Millisecond

// Flush lets time pass and says everything that is decided and not yet said. It is to be called about once a second.
//
// The bus is told before the store: an alert that the store is down must not wait for the store. Both are told again
// until they took it, with the same message IDs and the same rows.
func (h *Handler) Flush(ctx context.Context, sink stage.Sink, pub stage.Publisher) error {
	h.flushing.Lock()
	defer h.flushing.Unlock()
	res, err := h.Tick(ctx)
	if err != nil {
		return err
	}
	if len(res.Out) > 0 {
		if err := publish(ctx, pub, res.Out); err != nil {
			h.lost()
			return fmt.Errorf("publish %d transitions: %w", len(res.Out), err)
		}
		if err := h.Published(ctx); err != nil {
			return err
		}
	}
	if len(res.Rows) > 0 {
		if err := write(ctx, sink, res.Rows); err != nil {
			return fmt.Errorf("write %d transitions: %w", len(res.Rows), err)
		}
		return h.Written(ctx)
	}
	return nil
}

func publish(ctx context.Context, pub stage.Publisher, msgs []stage.Message) error {
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	return pub.Publish(ctx, msgs...)
}

func write(ctx context.Context, sink stage.Sink, rows []stage.Row) error {
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	return sink.Write(ctx, token(rows), rows)
}

// lost makes the next step start from what is kept, and with a settling time: the bus does not answer, so what was not
// heard of late says nothing.
func (h *Handler) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stale = true
}

// Tick lets time pass and returns everything not yet known to be said: messages to publish and rows to write. It
// returns them again until Published and Written are called. Flush does all of it.
func (h *Handler) Tick(ctx context.Context) (stage.Result, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if err := h.ensure(ctx, now); err != nil {
		return stage.Result{}, err
	}
	if !h.ticked.IsZero() && now.Sub(h.ticked) > maxPause {
		h.resume(now)
	}
	h.ticked = now
	if passed := now.Sub(h.scanned); passed < 0 || passed >= scanEvery {
		h.scanned = now
		h.pass(now)
	}
	if err := h.save(ctx); err != nil {
		return stage.Result{}, err
	}
	return h.offer()
}

// pass applies the passing of time to everything that it may change.
func (h *Handler) pass(now time.Time) {
	if !now.Before(h.settled) {
		h.observe(now, h.rules.Tick(now))
		h.observe(now, h.own.Tick(now))
		h.queue(now, h.engine.Tick(now))
	}
	h.say(now, h.desk.Tick(exact(now)))
	h.notify.Tick(exact(now))
}

// offer returns what is not yet said, in the order in which it was decided.
func (h *Handler) offer() (stage.Result, error) {
	var all []unsaid
	h.offered = make(map[string]int, len(h.outbox))
	for _, fp := range slices.Sorted(maps.Keys(h.outbox)) {
		all = append(all, h.outbox[fp]...)
		h.offered[fp] = len(h.outbox[fp])
	}
	// Stable: the transitions of one alert stay in order.
	slices.SortStableFunc(all, func(a, b unsaid) int { return a.Alert.At.Compare(b.Alert.At) })
	var res stage.Result
	for _, u := range all {
		if !u.Written {
			res.Rows = append(res.Rows, alertRow(u.Alert))
		}
		if u.Published {
			continue
		}
		m, err := wire.EncodeAlert(u.Alert)
		if err != nil {
			return stage.Result{}, fmt.Errorf("monitor: %w", err)
		}
		res.Out = append(res.Out, m)
	}
	return h.bark(res)
}

// Published says that all messages of the last Tick are on the bus.
func (h *Handler) Published(ctx context.Context) error {
	return h.confirm(ctx, func(u *unsaid) { u.Published = true })
}

// Written says that all rows of the last Tick are in the store.
func (h *Handler) Written(ctx context.Context) error {
	return h.confirm(ctx, func(u *unsaid) { u.Written = true })
}

func (h *Handler) confirm(ctx context.Context, mark func(*unsaid)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stale {
		// What the last Tick returned is no longer held in that order; it is offered again instead.
		return nil
	}
	for fp, n := range h.offered {
		list := h.outbox[fp]
		for i := range list[:min(n, len(list))] {
			mark(&list[i])
		}
		done := 0
		for done < len(list) && list[done].Published && list[done].Written {
			done++
		}
		h.offered[fp] = n - done
		if h.outbox[fp] = slices.Clone(list[done:]); len(h.outbox[fp]) == 0 {
			delete(h.outbox, fp)
			delete(h.offered, fp)
		}
		h.dirty[fp] = struct{}{}
	}
	return h.save(ctx)
}

// token identifies a set of rows by what they say.
func token(rows []stage.Row) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%+v\n", r)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return "monitor-" + hex.EncodeToString(sum[:16])
}
