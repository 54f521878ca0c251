package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/notify"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rule"
)

// deliverEvery is how often notifications are looked for.
const deliverEvery = 250 * time.Millisecond

// Deliveries returns the notifications that wait to be delivered, oldest first. All of them are kept, so that none is lost
// in a crash; one that is in doubt is delivered again, with the same ID.
func (h *Handler) deliveries() []notify.Notification {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stale {
		return nil // what is held may differ from what is kept
	}
	return h.notify.Pending()
}

// delivered says that a notification has arrived at a receiver.
func (h *Handler) delivered(ctx context.Context, n notify.Notification) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stale {
		return nil // it is delivered again
	}
	now := h.now()
	h.notify.Delivered(n.ID)
	h.observe(now, []alert.Signal{rule.ReceiverFailed(h.cfg.Config, now, n.Receiver, "")})
	return h.save(ctx)
}

// giveUp says that a receiver cannot be told of a notification. It goes to the fallback, or is done with.
func (h *Handler) giveUp(ctx context.Context, n notify.Notification, why error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stale {
		return nil
	}
	now := h.now()
	cause := fmt.Sprintf("%d alerts of group %s, first tried %s ago: %v", len(n.Alerts), n.Group, now.Sub(n.At).Round(time.Second), why)
	if fallback := h.notify.GiveUp(n.ID); fallback != "" {
		cause += "; told " + fallback + " instead"
	} else {
		cause += "; the notification is a dead letter"
	}
	h.observe(now, []alert.Signal{rule.ReceiverFailed(h.cfg.Config, now, n.Receiver, cause)})
	return h.save(ctx)
}

// receiver returns a receiver in force.
func (h *Handler) receiver(name string) (notify.Receiver, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.notify.Receiver(name)
}

// last says whether giving up on n makes it a dead letter: there is no fallback left.
func (h *Handler) last(n notify.Notification) bool {
	r, ok := h.receiver(n.Receiver)
	if !ok || r.Fallback == "" {
		return true
	}
	return slices.Contains(n.Failed, r.Fallback)
}

// courier delivers notifications by HTTP: those of one receiver in order, those of different ones apart.
type courier struct {
	h      *Handler
	client *http.Client
	dead   stage.Publisher // takes the dead letters
	log    *zap.Logger
}

// run delivers until ctx is done.
func (c *courier) run(ctx context.Context) error {
	t := time.NewTicker(deliverEvery)
	defer t.Stop()
	busy := map[string]bool{}
	done := make(chan string)
	for {
		select {
		case <-t.C:
			for _, n := range c.h.deliveries() {
				if busy[n.Receiver] {
					continue
				}
				busy[n.Receiver] = true
				go func() {
					c.deliver(ctx, n)
					done <- n.Receiver
				}()
			}
		case name := <-done:
			delete(busy, name)
		case <-ctx.Done():
			for range busy {
				<-done
			}
			return nil
		}
	}
}

// deliver tries until the receiver took n or it is time to give up.
func (c *courier) deliver(ctx context.Context, n notify.Notification) {
	r, ok := c.h.receiver(n.Receiver)
	if !ok {
		return // gone with the rules; so is its group
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 500*time.Millisecond, time.Minute
	left := r.GiveUp() - c.h.now().Sub(n.At)
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, c.post(ctx, r, n) },
		backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(max(left, time.Millisecond)))
	switch {
	case ctx.Err() != nil:
		return // it is kept, and the next start goes on
	case err == nil:
		err = c.h.delivered(ctx, n)
	default:
		c.log.Warn("receiver not told", zap.String("receiver", n.Receiver), zap.String("notification", n.ID), zap.Error(err))
		if c.h.last(n) {
			if perr := c.dead.Publish(ctx, deadNotification(n, err, c.h.now())); perr != nil {
				c.log.Warn("notification not put to the dead letters yet", zap.Error(perr))
				return // and is tried again, so that it is not lost
			}
		}
		err = c.h.giveUp(ctx, n, err)
	}
	if err != nil && ctx.Err() == nil {
		c.log.Warn("delivery not noted; it is repeated", zap.String("notification", n.ID), zap.Error(err))
	}
}

var errRefused = errors.New("refused")

// post tries once. An answer that says the request itself is wrong ends the tries.
func (c *courier) post(ctx context.Context, r notify.Receiver, n notify.Notification) error {
	address, err := r.Address(os.ReadFile)
	if err != nil {
		return err
	}
	body, err := json.Marshal(notify.Payload(n))
	if err != nil {
		return backoff.Permanent(fmt.Errorf("encode notification: %w", err))
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(fmt.Errorf("receiver %s: its address is not valid: %w", r.Name, errRefused))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bellwether-monitor")
	req.Header.Set("Idempotency-Key", n.ID)
	res, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("receiver %s: %w", r.Name, withoutURL(err))
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 256)) // for the error alone
	switch code := res.StatusCode; {
	case code < 300:
		return nil
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return fmt.Errorf("receiver %s: %s: %s", r.Name, res.Status, strings.TrimSpace(string(text)))
	default:
		return backoff.Permanent(fmt.Errorf("receiver %s: %s: %s: %w", r.Name, res.Status, strings.TrimSpace(string(text)), errRefused))
	}
}

// withoutURL drops the address from an error: it may be a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// deadNotification is a notification as a dead letter, with the headers that docs/subjects.md names.
func deadNotification(n notify.Notification, why error, now time.Time) stage.Message {
	return notify.DeadLetter(n, string(event.Infrastructure), strings.ReplaceAll(why.Error(), "\n", "; "), now)
}
