package rulebook

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/notify"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rule"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/window"
)

var snake = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// problems collects what is wrong, each with the path of its field.
type problems []error

func (p *problems) bad(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

// Validate reports every field that is wrong, by its path.
func (b *Book) Validate() error {
	var p problems
	for _, name := range slices.Sorted(maps.Keys(b.Rules)) {
		r := b.Rules[name]
		r.validate("rules."+name, name, &p)
	}
	names := map[string]bool{}
	for n, i := range b.Inhibit {
		path := fmt.Sprintf("inhibit[%d]", n)
		p.name(path, i.Name, names)
		if len(i.Source) == 0 || len(i.Target) == 0 {
			p.bad("%s: source and target must both be given", path)
		}
		p.duration(path+".linger", &i.Linger)
	}
	clear(names)
	for n, m := range b.Mute {
		path := fmt.Sprintf("mute[%d]", n)
		p.name(path, m.Name, names)
		if _, err := window.Compile(m.Window); err != nil {
			p.bad("%s.window: %w", path, err)
		}
	}
	if f := b.Flapping; f != nil && (f.Firings < 0 || f.Firings == 1 || f.Firings > 1 && (f.Within <= 0 || f.Calm <= 0)) {
		p.bad("flapping: firings is 0 (never) or at least 2, and within and calm are positive")
	}
	p.duration("watchdog", b.Watchdog)
	if err := notify.Validate(b.Receivers, b.Routes); err != nil {
		p = append(p, err)
	}
	return errors.Join(p...)
}

func (p *problems) name(path, name string, seen map[string]bool) {
	if !snake.MatchString(name) {
		p.bad("%s.name: %q is not in snake_case", path, name)
	}
	if seen[name] {
		p.bad("%s.name: %q is named twice", path, name)
	}
	seen[name] = true
}

func (p *problems) duration(path string, d *time.Duration) {
	if d != nil && *d < 0 {
		p.bad("%s: %s is negative", path, *d)
	}
}

func (r *Rule) validate(path, name string, p *problems) {
	builtIn := slices.Contains(rule.Names(), name) || slices.Contains(rule.Codes(), name)
	switch {
	case !snake.MatchString(name):
		p.bad("%s: the name is not in snake_case", path)
	case r.When != nil && builtIn:
		p.bad("%s.when: %s is an alert of the monitor's own; give your rule another name", path, name)
	case r.When == nil && r.Summary != "":
		p.bad("%s.summary: only a rule with when has one", path)
	}
	p.duration(path+".for", r.For)
	p.duration(path+".keep_firing_for", r.KeepFiring)
	p.duration(path+".retire_after", r.RetireAfter)
	if r.Severity != "" && !slices.Contains([]event.Severity{event.Info, event.Warning, event.Critical}, r.Severity) {
		p.bad("%s.severity: %q is not one of info, warning, critical", path, r.Severity)
	}
	if r.Class != "" && !slices.Contains([]event.Class{event.DataIntegrity, event.Operational, event.Infrastructure, event.ModelDrift}, r.Class) {
		p.bad("%s.class: %q is not one of data_integrity, operational, infrastructure, model_drift", path, r.Class)
	}
	if r.MaxOpen != nil && *r.MaxOpen < 1 {
		p.bad("%s.max_open: %d is less than 1", path, *r.MaxOpen)
	}
	if m := r.Missing; m != nil {
		if m.After <= 0 {
			p.bad("%s.missing.after: %s is not positive", path, m.After)
		}
		p.silence(path+".missing.means", m.Means)
	}
	if r.When != nil {
		r.When.validate(path+".when", p)
	}
}

func (p *problems) silence(path string, s alert.Silence) {
	if !slices.Contains([]alert.Silence{alert.Resolve, alert.Keep, alert.Fire}, s) {
		p.bad("%s: %q is not one of resolve, keep, fire", path, s)
	}
}

func (w *When) validate(path string, p *problems) {
	if !slices.Contains([]event.Kind{event.KindError, event.KindLag, event.KindDrift, event.KindHeartbeat}, w.Kind) {
		p.bad("%s.kind: %q is not one of error, lag, drift, heartbeat", path, w.Kind)
	}
	given := 0
	for _, is := range []bool{w.Count > 0, w.Value != "", w.Absent > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		p.bad("%s: give one of count (with within), value, absent", path)
	}
	if w.Count < 0 || w.Within < 0 || w.Absent < 0 {
		p.bad("%s: count, within and absent are not negative", path)
	}
	if (w.Count > 0) != (w.Within > 0) {
		p.bad("%s: count and within go together", path)
	}
	if w.Value != "" {
		if _, err := parseComparison(w.Value); err != nil {
			p.bad("%s.value: %w", path, err)
		}
	}
	if w.Error != "" {
		p.silence(path+".on_error", w.Error)
	}
	for _, label := range w.By {
		if !snake.MatchString(label) {
			p.bad("%s.by: %q is not the name of a field", path, label)
		}
	}
}
