package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
)

// SetSilence keeps a silence, new or changed, and applies it from the next Flush on.
func (h *Handler) SetSilence(ctx context.Context, s desk.Silence) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("silence: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ensure(ctx, h.now()); err != nil {
		return err
	}
	value, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("silence %s: %w", s.ID, err)
	}
	if err := h.state.Put(ctx, silencePrefix+s.ID, value); err != nil {
		h.stale = true
		return fmt.Errorf("keep silence %s: %w", s.ID, err)
	}
	h.desk.SetSilence(s)
	return nil
}

// ExpireSilence ends a silence now. One that has not begun is as if it had never been.
func (h *Handler) ExpireSilence(ctx context.Context, id string) (desk.Silence, error) {
	h.mu.Lock()
	if err := h.ensure(ctx, h.now()); err != nil {
		h.mu.Unlock()
		return desk.Silence{}, err
	}
	s, ok := h.desk.Silence(id)
	now := exact(h.now())
	h.mu.Unlock()
	switch {
	case !ok:
		return s, fmt.Errorf("silence %q: %w; bellwether silence list shows those there are", id, errUnknown)
	case !s.End.After(now):
		return s, nil
	case s.Start.After(now):
		s.Start = now.Add(-time.Millisecond)
	}
	if s.End = now; !s.End.After(s.Start) {
		s.Start = s.End.Add(-time.Millisecond)
	}
	return s, h.SetSilence(ctx, s)
}

// Acknowledge notes that somebody takes care of the alert with a fingerprint, until it resolves.
func (h *Handler) Acknowledge(ctx context.Context, fingerprint, by, comment string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if err := h.ensure(ctx, now); err != nil {
		return err
	}
	said, err := h.desk.Acknowledge(exact(now), fingerprint, by, comment)
	if err != nil {
		return err
	}
	h.say(now, said)
	return h.save(ctx)
}

func (h *Handler) loadSilence(id string, value []byte) error {
	var s desk.Silence
	if err := json.Unmarshal(value, &s); err != nil {
		return err
	}
	if s.ID != id {
		return fmt.Errorf("holds silence %q: %w", s.ID, errForeign)
	}
	h.desk.SetSilence(s)
	return nil
}
