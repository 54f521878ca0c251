package desk

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
)

// KeepSilences is how long silences are remembered after their end, to explain what was not told.
const KeepSilences = 5 * 24 * time.Hour

// Silence holds back the alerts it matches from Start (included) to End (excluded).
type Silence struct {
	ID        string    `json:"id"`
	Matchers  match.Set `json:"matchers"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Author    string    `json:"author"`
	Comment   string    `json:"comment"`
	CreatedAt time.Time `json:"created_at"`
}

// Validate reports every field that is wrong.
func (s Silence) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.ID == "" || strings.ContainsAny(s.ID, " .*>\t\n") {
		bad("id: %q is empty or has a blank, dot or wildcard", s.ID)
	}
	if len(s.Matchers) == 0 {
		bad(`matchers: none given; say which alerts, for example name="consumer_stalled"`)
	} else if s.Matchers.Everything() {
		bad("matchers: %s matches every alert; name a label that must have a value", s.Matchers)
	}
	if s.Start.IsZero() || !s.End.After(s.Start) {
		bad("end: %s is not after the start %s", s.End.Format(time.RFC3339), s.Start.Format(time.RFC3339))
	}
	if s.Author == "" {
		bad("author: empty; say who silences")
	}
	if s.Comment == "" {
		bad("comment: empty; say why")
	}
	return errors.Join(errs...)
}

func (s Silence) reason() string {
	return fmt.Sprintf("silence %s by %s until %s: %s", s.ID, s.Author, s.End.UTC().Format(time.RFC3339), s.Comment)
}

// At says whether the silence is in force at t.
func (s Silence) At(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// SetSilence adds or replaces a silence. It must be valid. The next Tick applies it.
func (d *Desk) SetSilence(s Silence) {
	d.silences[s.ID] = s
	d.next, d.stale, d.active = time.Time{}, true, nil
}

// Silence returns the silence with an ID.
func (d *Desk) Silence(id string) (Silence, bool) {
	s, ok := d.silences[id]
	return s, ok
}

// Silences returns all silences that are remembered, by end and ID.
func (d *Desk) Silences() []Silence {
	return slices.SortedFunc(maps.Values(d.silences), func(a, b Silence) int {
		return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.ID, b.ID))
	})
}

func (d *Desk) activeSilences(now time.Time) []Silence {
	var out []Silence
	for _, s := range d.silences {
		if s.At(now) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Silence) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// prune forgets silences long over.
func (d *Desk) prune(now time.Time) {
	maps.DeleteFunc(d.silences, func(_ string, s Silence) bool { return now.Sub(s.End) > KeepSilences })
}
