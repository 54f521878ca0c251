package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/notify"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rulebook"
)

// gone is why an alert ends whose rule is no more.
const gone = "its rule is gone, disabled or renamed in the rules file"

// readBook reads a rules file, or the defaults when path is empty.
func readBook(path string) (*rulebook.Book, error) {
	if path == "" {
		return rulebook.Default()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	b, err := rulebook.Read(data)
	if err != nil {
		return nil, fmt.Errorf("rules: %s: %w", path, err)
	}
	return b, nil
}

// use makes a book the one in force, before anything is loaded.
func (h *Handler) use(b *rulebook.Book) error {
	c, err := b.Desk()
	if err != nil {
		return err
	}
	h.book = b
	h.own = rulebook.NewWatch(b, alert.Policy{KeepFiring: h.cfg.KeepFiringFor, Quiet: h.cfg.QuietPeriod, MaxOpen: h.cfg.MaxOpen})
	h.desk.SetConfig(c)
	h.notify.SetConfig(b.Receivers, b.Routes)
	return nil
}

// SetRules replaces the rules file with its new content. On error everything stays as it was. What stands of rules that
// are gone resolves.
func (h *Handler) SetRules(ctx context.Context, data []byte) error {
	b, err := rulebook.Read(data)
	if err != nil {
		return err
	}
	return h.setBook(ctx, b)
}

func (h *Handler) setBook(ctx context.Context, b *rulebook.Book) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if err := h.ensure(ctx, now); err != nil {
		return err
	}
	if err := h.use(b); err != nil {
		return err
	}
	h.seen.Changed(exact(now), "", "the monitor's rules were read again")
	h.queue(now, h.engine.Drop(now, b.Orphan, gone))
	h.regroup(now)
	return h.save(ctx)
}

// regroup makes the receivers' groups agree with what stands.
func (h *Handler) regroup(now time.Time) {
	standing, told := map[string]event.Alert{}, map[string]bool{}
	for fp, c := range h.desk.All() {
		switch {
		case c.Open != nil:
			a := *c.Open
			a.State = c.State
			standing[fp], told[fp] = a, c.Told != nil && c.Told.ID == a.ID && (a.State == event.Firing || a.State == event.Flapping)
		case c.Told != nil:
			// It flaps: its end is not told yet.
			a := *c.Told
			a.State = event.Flapping
			standing[fp], told[fp] = a, true
		}
	}
	h.notify.Sync(exact(now), standing, told)
}

// bark adds the watchdog's word to what is said, once in each of its intervals.
func (h *Handler) bark(res stage.Result) (stage.Result, error) {
	if h.book.Watchdog == nil || *h.book.Watchdog <= 0 {
		return res, nil
	}
	now, every := exact(h.now()), *h.book.Watchdog
	n := now.UnixNano() / int64(every)
	if n == h.barked {
		return res, nil
	}
	h.barked = n
	labels := map[string]string{"service": event.Monitor}
	fp := alert.Fingerprint(event.Watchdog, labels)
	m, err := wire.EncodeAlert(event.Alert{
		Fingerprint: fp, ID: fmt.Sprintf("%s-%d", fp, n), Name: event.Watchdog, Severity: event.Info, Class: event.Operational,
		State: event.Firing, Labels: labels, Summary: "the monitor lives, and what it says arrives", At: now, StartedAt: now,
		Cause:   fmt.Sprintf("said every %s; %d alerts are open", every, h.engine.Len()),
		Runbook: "nothing to do; when it stops coming, the monitor or the bus is down: docs/runbooks.md#watchdog",
	})
	if err != nil {
		return res, fmt.Errorf("monitor: %w", err)
	}
	res.Out = append(res.Out, m)
	return res, nil
}

func (h *Handler) loadGroup(id string, value []byte) error {
	var g notify.Group
	if err := json.Unmarshal(value, &g); err != nil {
		return err
	}
	if g.ID() != id {
		return fmt.Errorf("holds group %q: %w", g.ID(), errForeign)
	}
	h.notify.Restore(g)
	return nil
}

// saveGroups keeps every group that changed.
func (h *Handler) saveGroups(ctx context.Context) error {
	for _, id := range h.notify.Changed() {
		h.groups[id] = struct{}{}
	}
	for _, id := range slices.Sorted(maps.Keys(h.groups)) {
		if err := h.saveGroup(ctx, id); err != nil {
			h.stale = true
			return fmt.Errorf("keep group %s: %w", id, err)
		}
		delete(h.groups, id)
	}
	return nil
}

func (h *Handler) saveGroup(ctx context.Context, id string) error {
	g, ok := h.notify.Group(id)
	if !ok {
		return h.state.Delete(ctx, groupPrefix+id)
	}
	value, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("marshal: %w", err)
	}
	return h.state.Put(ctx, groupPrefix+id, value)
}
