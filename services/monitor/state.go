package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
)

// State keeps what must survive a restart: the bucket of open alerts. Put returns when the value is safe. Get of a key
// that Keys returned and that is gone by now returns nil and no error; so does Delete.
type State interface {
	Keys(ctx context.Context) ([]string, error)
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte) error
	Delete(ctx context.Context, key string) error
}

// Prefixes of keys.
const (
	alertPrefix   = "alert."   // and the fingerprint
	jobPrefix     = "job."     // and the series
	silencePrefix = "silence." // and the ID
	groupPrefix   = "group."   // and the ID of a receiver's group
	fleetKey      = "fleet"
)

// kept is the value of an alert's key. It goes when the alert is closed and everything about it has been said.
type kept struct {
	Open   *alert.Open `json:"open,omitempty"`
	Case   *desk.Case  `json:"case,omitempty"`   // what subscribers know of it
	Unsaid []unsaid    `json:"unsaid,omitempty"` // in order
}

// unsaid is a transition that is decided but not known to have reached both the bus and the store.
type unsaid struct {
	Alert     event.Alert `json:"alert"`
	Published bool        `json:"published,omitempty"`
	Written   bool        `json:"written,omitempty"`
}

// asked is the value of a series' key: the data cut of the last training job.
type asked struct {
	Source string    `json:"source"`
	Key    string    `json:"key"`
	Cut    time.Time `json:"cut"`
}

var errForeign = errors.New("monitor: not a key of the monitor")

// load replaces what the handler holds with what was kept. Values that cannot be read are reported, not fatal: one bad
// value must not keep the monitor from watching everything else.
func (h *Handler) load(ctx context.Context, now time.Time) error {
	keys, err := h.state.Keys(ctx)
	if err != nil {
		return fmt.Errorf("list kept alerts: %w", err)
	}
	slices.Sort(keys)
	outbox := map[string][]unsaid{}
	var open []alert.Open
	cases := map[string]kept{}
	h.desk.Reset()
	h.notify.Reset()
	bad := map[string]error{}
	for _, key := range keys {
		value, err := h.state.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("get %s: %w", key, err)
		}
		if value == nil {
			continue
		}
		if fp, ok := strings.CutPrefix(key, alertPrefix); ok {
			k, err := readKept(fp, value)
			if err != nil {
				bad[key] = err
				continue
			}
			if k.Open != nil {
				open = append(open, *k.Open)
			}
			cases[fp] = k
			if len(k.Unsaid) > 0 {
				outbox[fp] = k.Unsaid
			}
			continue
		}
		if err := h.loadOther(ctx, key, value); err != nil {
			bad[key] = err
		}
	}
	h.engine.Import(open)
	for fp, k := range cases {
		h.restore(fp, k)
	}
	h.outbox, h.offered = outbox, nil
	clear(h.dirty)
	clear(h.groups)
	h.stale = false
	h.resume(now)
	h.queue(now, h.engine.Drop(now, h.book.Orphan, gone))
	h.regroup(now)
	for _, key := range slices.Sorted(maps.Keys(bad)) {
		h.observe(now, []alert.Signal{h.unreadable(now, key, bad[key])})
	}
	return nil
}

func readKept(fp string, value []byte) (kept, error) {
	var k kept
	if err := json.Unmarshal(value, &k); err != nil {
		return kept{}, err
	}
	if k.Open != nil && k.Open.Alert.Fingerprint != fp {
		return kept{}, fmt.Errorf("holds alert %q: %w", k.Open.Alert.Fingerprint, errForeign)
	}
	return k, nil
}

// restore puts back what subscribers know of an alert.
func (h *Handler) restore(fp string, k kept) {
	var open *event.Alert
	if k.Open != nil && k.Open.Phase != alert.Pending {
		a := k.Open.Alert
		open = &a
	}
	if open != nil || k.Case != nil {
		h.desk.Restore(fp, open, k.Case)
	}
}

func (h *Handler) loadOther(ctx context.Context, key string, value []byte) error {
	if id, ok := strings.CutPrefix(key, silencePrefix); ok {
		return h.loadSilence(ctx, id, value)
	}
	if id, ok := strings.CutPrefix(key, groupPrefix); ok {
		return h.loadGroup(id, value)
	}
	if key == fleetKey {
		return h.rules.RestoreFleet(value)
	}
	if !strings.HasPrefix(key, jobPrefix) {
		return errForeign
	}
	var a asked
	if err := json.Unmarshal(value, &a); err != nil {
		return err
	}
	h.retrain.Restore(series.ID{Source: a.Source, Key: a.Key}, a.Cut)
	return nil
}

// save keeps every alert that changed. On error the handler no longer knows what is kept, and loads it before its next
// step.
func (h *Handler) save(ctx context.Context) error {
	for _, fp := range h.engine.Changed() {
		h.dirty[fp] = struct{}{}
	}
	for _, fp := range h.desk.Changed() {
		h.dirty[fp] = struct{}{}
	}
	for _, fp := range slices.Sorted(maps.Keys(h.dirty)) {
		if err := h.saveOne(ctx, fp); err != nil {
			h.stale = true
			return fmt.Errorf("keep alert %s: %w", fp, err)
		}
		delete(h.dirty, fp)
	}
	if err := h.saveFleet(ctx); err != nil {
		return err
	}
	return h.saveGroups(ctx)
}

func (h *Handler) saveOne(ctx context.Context, fp string) error {
	k := kept{Unsaid: h.outbox[fp]}
	if o, ok := h.engine.Lookup(fp); ok {
		k.Open = &o
	}
	if c, ok := h.desk.Lookup(fp); ok {
		if c, ok = c.Keep(); ok {
			k.Case = &c
		}
	}
	if k.Open == nil && k.Case == nil && len(k.Unsaid) == 0 {
		return h.state.Delete(ctx, alertPrefix+fp)
	}
	value, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("marshal: %w", err)
	}
	return h.state.Put(ctx, alertPrefix+fp, value)
}

func (h *Handler) saveJob(ctx context.Context, id series.ID) error {
	value, err := json.Marshal(asked{Source: id.Source, Key: id.Key, Cut: h.retrain.Asked(id)})
	if err != nil {
		return fmt.Errorf("marshal: %w", err)
	}
	if err := h.state.Put(ctx, jobPrefix+wire.Key(id), value); err != nil {
		h.stale = true
		return fmt.Errorf("keep training job of %s: %w", id, err)
	}
	return nil
}

// saveFleet keeps what is known of the fleet as a whole, once for each day of data.
func (h *Handler) saveFleet(ctx context.Context) error {
	value, changed, err := h.rules.FleetState()
	if err != nil || !changed {
		return err
	}
	if err := h.state.Put(ctx, fleetKey, value); err != nil {
		h.stale = true
		return fmt.Errorf("keep the fleet: %w", err)
	}
	return nil
}
