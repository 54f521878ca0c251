// Package rulebook reads the rules file: how each alert behaves, rules of the user's own, who is told, and what holds
// alerts back. Its JSON schema is docs/rules.schema.json.
//
// The file says only what is to be different: a field that is not given keeps what the monitor does by itself, which
// default.yaml writes out in full. A list that is given (inhibit, mute) replaces the one of default.yaml.
package rulebook

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/desk"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/notify"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/window"
)

// Version is the version of the format.
const Version = 1

//go:embed default.yaml
var defaultYAML []byte

// DefaultYAML returns the file that says what the monitor does without one.
func DefaultYAML() []byte { return bytes.Clone(defaultYAML) }

// Book is a rules file.
type Book struct {
	Version   int               `yaml:"version" json:"version" jsonschema:"enum=1,description=Version of the format: 1."`
	Rules     map[string]Rule   `yaml:"rules,omitempty" json:"rules,omitempty" jsonschema:"description=By name of the alert: how it behaves\\, or (with when) a rule of your own."`
	Inhibit   []Inhibit         `yaml:"inhibit,omitempty" json:"inhibit,omitempty" jsonschema:"description=Which alerts hold back which: causes their symptoms."`
	Mute      []Mute            `yaml:"mute,omitempty" json:"mute,omitempty" jsonschema:"description=Hours in which nobody is told."`
	Flapping  *Flapping         `yaml:"flapping,omitempty" json:"flapping,omitempty" jsonschema:"description=When an alert counts as flapping."`
	Watchdog  *time.Duration    `yaml:"watchdog,omitempty" json:"watchdog,omitempty" jsonschema:"description=How often the watchdog says that the monitor lives; 0s means never."`
	Receivers []notify.Receiver `yaml:"receivers,omitempty" json:"receivers,omitempty" jsonschema:"description=Who is told beside the subscribers of the bus."`
	Routes    []notify.Route    `yaml:"routes,omitempty" json:"routes,omitempty" jsonschema:"description=Which alerts go to which receiver; the first that matches takes the alert unless it says continue."`
}

// Rule says how the alerts of one name behave. Fields that are nil or empty keep what the monitor does by itself.
type Rule struct {
	Enabled     *bool             `yaml:"enabled,omitempty" json:"enabled,omitempty" jsonschema:"description=false: the alert is never raised\\, and what stands of it resolves."`
	For         *time.Duration    `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=How long the condition must hold before the alert fires."`
	KeepFiring  *time.Duration    `yaml:"keep_firing_for,omitempty" json:"keep_firing_for,omitempty" jsonschema:"description=How long the condition must be over before the alert resolves."`
	Severity    event.Severity    `yaml:"severity,omitempty" json:"severity,omitempty" jsonschema:"enum=info,enum=warning,enum=critical"`
	Class       event.Class       `yaml:"class,omitempty" json:"class,omitempty" jsonschema:"enum=data_integrity,enum=operational,enum=infrastructure,enum=model_drift"`
	Runbook     string            `yaml:"runbook,omitempty" json:"runbook,omitempty" jsonschema:"description=What to do about it: a text or a link."`
	Labels      map[string]string `yaml:"labels,omitempty" json:"labels,omitempty" jsonschema:"description=Added to the labels of the alert; one it has already stays."`
	MaxOpen     *int              `yaml:"max_open,omitempty" json:"max_open,omitempty" jsonschema:"minimum=1,description=Most open alerts of this name; further ones are held back and counted by alert_flood."`
	Missing     *Missing          `yaml:"missing,omitempty" json:"missing,omitempty" jsonschema:"description=What it means when nothing more is heard of an open alert."`
	RetireAfter *time.Duration    `yaml:"retire_after,omitempty" json:"retire_after,omitempty" jsonschema:"description=When nothing was heard for this long what the alert is about is retired: it resolves\\, whatever missing means. 0s means never."`

	When    *When  `yaml:"when,omitempty" json:"when,omitempty" jsonschema:"description=The condition\\, which makes it a rule of your own."`
	Summary string `yaml:"summary,omitempty" json:"summary,omitempty" jsonschema:"description=What broke\\, of a rule of your own. $service and other names of by stand for their values."`
}

// Missing says what silence means about an open alert.
type Missing struct {
	After time.Duration `yaml:"after" json:"after" jsonschema:"description=How long nothing must be heard."`
	Means alert.Silence `yaml:"means" json:"means" jsonschema:"enum=resolve,enum=keep,enum=fire,description=resolve: it is over. keep: it stands until something says otherwise. fire: as keep\\, and one that is pending fires."`
}

// When is a condition over events: a number of them, a field of the newest, or none at all.
type When struct {
	Kind   event.Kind      `yaml:"kind" json:"kind" jsonschema:"enum=error,enum=lag,enum=drift,enum=heartbeat"`
	Match  []match.Matcher `yaml:"match,omitempty" json:"match,omitempty" jsonschema:"description=Which events count\\, by service instance code class severity subject condition stream consumer series source detector state version or an attribute."`
	By     []string        `yaml:"by,omitempty" json:"by,omitempty" jsonschema:"description=Fields that become labels: one alert for each of their values."`
	Count  int             `yaml:"count,omitempty" json:"count,omitempty" jsonschema:"minimum=1,description=It holds while at least so many events came within the window."`
	Within time.Duration   `yaml:"within,omitempty" json:"within,omitempty" jsonschema:"description=The window of count."`
	Value  string          `yaml:"value,omitempty" json:"value,omitempty" jsonschema:"description=It holds while this is true of the newest event\\, as pending > 1000. Fields: pending ack_pending redelivered oldest_seconds data_age_seconds statistic uptime_seconds processed or an attribute that is a number."`
	Absent time.Duration   `yaml:"absent,omitempty" json:"absent,omitempty" jsonschema:"description=It holds while no event came for this long\\, after the first."`
	Error  alert.Silence   `yaml:"on_error,omitempty" json:"on_error,omitempty" jsonschema:"enum=resolve,enum=keep,enum=fire,description=What an event means whose value cannot be read: keep (the default) changes nothing."`
}

// Inhibit is one inhibition rule.
type Inhibit struct {
	Name       string          `yaml:"name" json:"name"`
	Source     []match.Matcher `yaml:"source" json:"source" jsonschema:"description=The cause."`
	Target     []match.Matcher `yaml:"target" json:"target" jsonschema:"description=The symptom."`
	Equal      []string        `yaml:"equal,omitempty" json:"equal,omitempty" jsonschema:"description=Labels in which both must agree."`
	Downstream bool            `yaml:"downstream,omitempty" json:"downstream,omitempty" jsonschema:"description=What the symptom is about must depend on what the cause is about: bus and store\\, ingestor\\, validator\\, forecaster\\, sources."`
	Linger     time.Duration   `yaml:"linger,omitempty" json:"linger,omitempty" jsonschema:"description=How long symptoms stay held back after the cause has ended."`
}

// Mute is hours in which the alerts it matches are held back.
type Mute struct {
	Name   string          `yaml:"name" json:"name"`
	Match  []match.Matcher `yaml:"match,omitempty" json:"match,omitempty"`
	Window window.Window   `yaml:"window" json:"window"`
}

// Flapping says when an alert counts as flapping.
type Flapping struct {
	Firings int           `yaml:"firings" json:"firings" jsonschema:"minimum=0,description=So many beginnings; 0 means never."`
	Within  time.Duration `yaml:"within" json:"within" jsonschema:"description=Within this time."`
	Calm    time.Duration `yaml:"calm" json:"calm" jsonschema:"description=It is over when nothing begins or ends for this long."`
}

// Default returns the book that the monitor has without a file. Its rules are those of default.yaml only where they
// cannot come from flags, so none.
func Default() (*Book, error) {
	b, err := decode(defaultYAML)
	if err != nil {
		return nil, fmt.Errorf("default.yaml: %w", err)
	}
	b.Rules = nil
	return b, b.Validate()
}

// Read reads a rules file over the defaults and reports everything that is wrong with it.
func Read(data []byte) (*Book, error) {
	b, err := Default()
	if err != nil {
		return nil, err
	}
	given, err := decode(data)
	if err != nil {
		return nil, err
	}
	b.over(given)
	return b, b.Validate()
}

func decode(data []byte) (*Book, error) {
	var b Book
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&b); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if b.Version != Version {
		return nil, fmt.Errorf("version: %d is not known; begin the file with: version: %d", b.Version, Version)
	}
	return &b, nil
}

// over takes what given says.
func (b *Book) over(given *Book) {
	b.Rules, b.Receivers, b.Routes = given.Rules, given.Receivers, given.Routes
	if given.Inhibit != nil {
		b.Inhibit = given.Inhibit
	}
	if given.Mute != nil {
		b.Mute = given.Mute
	}
	if given.Flapping != nil {
		b.Flapping = given.Flapping
	}
	if given.Watchdog != nil {
		b.Watchdog = given.Watchdog
	}
}

// Desk returns what the book says about who is told. The book must be valid.
func (b *Book) Desk() (desk.Config, error) {
	var c desk.Config
	for _, i := range b.Inhibit {
		c.Inhibit = append(c.Inhibit, desk.Inhibit{Name: i.Name, Source: i.Source, Target: i.Target, Equal: i.Equal, Downstream: i.Downstream, Linger: i.Linger})
	}
	for _, m := range b.Mute {
		w, err := window.Compile(m.Window)
		if err != nil {
			return c, fmt.Errorf("mute %s: %w", m.Name, err)
		}
		c.Mute = append(c.Mute, desk.Mute{Name: m.Name, Matchers: m.Match, Window: w})
	}
	if b.Flapping != nil {
		c.Flap = desk.Flap{Firings: b.Flapping.Firings, Window: b.Flapping.Within, Calm: b.Flapping.Calm}
	}
	return c, nil
}

// Enabled says whether alerts of a name may be raised.
func (b *Book) Enabled(name string) bool {
	r := b.Rules[name]
	return r.Enabled == nil || *r.Enabled
}

// Orphan says that nothing will speak of an open alert any more: its rule is gone or disabled, or adds other labels now.
func (b *Book) Orphan(o alert.Open) bool {
	r := b.Rules[o.Alert.Name]
	return !b.Enabled(o.Alert.Name) || o.Policy.Own && r.When == nil || o.Policy.Added != alert.Labels(r.Labels)
}

// Apply returns s as the book wants it.
func (b *Book) Apply(s alert.Signal) alert.Signal {
	r, ok := b.Rules[s.Name]
	if !ok {
		return s
	}
	if len(r.Labels) > 0 {
		labels := make(map[string]string, len(s.Labels)+len(r.Labels))
		maps.Copy(labels, r.Labels)
		maps.Copy(labels, s.Labels)
		s.Labels = labels
	}
	if r.Severity != "" {
		s.Severity = r.Severity
	}
	if r.Class != "" {
		s.Class = r.Class
	}
	if r.Runbook != "" {
		s.Runbook = r.Runbook
	}
	s.Policy = r.policy(s.Policy)
	s.Policy.Added = alert.Labels(r.Labels)
	return s
}

func (r *Rule) policy(p alert.Policy) alert.Policy {
	set(&p.For, r.For)
	set(&p.KeepFiring, r.KeepFiring)
	set(&p.MaxOpen, r.MaxOpen)
	set(&p.Retire, r.RetireAfter)
	if r.Missing != nil {
		p.Quiet, p.OnQuiet = r.Missing.After, r.Missing.Means
		if p.OnQuiet == alert.Resolve {
			p.OnQuiet = "" // the same
		}
	}
	return p
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
