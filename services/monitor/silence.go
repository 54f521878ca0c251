package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
)

var errNoSilence = errors.New("no such silence; bellwether silence list shows those there are")

// setSilence keeps a silence, new or changed, and applies it from the next Flush on.
func (h *Handler) setSilence(ctx context.Context, s desk.Silence) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ensure(ctx, h.now()); err != nil {
		return err
	}
	return h.keepSilence(ctx, s)
}

func (h *Handler) keepSilence(ctx context.Context, s desk.Silence) error {
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

// expireSilence ends a silence now. One that has not begun ends before it does.
func (h *Handler) expireSilence(ctx context.Context, id string) (desk.Silence, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := exact(h.now())
	if err := h.ensure(ctx, now); err != nil {
		return desk.Silence{}, err
	}
	s, ok := h.desk.Silence(id)
	if !ok {
		return s, fmt.Errorf("silence %q: %w: %w", id, errNoSilence, stage.ErrPermanent)
	}
	if !now.Before(s.End) {
		return s, nil
	}
	s.End = now
	if !s.Start.Before(now) {
		s.Start = now.Add(-time.Millisecond)
	}
	return s, h.keepSilence(ctx, s)
}

// loadSilence puts back a silence, unless it is long over.
func (h *Handler) loadSilence(ctx context.Context, id string, value []byte) error {
	var s desk.Silence
	if err := json.Unmarshal(value, &s); err != nil {
		return err
	}
	if s.ID != id {
		return fmt.Errorf("holds silence %q: %w", s.ID, errForeign)
	}
	if h.now().Sub(s.End) > desk.KeepSilences {
		return h.state.Delete(ctx, silencePrefix+id)
	}
	h.desk.SetSilence(s)
	return nil
}
