package natsio

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

const (
	// defaultLeaseTTL is long against a pause of the garbage collector or a slow disk, and short against an hour.
	defaultLeaseTTL = 5 * time.Second
	// forgottenAfter is how long the key of a replica that died stays, in TTLs.
	forgottenAfter = 20
)

// Share is work in numbered parts that replicas divide among themselves.
type Share struct {
	Group string // name of the work, tokens joined by dots; replicas of one group share it
	Parts int    // how many parts there are, numbered from 0
	// Run does one part until ctx is done, and then returns nil. It runs in one process at a time.
	Run func(ctx context.Context, part int) error
	// TTL is how long a replica that is not heard of keeps its parts; 0 means 5 s.
	TTL time.Duration
}

// Share runs the parts of s that fall to this process until ctx is done, and waits for those that run. It returns an
// error only when a part returned one.
//
// Every replica says four times within s.TTL that it lives, and each part has a key that names its owner, all in the
// bucket BucketLease. From who lives, all replicas compute the same division (assign). A part that falls to somebody
// else is ended and given free; one that is free, or whose owner was not heard of for s.TTL, is taken by writing its
// key under the condition that it has not changed. A replica that cannot say that it lives ends its parts before
// others would take them, so that no part runs twice. What it sent before that may still arrive: effects of handling
// a message must not depend on who handles it.
func (b *Bus) Share(ctx context.Context, s Share) error {
	if s.Group == "" || s.Parts <= 0 || s.Run == nil || s.TTL < 0 {
		return fmt.Errorf("share %q: group, parts and run are needed: %w", s.Group, stage.ErrPermanent)
	}
	if s.TTL == 0 {
		s.TTL = defaultLeaseTTL
	}
	m := &member{
		share: s, bus: b, id: wire.Token(b.cfg.Name) + "-" + rand.Text(), log: b.log.With(zap.String("group", s.Group)),
		runs: map[int]*run{}, ended: make(chan *run, s.Parts),
	}
	defer m.watch.stop()
	err := m.live(ctx)
	return errors.Join(err, m.leave(context.WithoutCancel(ctx)))
}

// member is this process as one replica of a group. It is used by one goroutine.
type member struct {
	share Share
	bus   *Bus
	id    string
	log   *zap.Logger
	watch watch
	view  view
	runs  map[int]*run // by part
	ended chan *run    // whose work has returned
	term  term
}

// run is a part at work in this process.
type run struct {
	part     int
	revision uint64 // of the lease
	stop     context.CancelFunc
	stopping bool
	err      error // once ended
}

// term is how long this process may work on what it has. It ends by itself unless it is extended, and with it all
// runs.
type term struct {
	ctx   context.Context //nolint:containedctx // the parent of all runs
	end   context.CancelFunc
	timer *time.Timer
}

// extend lets the term last for d from the given time, when it has not ended yet.
func (t *term) extend(from time.Time, d time.Duration) {
	if t.timer != nil {
		t.timer.Reset(time.Until(from.Add(d)))
	}
}

// watch follows the bucket of leases.
type watch struct {
	kv      jetstream.KeyValue
	watcher jetstream.KeyWatcher
	updates <-chan jetstream.KeyValueEntry
}

func (w *watch) stop() {
	if w.watcher != nil {
		_ = w.watcher.Stop() // fails only when the connection is closed
	}
	*w = watch{}
}

// live takes part in the group until ctx is done or a part fails.
func (m *member) live(ctx context.Context) error {
	t := time.NewTicker(m.share.TTL / 4)
	defer t.Stop()
	for ctx.Err() == nil {
		if m.watch.updates == nil || m.view.broken(m.id, time.Now(), m.share.TTL) {
			m.look(ctx)
		}
		m.renew(ctx)
		m.settle(ctx)
		m.sweep(ctx)
		if err := m.listen(ctx, t.C); err != nil {
			return err
		}
	}
	return nil
}

// listen acts on what it hears until the next tick.
func (m *member) listen(ctx context.Context, tick <-chan time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			return nil
		case r := <-m.ended:
			if err := m.reap(ctx, r); err != nil {
				return err
			}
		case e, ok := <-m.watch.updates:
			switch {
			case !ok:
				m.watch.stop() // a nil channel is silent; the next tick opens it again
			case e == nil: // all that was there has been read
			case m.view.add(m.share.Group, e, time.Now()) && len(m.watch.updates) == 0:
				m.settle(ctx)
			}
		}
	}
}

// look opens the view anew.
func (m *member) look(ctx context.Context) {
	m.watch.stop()
	m.view = newView(time.Now())
	kv, err := m.bus.js.KeyValue(ctx, wire.BucketLease)
	if err == nil {
		m.watch.kv = kv
		m.watch.watcher, err = kv.Watch(ctx, m.share.Group+".>")
	}
	if err != nil {
		m.watch = watch{}
		if ctx.Err() == nil {
			m.log.Warn("leases cannot be read, trying again; lay out the bus with: bellwether provision", zap.Error(err))
		}
		return
	}
	m.watch.updates = m.watch.watcher.Updates()
}

// renew says that this process lives, which extends its term.
func (m *member) renew(ctx context.Context) {
	if m.watch.kv == nil || m.bus.Ready() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.share.TTL/4)
	defer cancel()
	sent := time.Now()
	if _, err := m.watch.kv.Put(ctx, memberKey(m.share.Group, m.id), nil); err != nil {
		m.log.Warn("lease not renewed", zap.Error(err))
		return
	}
	// Others count from when it arrived there; what is left is for ending the work.
	m.term.extend(sent, m.share.TTL*3/4)
}

// settle ends the runs of parts that are not for this process any more, and takes those that are.
func (m *member) settle(ctx context.Context) {
	now := time.Now()
	if !m.view.current(m.id, now, m.share.TTL) {
		return // who judges others by old news takes away what they have
	}
	for part, owner := range assign(m.view.members(now, m.share.TTL), m.share.Parts) {
		l := m.view.leases[part]
		r := m.runs[part]
		switch {
		case r != nil && (owner != m.id || l.owner != m.id && l.revision > r.revision):
			r.stopping = true
			r.stop()
		case r == nil && owner == m.id && (l.owner == m.id || !m.view.lives(l.owner, now, m.share.TTL)):
			if err := m.take(ctx, part, l); err != nil {
				m.log.Debug("part not taken", zap.Int("part", part), zap.Error(err)) // somebody was faster, or the bus is down
				return
			}
		}
	}
}

// take writes the lease of a part and starts its work.
func (m *member) take(ctx context.Context, part int, old lease) error { //nolint:contextcheck // runs end with the term
	if m.term.ctx == nil || m.term.ctx.Err() != nil {
		if len(m.runs) > 0 {
			return errors.New("runs of an earlier term have not ended yet")
		}
		m.newTerm(ctx)
	}
	put, cancel := context.WithTimeout(ctx, m.share.TTL/4)
	defer cancel()
	revision, err := m.watch.kv.Update(put, leaseKey(m.share.Group, part), []byte(m.id), old.revision)
	if err != nil {
		return fmt.Errorf("write lease: %w", err)
	}
	m.view.leases[part] = lease{owner: m.id, revision: revision}
	m.log.Info("part taken", zap.Int("part", part), zap.String("from", old.owner))
	work, stop := context.WithCancel(m.term.ctx)
	r := &run{part: part, revision: revision, stop: stop}
	m.runs[part] = r
	go func() {
		defer stop()
		r.err = m.share.Run(work, part)
		if r.err == nil && work.Err() == nil {
			r.err = fmt.Errorf("part %d of %s ended by itself", part, m.share.Group)
		}
		m.ended <- r
	}()
	return nil
}

// newTerm begins with the last sign of life, which is a moment old: see view.current.
func (m *member) newTerm(ctx context.Context) {
	if m.term.end != nil {
		m.term.end()
	}
	m.term.ctx, m.term.end = context.WithCancel(ctx)
	m.term.timer = time.AfterFunc(time.Until(m.view.seen[m.id].Add(m.share.TTL/2)), m.term.end)
}

// reap gives free the part of a run that has ended.
func (m *member) reap(ctx context.Context, r *run) error {
	delete(m.runs, r.part)
	m.log.Info("part ended", zap.Int("part", r.part), zap.Bool("asked", r.stopping), zap.Error(r.err))
	if m.watch.kv != nil && m.bus.Ready() == nil {
		ctx, cancel := context.WithTimeout(ctx, m.share.TTL/4)
		defer cancel()
		if err := m.watch.kv.Delete(ctx, leaseKey(m.share.Group, r.part), jetstream.LastRevision(r.revision)); err != nil {
			m.log.Debug("part not given free", zap.Int("part", r.part), zap.Error(err)) // it is somebody else's, or will be
		}
	}
	return r.err
}

// leave ends all runs and gives free what this process has.
func (m *member) leave(ctx context.Context) error {
	for _, r := range m.runs {
		r.stopping = true
		r.stop()
	}
	t := time.NewTicker(m.share.TTL / 4)
	defer t.Stop()
	var errs []error
	for len(m.runs) > 0 {
		select {
		case <-t.C:
			m.renew(ctx) // they are ours until they have ended
		case r := <-m.ended:
			errs = append(errs, m.reap(ctx, r))
		}
	}
	if m.term.end != nil {
		m.term.timer.Stop()
		m.term.end()
	}
	m.purge(ctx, m.id)
	return errors.Join(errs...)
}

// sweep removes the keys of replicas that died.
func (m *member) sweep(ctx context.Context) {
	for id, seen := range m.view.seen {
		if time.Since(seen) > forgottenAfter*m.share.TTL {
			m.purge(ctx, id)
		}
	}
}

func (m *member) purge(ctx context.Context, id string) {
	if m.watch.kv == nil || m.bus.Ready() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.share.TTL/4)
	defer cancel()
	if err := m.watch.kv.Purge(ctx, memberKey(m.share.Group, id), jetstream.PurgeTTL(forgottenAfter*m.share.TTL)); err != nil {
		m.log.Debug("member not removed", zap.String("member", id), zap.Error(err))
	}
}
