package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/pipeline"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/window"
)

// Inhibit says that an alert which stands holds back others: those are its symptoms. An alert never inhibits itself, and
// one that is both a source and a target is not inhibited by another such, so that no two hold back each other.
type Inhibit struct {
	Name   string
	Source match.Set
	Target match.Set
	// Equal are labels that source and target must agree in; a label that is not there is the empty text.
	Equal []string
	// Downstream demands that what the target is about depends on what the source is about; see package pipeline.
	Downstream bool
	// Linger holds the target back for this long after the source has ended: symptoms end after their cause.
	Linger time.Duration
}

// Mute holds back the alerts it matches during a window.
type Mute struct {
	Name     string
	Matchers match.Set
	Window   *window.Compiled
}

type mute struct {
	rule   Mute
	window *window.Compiled
	on     bool
}

func compileMutes(rules []Mute) []mute {
	out := make([]mute, len(rules))
	for i, r := range rules {
		out[i] = mute{rule: r, window: r.Window}
	}
	return out
}

// inhibitor is an inhibition rule with its sources that stand, by what they have in common with their targets.
type inhibitor struct {
	rule    Inhibit
	sources map[string]map[string]bool // key, then fingerprint; true when the source is a target as well
	keys    map[string]string          // key by fingerprint
}

func newInhibitor(rule Inhibit) *inhibitor {
	return &inhibitor{rule: rule, sources: map[string]map[string]bool{}, keys: map[string]string{}}
}

// key is what source and target must agree in.
func (i *inhibitor) key(a *event.Alert, component string) string {
	var b strings.Builder
	b.WriteString(component)
	for _, label := range i.rule.Equal {
		value := match.Value(a, label)
		fmt.Fprintf(&b, "\x00%d:%s", len(value), value)
	}
	return b.String()
}

func (i *inhibitor) add(fp string, a *event.Alert) bool {
	if !i.rule.Source.Matches(a) {
		return false
	}
	component := ""
	if i.rule.Downstream {
		if component = pipeline.Component(a); component == "" {
			return false
		}
	}
	k := i.key(a, component)
	if i.sources[k] == nil {
		i.sources[k] = map[string]bool{}
	}
	i.sources[k][fp] = i.rule.Target.Matches(a)
	i.keys[fp] = k
	return true
}

func (i *inhibitor) remove(fp string) bool {
	k, ok := i.keys[fp]
	if !ok {
		return false
	}
	delete(i.keys, fp)
	if delete(i.sources[k], fp); len(i.sources[k]) == 0 {
		delete(i.sources, k)
	}
	return true
}

// source returns the fingerprint of a standing alert that inhibits a, the least of them, or "".
func (i *inhibitor) source(a *event.Alert) string {
	if len(i.sources) == 0 || !i.rule.Target.Matches(a) {
		return ""
	}
	both := i.rule.Source.Matches(a)
	components := []string{""}
	if i.rule.Downstream {
		components = pipeline.Above(pipeline.Component(a))
	}
	least := ""
	for _, component := range components {
		for fp, isTarget := range i.sources[i.key(a, component)] {
			if fp != a.Fingerprint && !(both && isTarget) && (least == "" || fp < least) {
				least = fp
			}
		}
	}
	return least
}

func (d *Desk) index(fp string, a *event.Alert) {
	component := pipeline.Component(a)
	if d.about[component] == nil {
		d.about[component] = map[string]*Case{}
	}
	d.about[component][fp] = d.cases[fp]
	for _, i := range d.inhibits {
		i.remove(fp)
		if i.add(fp, a) {
			d.stale = true
		}
	}
}

func (d *Desk) unindex(fp string, a *event.Alert) {
	component := pipeline.Component(a)
	if delete(d.about[component], fp); len(d.about[component]) == 0 {
		delete(d.about, component)
	}
	for _, i := range d.inhibits {
		if i.remove(fp) {
			d.stale = true
		}
	}
}

// inhibited says whether a standing alert holds back c, or held it back until a moment ago.
func (d *Desk) inhibited(now time.Time, c *Case) (verdict, bool) {
	for _, i := range d.inhibits {
		if fp := i.source(c.Open); fp != "" {
			source := d.cases[fp].Open
			return verdict{event.Inhibited, i.rule.Name, fmt.Sprintf("a symptom of %s %s (%s) by rule %s", source.Name, source.ID, source.Summary, i.rule.Name), time.Time{}}, true
		}
	}
	if c.State != event.Inhibited {
		return verdict{}, false
	}
	hold := c.Hold
	for _, i := range d.inhibits {
		if i.rule.Name == c.By && hold.IsZero() {
			hold = now.Add(i.rule.Linger)
		}
	}
	if now.Before(hold) {
		return verdict{event.Inhibited, c.By, c.Reason, hold}, true
	}
	return verdict{}, false
}
