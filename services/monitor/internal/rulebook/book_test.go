package rulebook_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/match"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rule"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/rulebook"
)

const schemaFile = "../../../../docs/rules.schema.json"

var update = flag.Bool("update", false, "write the schema anew")

// schema is that of the Go type, with the notations that YAML has for durations and matchers.
func schema(t *testing.T) []byte {
	t.Helper()
	r := jsonschema.Reflector{
		FieldNameTag: "yaml", Anonymous: true,
		Mapper: func(typ reflect.Type) *jsonschema.Schema {
			switch typ {
			case reflect.TypeFor[time.Duration]():
				return &jsonschema.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`}
			case reflect.TypeFor[match.Matcher]():
				return &jsonschema.Schema{Type: "string", Pattern: `^\s*[a-zA-Z_][a-zA-Z0-9_]*\s*(=~|!~|!=|=)`}
			}
			return nil
		},
	}
	s := r.Reflect(&rulebook.Book{})
	s.Title = "Rules of Bellwether's monitor"
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(data, '\n')
}

func TestSchemaIsThatOfTheType(t *testing.T) {
	want := schema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not that of the type; run this test with -update", schemaFile)
	}
}

// Whatever the schema refuses the monitor refuses, and the other way round, for files that break one thing each.
func TestSchemaAgreesWithTheMonitor(t *testing.T) {
	doc, err := validator.UnmarshalJSON(bytes.NewReader(schema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("rules.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, good := range map[string]bool{
		string(rulebook.DefaultYAML()): true,
		"version: 1":                   true,
		"version: 2":                   false,
		"rules: {}":                    false,
		"version: 1\nunknown: 1":       false,
		"version: 1\nrules: {service_silent: {severity: critical}}":                                                              true,
		"version: 1\nrules: {service_silent: {severity: bad}}":                                                                   false,
		"version: 1\nrules: {service_silent: {class: bad}}":                                                                      false,
		"version: 1\nrules: {service_silent: {for: soon}}":                                                                       false,
		"version: 1\nrules: {service_silent: {fro: 1s}}":                                                                         false,
		"version: 1\nrules: {service_silent: {max_open: 0}}":                                                                     false,
		"version: 1\nrules: {service_silent: {missing: {after: 1m, means: keep}}}":                                               true,
		"version: 1\nrules: {service_silent: {missing: {after: 1m, means: never}}}":                                              false,
		"version: 1\nrules: {own: {when: {kind: error, count: 2, within: 1m}}}":                                                  true,
		"version: 1\nrules: {own: {when: {kind: noise, count: 2, within: 1m}}}":                                                  false,
		"version: 1\ninhibit: [{name: a, source: ['x=1'], target: ['y=2']}]":                                                     true,
		"version: 1\ninhibit: [{name: a, source: ['x'], target: ['y=2']}]":                                                       false,
		"version: 1\ninhibit: [{name: a, source: ['x=1']}]":                                                                      false,
		"version: 1\nreceivers: [{name: a, webhook: {url: 'http://x/'}}]\nroutes: [{receiver: a, group_wait: 1s}]":               true,
		"version: 1\nreceivers: [{name: a, webhook: {url: 'http://x/'}}]\nroutes: [{receiver: a, group_wait: fast}]":             false,
		"version: 1\nmute: [{name: a, window: {times: ['22:00-06:00'], weekdays: [monday], days: [1], months: [1], zone: UTC}}]": true,
		"version: 1\nflapping: {firings: -1, within: 1m, calm: 1m}":                                                              false,
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := validator.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance); (err == nil) != good {
			t.Errorf("the schema says %v of\n%s", err, text)
		}
		if _, err := rulebook.Read([]byte(text)); (err == nil) != good {
			t.Errorf("the monitor says %v of\n%s", err, text)
		}
	}
}

func TestValidateNamesEveryBadField(t *testing.T) {
	_, err := rulebook.Read([]byte(`
version: 1
rules:
  Bad-Name: {for: -1s}
  service_silent: {when: {kind: error, count: 1, within: 1m}, keep_firing_for: -1s}
  consumer_stalled: {summary: x, missing: {after: 0s, means: perhaps}}
  own: {when: {kind: lag, count: 1, value: "pending >"}}
inhibit: [{name: a, source: ['x=1'], target: ['y=1'], linger: -1s}, {name: a, source: [], target: []}]
mute: [{name: b, window: {times: ["soon"]}}]
flapping: {firings: 1, within: 1m, calm: 1m}
watchdog: -1s
receivers: [{name: "a b", webhook: {}}, {name: c, webhook: {url: "ftp://x"}, fallback: nobody}]
routes: [{receiver: nobody, group_interval: 0s}]
`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{
		"rules.Bad-Name: the name", "rules.Bad-Name.for", "rules.service_silent.when", "rules.service_silent.keep_firing_for", "rules.consumer_stalled.summary",
		"rules.consumer_stalled.missing.after", "rules.consumer_stalled.missing.means", "rules.own.when: give one of", "rules.own.when: count and within",
		"rules.own.when.value", "inhibit[0].linger", `inhibit[1].name: "a" is named twice`, "inhibit[1]: source and target", "mute[0].window", "flapping:", "watchdog:",
		"receivers[0].name", "receivers[0].webhook", "receivers[1].webhook.url", "receivers[1].fallback", "routes[0].receiver", "routes[0].group_interval",
	} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q is not named in:\n%v", field, err)
		}
	}
}

// The oracle is the rules in Go with the default flags: what default.yaml writes out changes none of their signals.
func TestDefaultsWriteOutWhatTheMonitorDoes(t *testing.T) {
	book, err := rulebook.Read(rulebook.DefaultYAML())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range signals() {
		if !s.Active {
			continue
		}
		seen[s.Name] = true
		if diff := cmp.Diff(s, book.Apply(s)); diff != "" {
			t.Errorf("%s mismatch (-rule +default.yaml):\n%s", s.Name, diff)
		}
	}
	for name := range book.Rules {
		if !seen[name] {
			t.Errorf("default.yaml has a rule %s that this test does not raise", name)
		}
	}
}

// signals are some of each rule.
func signals() []alert.Signal {
	cfg := rule.DefaultConfig()
	cfg.LagGrowing = true
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	set := rule.NewSet(cfg, now)
	var out []alert.Signal
	for i := range uint64(8) {
		at := now.Add(time.Duration(i) * time.Second)
		for floor, pending := range map[uint64]uint64{7: 5, 100 + i: 10 + i} {
			consumer := map[bool]string{true: "still", false: "slow"}[floor == 7]
			out = append(out, set.Observe(at, at, event.Event{Service: event.Validator, Lag: &event.Lag{Stream: "S", Consumer: consumer, Pending: pending, AckFloor: floor}})...)
		}
	}
	out = append(out, set.Observe(now, now, event.Event{Service: event.Ingestor, Lag: &event.Lag{
		Series: series.ID{Source: "eia", Key: "PJM"}, DataAge: 9 * time.Hour, ExpectedAge: time.Hour,
	}})...)
	out = append(out, set.Observe(now, now, event.Event{Service: event.Forecaster, Drift: &event.Drift{Series: series.ID{Source: "eia", Key: "PJM"}, Detector: "d"}})...)
	out = append(out, set.Observe(now, now, event.Event{Service: event.Ingestor, Error: &event.Error{Code: "upstream_unavailable", Subject: "eia"}})...)
	out = append(out, set.Observe(now, now, event.Event{Service: event.Trainer, Error: &event.Error{Code: "training_held", Subject: "eia.PJM"}})...)
	for i := range 5 {
		at := now.Add(time.Duration(i) * time.Minute)
		out = append(out, set.Observe(at, at, event.Event{Service: event.Trainer, Instance: "t-0", Heartbeat: &event.Heartbeat{State: "starting", Interval: time.Second}})...)
	}
	return append(out, set.Tick(now.Add(time.Hour))...)
}
