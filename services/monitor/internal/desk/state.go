package desk

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/pipeline"
)

// Errors of Acknowledge.
var (
	ErrNotOpen = errors.New("no such alert stands")
	ErrAcked   = errors.New("is acknowledged already")
)

// Acknowledge notes that somebody takes care of the occurrence of a fingerprint that stands. Doing it twice changes nothing
// and returns ErrAcked.
func (d *Desk) Acknowledge(now time.Time, fingerprint, by, comment string) ([]Say, error) {
	c := d.cases[fingerprint]
	if c == nil || c.Open == nil {
		return nil, fmt.Errorf("acknowledge %s: %w", fingerprint, ErrNotOpen)
	}
	if c.Ack != nil && c.Ack.AlertID == c.Open.ID {
		return nil, fmt.Errorf("%s %w by %s at %s", c.Open.ID, ErrAcked, c.Ack.By, c.Ack.At.UTC().Format(time.RFC3339))
	}
	d.refresh(now)
	c.Ack = &Ack{AlertID: c.Open.ID, By: by, Comment: comment, At: now}
	d.changed[fingerprint] = struct{}{}
	return d.settle(now, fingerprint, c), nil
}

// Changed returns the fingerprints whose cases changed since the last call, sorted.
func (d *Desk) Changed() []string {
	out := slices.Sorted(maps.Keys(d.changed))
	clear(d.changed)
	return out
}

// Lookup returns the case of a fingerprint.
func (d *Desk) Lookup(fingerprint string) (Case, bool) {
	c := d.cases[fingerprint]
	if c == nil {
		return Case{}, false
	}
	return *c, true
}

// Keep returns c as it is to be kept, and whether there is anything worth keeping.
func (c Case) Keep() (Case, bool) {
	if c.Told != nil && c.Open != nil && c.Told.ID == c.Open.ID {
		c.Told, c.ToldOpen = nil, true
	}
	return c, c.Told != nil || c.Open != nil || c.Flap || len(c.Fired) > 0
}

// maxAbout bounds what Above looks at for each component: more alerts of one component say nothing more.
const maxAbout = 100

// Above returns occurrences that stand of what a depends on, in no order; of many about the same, some. They are the
// desk's own: not to be changed.
func (d *Desk) Above(a *event.Alert) []*event.Alert {
	var out []*event.Alert
	for _, component := range pipeline.Above(pipeline.Component(a)) {
		n := 0
		for _, c := range d.about[component] {
			if n++; n > maxAbout {
				break
			}
			out = append(out, c.Open)
		}
	}
	return out
}

// All returns every case by its fingerprint.
func (d *Desk) All() iter.Seq2[string, Case] {
	return func(yield func(string, Case) bool) {
		for fp, c := range d.cases {
			if !yield(fp, *c) {
				return
			}
		}
	}
}

// Len returns the number of cases.
func (d *Desk) Len() int { return len(d.cases) }

// Reset forgets all cases and silences, before Restore and SetSilence put back what was kept.
func (d *Desk) Reset() {
	clear(d.cases)
	clear(d.changed)
	clear(d.timed)
	clear(d.silences)
	clear(d.about)
	d.active = nil
	d.SetConfig(d.cfg)
}

// Restore puts back a case as it was kept, beside the occurrence that stands according to the engine, which may be nil.
// Nothing is said; the next Tick does. Without a kept case an occurrence that stands counts as told.
func (d *Desk) Restore(fingerprint string, open *event.Alert, kept *Case) {
	c := Case{}
	switch {
	case kept != nil:
		c = *kept
	case open != nil:
		c = Case{Told: open, State: event.Firing, Moved: open.At}
	}
	c.Open = open
	if c.ToldOpen {
		c.Told, c.ToldOpen = open, false
	}
	d.cases[fingerprint] = &c
	d.timed[fingerprint] = struct{}{}
	if open != nil {
		d.index(fingerprint, open)
	}
	d.stale = true
}
