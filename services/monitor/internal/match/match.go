// Package match says which alerts a silence, a route or an inhibition is about: sets of label matchers in the notation of
// Prometheus and Alertmanager, name="consumer_stalled", service=~"train.*", subject!="".
package match

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Op compares a label with a value.
type Op string

// Operators. The regular ones are anchored at both ends, and a label that is not there is the empty text.
const (
	Equal      Op = "="
	NotEqual   Op = "!="
	Regular    Op = "=~"
	NotRegular Op = "!~"
)

// Labels that every alert has beside its own.
const (
	Name     = "name"
	Severity = "severity"
	Class    = "class"
)

// Matcher is one comparison. Its zero value is not valid; Parse makes one.
type Matcher struct {
	Label string
	Op    Op
	Value string

	re *regexp.Regexp // of the regular operators
}

var errSyntax = errors.New(`want label="value", with one of = != =~ !~`)

var syntax = regexp.MustCompile(`^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(|[^=~\s].*?)\s*$`)

// Parse reads a matcher. The value may be quoted as in Go, or bare if it has no quote in it.
func Parse(s string) (Matcher, error) {
	part := syntax.FindStringSubmatch(s)
	if part == nil {
		return Matcher{}, fmt.Errorf("matcher %q: %w", s, errSyntax)
	}
	m := Matcher{Label: part[1], Op: Op(part[2]), Value: part[3]}
	if strings.HasPrefix(m.Value, `"`) {
		value, err := strconv.Unquote(m.Value)
		if err != nil {
			return Matcher{}, fmt.Errorf("matcher %q: the value is not quoted right: %w", s, errSyntax)
		}
		m.Value = value
	} else if strings.Contains(m.Value, `"`) {
		return Matcher{}, fmt.Errorf("matcher %q: a quote inside of a bare value: %w", s, errSyntax)
	}
	if m.Op == Regular || m.Op == NotRegular {
		re, err := regexp.Compile("^(?s:" + m.Value + ")$")
		if err != nil {
			return Matcher{}, fmt.Errorf("matcher %q: %w", s, err)
		}
		m.re = re
	}
	return m, nil
}

// Matches says whether the matcher holds for the value of its label.
func (m Matcher) Matches(value string) bool {
	switch m.Op {
	case Equal:
		return value == m.Value
	case NotEqual:
		return value != m.Value
	case Regular:
		return m.re.MatchString(value)
	default:
		return !m.re.MatchString(value)
	}
}

// MarshalText implements encoding.TextMarshaler in the notation of Parse.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// String returns the matcher in the notation of Parse.
func (m Matcher) String() string { return m.Label + string(m.Op) + strconv.Quote(m.Value) }

// UnmarshalText implements encoding.TextUnmarshaler by Parse.
func (m *Matcher) UnmarshalText(text []byte) (err error) {
	*m, err = Parse(string(text))
	return err
}

// Set is matchers that must all hold. An empty one holds always.
type Set []Matcher

// ParseAll reads a set and reports every matcher that is wrong.
func ParseAll(texts ...string) (Set, error) {
	var errs []error
	out := make(Set, 0, len(texts))
	for _, s := range texts {
		m, err := Parse(s)
		errs = append(errs, err)
		out = append(out, m)
	}
	return out, errors.Join(errs...)
}

// Matches says whether every matcher holds for an alert.
func (s Set) Matches(a *event.Alert) bool {
	for _, m := range s {
		if !m.Matches(Value(a, m.Label)) {
			return false
		}
	}
	return true
}

// Everything says whether the set holds for an alert without any label, and so most likely for every alert.
func (s Set) Everything() bool { return s.Matches(&event.Alert{}) }

// String returns the set as {a="1", b!="2"}.
func (s Set) String() string {
	parts := make([]string, len(s))
	for i, m := range s {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Value returns a label of an alert, or "" when it has none of that name.
func Value(a *event.Alert, label string) string {
	switch label {
	case Name:
		return a.Name
	case Severity:
		return string(a.Severity)
	case Class:
		return string(a.Class)
	}
	return a.Labels[label]
}
