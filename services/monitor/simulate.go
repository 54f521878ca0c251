package monitor

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/notify"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rulebook"
)

// CheckRules reports everything that is wrong with a rules file.
func CheckRules(data []byte) error {
	_, err := rulebook.Read(data)
	return err
}

// DefaultRules returns the rules file that says what the monitor does without one.
func DefaultRules() []byte { return rulebook.DefaultYAML() }

// Scenarios is a file for `bellwether rules test`.
type Scenarios struct {
	Rules     string     `yaml:"rules_file,omitempty"` // beside this file; the defaults when empty
	Scenarios []Scenario `yaml:"scenarios"`
}

// Scenario is one story on a virtual clock: what happens, and what is told. The real monitor plays it, with its encoding,
// its bucket and its outbox; only bus, store and receivers are in memory.
type Scenario struct {
	Name   string        `yaml:"name"`
	Start  time.Time     `yaml:"start,omitempty"` // 2026-03-01T00:00:00Z, a Sunday, when not given
	End    time.Duration `yaml:"end"`
	Expect []string      `yaml:"expect,omitempty"` // services that must be heard of; none when not given
	Rules  yaml.Node     `yaml:"rules,omitempty"`  // a rules file in place of that of the whole
	Flags  Flags         `yaml:"flags,omitempty"`
	Steps  []Act         `yaml:"steps"`
	Want   []string      `yaml:"want"`             // "30s warning name{label=value} firing", in order
	Notify []string      `yaml:"notify,omitempty"` // "40s pager first: name{label=value} firing, …", in order
	Record []string      `yaml:"record,omitempty"` // as Want, with every state in the record; not compared when not given
}

// Flags are settings of the monitor that a scenario may change.
type Flags struct {
	LagGrowing      bool                     `yaml:"lag_growing,omitempty"`
	StallForService map[string]time.Duration `yaml:"stall_for_service,omitempty"`
	KeepFiringFor   *time.Duration           `yaml:"keep_firing_for,omitempty"`
	QuietPeriod     time.Duration            `yaml:"quiet_period,omitempty"`
	SettleFor       *time.Duration           `yaml:"settle_for,omitempty"`
	MaxOpen         int                      `yaml:"max_open,omitempty"`
}

// Act is something that happens at a time, or again and again until another.
type Act struct {
	At    time.Duration `yaml:"at"`
	Every time.Duration `yaml:"every,omitempty"`
	Until time.Duration `yaml:"until,omitempty"`

	Heartbeat *ActBeat     `yaml:"heartbeat,omitempty"`
	Error     *ActError    `yaml:"error,omitempty"`
	Lag       *ActLag      `yaml:"lag,omitempty"`
	Drift     *ActDrift    `yaml:"drift,omitempty"`
	Ack       *ActAck      `yaml:"ack,omitempty"`
	Silence   *ActSilence  `yaml:"silence,omitempty"`
	Expire    string       `yaml:"expire,omitempty"`  // a silence by its id
	Rules     yaml.Node    `yaml:"rules,omitempty"`   // the rules file changes to this
	Restart   bool         `yaml:"restart,omitempty"` // the monitor is killed and starts again
	Bus       string       `yaml:"bus,omitempty"`     // "down" or "up"
	Store     string       `yaml:"store,omitempty"`   // "down" or "up"
	Receiver  *ActReceiver `yaml:"receiver,omitempty"`

	Tolerate bool `yaml:"tolerate,omitempty"` // an ack or expire of what is not there is no error
}

// ActBeat is a heartbeat.
type ActBeat struct {
	Service  string        `yaml:"service"`
	Instance string        `yaml:"instance,omitempty"`
	State    string        `yaml:"state,omitempty"`    // running
	Interval time.Duration `yaml:"interval,omitempty"` // 5s
	Version  string        `yaml:"version,omitempty"`
}

// ActError is an error event.
type ActError struct {
	Service    string            `yaml:"service"`
	Code       string            `yaml:"code"`
	Subject    string            `yaml:"subject,omitempty"`
	Class      event.Class       `yaml:"class,omitempty"`
	Severity   event.Severity    `yaml:"severity,omitempty"`
	Condition  event.Condition   `yaml:"condition,omitempty"` // raised
	Message    string            `yaml:"message,omitempty"`
	Attributes map[string]string `yaml:"attributes,omitempty"`
}

// ActLag is a lag event of a consumer, or of a series.
type ActLag struct {
	Service     string        `yaml:"service"`
	Stream      string        `yaml:"stream,omitempty"`
	Consumer    string        `yaml:"consumer,omitempty"`
	Pending     uint64        `yaml:"pending,omitempty"`
	AckPending  uint64        `yaml:"ack_pending,omitempty"`
	Redelivered uint64        `yaml:"redelivered,omitempty"`
	AckFloor    uint64        `yaml:"ack_floor,omitempty"`
	Oldest      time.Duration `yaml:"oldest,omitempty"`
	Paused      bool          `yaml:"paused,omitempty"`
	Series      string        `yaml:"series,omitempty"`
	DataAge     time.Duration `yaml:"data_age,omitempty"`
	ExpectedAge time.Duration `yaml:"expected_age,omitempty"`
}

// ActDrift is a drift event.
type ActDrift struct {
	Series    string          `yaml:"series"`
	Detector  string          `yaml:"detector"`
	Condition event.Condition `yaml:"condition,omitempty"` // raised
	Model     string          `yaml:"model,omitempty"`
	Statistic float64         `yaml:"statistic,omitempty"`
	Threshold float64         `yaml:"threshold,omitempty"`
}

// ActAck acknowledges an alert.
type ActAck struct {
	Alert   string `yaml:"alert"` // name{label=value}
	By      string `yaml:"by,omitempty"`
	Comment string `yaml:"comment,omitempty"`
}

// ActSilence silences alerts.
type ActSilence struct {
	ID    string        `yaml:"id"`
	Match []string      `yaml:"match"`
	In    time.Duration `yaml:"in,omitempty"` // when it begins, from now
	For   time.Duration `yaml:"for"`
}

// ActReceiver makes a receiver fail or work again.
type ActReceiver struct {
	Name  string `yaml:"name"`
	Fails bool   `yaml:"fails"`
}

var errScenario = errors.New("scenario")

// ReadScenarios reads a file for `bellwether rules test`. Fields that are not known are errors.
func ReadScenarios(data []byte) (Scenarios, error) {
	var s Scenarios
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("read scenarios: %w", err)
	}
	seen := map[string]bool{}
	for n, x := range s.Scenarios {
		if x.Name == "" || seen[x.Name] || x.End <= 0 {
			return s, fmt.Errorf("scenarios[%d]: a name of its own and an end are needed: %w", n, errScenario)
		}
		seen[x.Name] = true
	}
	return s, nil
}

// Played is what a scenario made the monitor say, one line each.
type Played struct {
	Told     []string // on the bus
	Notified []string // to receivers
	Recorded []string // in the store
}

// Differences returns what is not as the scenario wants it, or nothing.
func (s Scenario) Differences(got Played) []string {
	out := difference("want", s.Want, got.Told)
	out = append(out, difference("notify", s.Notify, got.Notified)...)
	if s.Record != nil {
		out = append(out, difference("record", s.Record, got.Recorded)...)
	}
	return out
}

// difference compares line by line: what is wanted at a place and what is there. What different alerts do at the same
// instant has no order.
func difference(field string, want, got []string) []string {
	want, got = arranged(want), arranged(got)
	var out []string
	for i := range max(len(want), len(got)) {
		w, g := at(want, i), at(got, i)
		if w != g {
			out = append(out, fmt.Sprintf("%s[%d]:\n  want %s\n  got  %s", field, i, cmp.Or(w, "nothing"), cmp.Or(g, "nothing")))
		}
	}
	return out
}

// arranged orders lines of the same instant by what they are about; those about the same alert keep their order.
func arranged(lines []string) []string {
	out := slices.Clone(lines)
	for from := 0; from < len(out); {
		instant, _, _ := strings.Cut(out[from], " ")
		to := from + 1
		for to < len(out) && strings.HasPrefix(out[to], instant+" ") {
			to++
		}
		slices.SortStableFunc(out[from:to], func(a, b string) int { return cmp.Compare(subjectOf(a), subjectOf(b)) })
		from = to
	}
	return out
}

// subjectOf returns what a line is about: without time, severity or receiver, and state.
func subjectOf(line string) string {
	parts := strings.SplitN(line, " ", 3)
	subject := parts[len(parts)-1]
	if strings.Contains(subject, ": ") { // a notification
		return line
	}
	if i := strings.LastIndex(subject, " "); i > 0 {
		subject = subject[:i]
	}
	return subject
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// Play plays a scenario second by second: what happens at a second, then Flush, as the monitor's loop does. rules is the
// rules file where the scenario has none of its own; nil means the defaults.
func (s Scenario) Play(ctx context.Context, rules []byte) (Played, error) {
	if s.Rules.Kind != 0 {
		own, err := yaml.Marshal(&s.Rules)
		if err != nil {
			return Played{}, fmt.Errorf("%s: rules: %w", s.Name, err)
		}
		rules = own
	}
	m, err := newSimulation(s, rules)
	if err != nil {
		return Played{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	type due struct {
		at  time.Duration
		act *Act
	}
	var all []due
	for i := range s.Steps {
		a := &s.Steps[i]
		all = append(all, due{a.At, a})
		for t := a.At + a.Every; a.Every > 0 && t <= cmp.Or(a.Until, s.End); t += a.Every {
			all = append(all, due{t, a})
		}
	}
	slices.SortStableFunc(all, func(x, y due) int { return cmp.Compare(x.at, y.at) })
	for t := time.Duration(0); t <= s.End; t += time.Second {
		m.clock = m.start.Add(t)
		for len(all) > 0 && all[0].at <= t {
			if err := m.act(ctx, all[0].act); err != nil && !all[0].act.Tolerate {
				return Played{}, fmt.Errorf("%s: at %s: %w", s.Name, t, err)
			}
			all = all[1:]
		}
		if err := m.turn(ctx); err != nil {
			return Played{}, fmt.Errorf("%s: at %s: %w", s.Name, t, err)
		}
	}
	return m.played, nil
}

// simulation is a monitor and its surroundings in memory, on a virtual clock.
type simulation struct {
	cfg    Config
	rules  []byte
	start  time.Time
	clock  time.Time
	h      *Handler
	bucket map[string][]byte
	events int
	ids    map[string]bool // message IDs that the bus knows
	rows   map[string]bool // rows of alerts by their key

	busDown, storeDown bool
	failing            map[string]bool // receivers

	played Played
}

func newSimulation(s Scenario, rules []byte) (*simulation, error) {
	cfg := DefaultConfig()
	cfg.Expect = s.Expect
	cfg.LagGrowing = s.Flags.LagGrowing
	if s.Flags.StallForService != nil {
		cfg.StallForService = s.Flags.StallForService
	}
	if s.Flags.KeepFiringFor != nil {
		cfg.KeepFiringFor = *s.Flags.KeepFiringFor
	}
	if s.Flags.SettleFor != nil {
		cfg.SettleFor = *s.Flags.SettleFor
	}
	cfg.QuietPeriod = cmp.Or(s.Flags.QuietPeriod, cfg.QuietPeriod)
	cfg.MaxOpen = cmp.Or(s.Flags.MaxOpen, cfg.MaxOpen)
	m := &simulation{
		cfg: cfg, rules: rules, start: s.Start, bucket: map[string][]byte{}, ids: map[string]bool{}, rows: map[string]bool{}, failing: map[string]bool{},
	}
	if m.start.IsZero() {
		m.start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	m.clock = m.start
	return m, m.restart()
}

// restart is the death of a monitor and the start of another: what is kept is all it has.
func (m *simulation) restart() error {
	h, err := New(m.cfg, m, func() time.Time { return m.clock })
	if err != nil {
		return err
	}
	if m.rules != nil {
		b, err := rulebook.Read(m.rules)
		if err != nil {
			return err
		}
		if err := h.use(b); err != nil {
			return err
		}
	}
	m.h = h
	return nil
}

var errDownNow = errors.New("is down in this scenario")

// Keys implements State, as do Get, Put and Delete.
func (m *simulation) Keys(context.Context) ([]string, error) {
	if m.busDown {
		return nil, errDownNow
	}
	return slices.Collect(maps.Keys(m.bucket)), nil
}

// Get implements State.
func (m *simulation) Get(_ context.Context, key string) ([]byte, error) { return m.bucket[key], nil }

// Put implements State.
func (m *simulation) Put(_ context.Context, key string, value []byte) error {
	if m.busDown {
		return errDownNow
	}
	m.bucket[key] = bytes.Clone(value)
	return nil
}

// Delete implements State.
func (m *simulation) Delete(_ context.Context, key string) error {
	if m.busDown {
		return errDownNow
	}
	delete(m.bucket, key)
	return nil
}

// Publish implements stage.Publisher: the bus, which drops messages it has.
func (m *simulation) Publish(_ context.Context, msgs ...stage.Message) error {
	if m.busDown {
		return errDownNow
	}
	for _, x := range msgs {
		if m.ids[x.ID] || !strings.HasPrefix(x.Subject, "bw.alert.") {
			continue
		}
		m.ids[x.ID] = true
		a, err := wire.DecodeAlert(x.Data)
		if err != nil {
			return err
		}
		if a.Name != event.Watchdog {
			m.played.Told = append(m.played.Told, m.line(a.At, a.Severity, a.Name, a.Labels, a.State))
		}
	}
	return nil
}

// Write implements stage.Sink: the store, in which a row replaces itself.
func (m *simulation) Write(_ context.Context, _ string, rows []stage.Row) error {
	if m.storeDown {
		return errDownNow
	}
	for _, r := range rows {
		a, ok := r.(record.Alert)
		key := fmt.Sprint(a.AlertID, a.At.UnixMilli(), a.State)
		if !ok || m.rows[key] {
			continue
		}
		m.rows[key] = true
		m.played.Recorded = append(m.played.Recorded, m.line(a.At, event.Severity(a.Severity), a.Name, a.Labels, event.State(a.State)))
	}
	return nil
}

func (m *simulation) line(at time.Time, severity event.Severity, name string, labels map[string]string, state event.State) string {
	return fmt.Sprintf("%s %s %s %s", at.Sub(m.start), severity, named(name, labels), state)
}

// named returns an alert as name{label=value, …}.
func named(name string, labels map[string]string) string {
	return name + "{" + alert.Labels(labels) + "}"
}

// turn is one turn of the monitor's loop, and of the courier's.
func (m *simulation) turn(ctx context.Context) error {
	if err := m.h.Flush(ctx, m, m); err != nil && !errors.Is(err, errDownNow) {
		return err
	}
	busy := map[string]bool{}
	for _, n := range m.h.deliveries() {
		r, ok := m.h.receiver(n.Receiver)
		if !ok || busy[n.Receiver] {
			continue
		}
		busy[n.Receiver] = true
		var err error
		switch {
		case !m.failing[n.Receiver]:
			m.played.Notified = append(m.played.Notified, m.notification(n))
			err = m.h.delivered(ctx, n)
		case m.clock.Sub(n.At) >= r.GiveUp():
			err = m.h.giveUp(ctx, n, errDownNow)
		}
		if err != nil && !errors.Is(err, errDownNow) {
			return err
		}
	}
	return nil
}

func (m *simulation) notification(n notify.Notification) string {
	var parts []string
	for i := range n.Alerts {
		a := &n.Alerts[i]
		parts = append(parts, named(a.Name, a.Labels)+" "+string(a.State))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%s %s %s: %s", m.clock.Sub(m.start), n.Receiver, n.Reason, strings.Join(parts, ", "))
}

func (m *simulation) act(ctx context.Context, a *Act) error {
	switch {
	case a.Heartbeat != nil, a.Error != nil, a.Lag != nil, a.Drift != nil:
		e, err := a.event(m.clock)
		if err != nil {
			return err
		}
		return m.deliver(ctx, e)
	case a.Ack != nil:
		return m.ack(ctx, a.Ack)
	case a.Silence != nil:
		start := m.clock.Add(a.Silence.In)
		_, err := m.h.Silence(ctx, Silence{ID: a.Silence.ID, Matchers: a.Silence.Match, Start: start, End: start.Add(a.Silence.For), Author: "scenario", Comment: "scenario"})
		return err
	case a.Expire != "":
		_, err := m.h.Expire(ctx, a.Expire)
		return err
	case a.Rules.Kind != 0:
		data, err := yaml.Marshal(&a.Rules)
		if err != nil {
			return fmt.Errorf("rules: %w", err)
		}
		m.rules = data
		return m.h.SetRules(ctx, data)
	case a.Restart:
		return m.restart()
	case a.Bus != "":
		m.busDown = a.Bus == "down"
	case a.Store != "":
		m.storeDown = a.Store == "down"
	case a.Receiver != nil:
		m.failing[a.Receiver.Name] = a.Receiver.Fails
	default:
		return fmt.Errorf("the step does nothing: %w", errScenario)
	}
	return nil
}

func (m *simulation) ack(ctx context.Context, a *ActAck) error {
	list, err := m.h.Alerts(ctx)
	if err != nil {
		return err
	}
	for _, x := range list {
		if named(x.Name, x.Labels) == a.Alert {
			_, err := m.h.Ack(ctx, AckRequest{Alert: x.Fingerprint, By: cmp.Or(a.By, "scenario"), Comment: a.Comment})
			return err
		}
	}
	return fmt.Errorf("ack: %s is not open: %w", a.Alert, errScenario)
}

// deliver hands an event to the monitor as the bus does.
func (m *simulation) deliver(ctx context.Context, e event.Event) error {
	m.events++
	e.ID = fmt.Sprintf("scenario.%d", m.events)
	x := wire.EncodeEvent(e)
	x.Time, x.Attempt = m.clock, 1
	if m.busDown {
		return fmt.Errorf("an event while the bus is down: %w", errScenario)
	}
	if _, err := m.h.Handle(ctx, x); err != nil {
		return err
	}
	return nil
}

func (a *Act) event(now time.Time) (event.Event, error) {
	e := event.Event{Instance: "a", At: now}
	switch {
	case a.Heartbeat != nil:
		b := a.Heartbeat
		e.Service, e.Instance = b.Service, cmp.Or(b.Instance, "a")
		e.Heartbeat = &event.Heartbeat{State: cmp.Or(b.State, "running"), Interval: cmp.Or(b.Interval, 5*time.Second), Version: b.Version}
	case a.Error != nil:
		x := a.Error
		e.Service = x.Service
		e.Error = &event.Error{
			Class: cmp.Or(x.Class, event.DataIntegrity), Code: x.Code, Subject: x.Subject, Condition: cmp.Or(x.Condition, event.Raised),
			Severity: cmp.Or(x.Severity, event.Warning), Message: cmp.Or(x.Message, "broken"), Attributes: x.Attributes,
		}
	case a.Lag != nil:
		l := a.Lag
		e.Service = l.Service
		e.Lag = &event.Lag{
			Stream: l.Stream, Consumer: l.Consumer, Pending: l.Pending, AckPending: l.AckPending, Redelivered: l.Redelivered, AckFloor: l.AckFloor,
			Oldest: l.Oldest, Paused: l.Paused, DataAge: l.DataAge, ExpectedAge: l.ExpectedAge,
		}
		if l.Series != "" {
			id, err := series.ParseID(l.Series)
			if err != nil {
				return e, err
			}
			e.Lag.Series = id
		}
	case a.Drift != nil:
		d := a.Drift
		id, err := series.ParseID(d.Series)
		if err != nil {
			return e, err
		}
		e.Service = event.Forecaster
		e.Drift = &event.Drift{
			Series: id, Detector: d.Detector, Condition: cmp.Or(d.Condition, event.Raised), ModelID: d.Model, Statistic: d.Statistic, Threshold: d.Threshold, DataCut: now,
		}
	}
	return e, nil
}
