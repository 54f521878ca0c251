// Package alert is the alert engine: it turns signals about conditions into alerts that fire once and resolve once.
//
// It is pure. Time comes in as an argument, transitions go out as values, and what must survive a restart can be taken
// out and put back. An alert moves
//
//	inactive -> pending (for) -> firing -> clearing (keep firing for) -> resolved
//
// and only firing and resolved are transitions anybody is told of: a pending alert that goes away was never one, and
// clearing looks like firing from outside.
package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Policy says how alerts of a signal behave. The zero value fires at once, resolves at once, waits for ever for its
// end and knows no limit.
type Policy struct {
	For        time.Duration `json:"for,omitzero"`         // active this long before it fires
	KeepFiring time.Duration `json:"keep_firing,omitzero"` // inactive this long before it resolves
	Quiet      time.Duration `json:"quiet,omitzero"`       // no signal for this long means OnQuiet; 0 means never
	OnQuiet    Silence       `json:"on_quiet,omitzero"`    // empty means Resolve
	Retire     time.Duration `json:"retire,omitzero"`      // ends when no signal came for this long, whatever OnQuiet; 0 means never
	MaxOpen    int           `json:"max_open,omitzero"`    // most open alerts of one name; 0 means no limit
	// Sampled says that the condition is known only when a signal comes: a pending alert fires on a signal, never by
	// the mere passing of time. Without it a condition counts as active until a signal says otherwise.
	Sampled bool `json:"sampled,omitzero"`
	// Own says that a rule of the user's own raised the alert, and Added which labels the rules file added. They tell
	// after a change of the file which alerts nothing will speak of any more.
	Own   bool   `json:"own,omitzero"`
	Added string `json:"added,omitzero"`
}

// Silence says what it means that no signal came of an open alert for its quiet period.
type Silence string

// What silence means.
const (
	Resolve Silence = "resolve" // it is over
	Keep    Silence = "keep"    // it stands until a signal says otherwise
	Fire    Silence = "fire"    // as Keep, and a pending alert fires
)

// Signal says whether a condition holds. Name and Labels identify it.
type Signal struct {
	Name     string
	Labels   map[string]string // kept by the engine; not to be changed afterwards
	Severity event.Severity
	Class    event.Class
	Active   bool
	// At is when the condition began, as far as this signal knows. It becomes StartedAt and part of the alert's ID, so
	// it must be the same when the same signal is given again after a crash. Zero means now.
	At      time.Time
	EventID string // the event behind the signal; empty when it is the passing of time
	Summary string // what broke
	Cause   string // the evidence; on an inactive signal, why the condition has ended
	Runbook string
	Measure *event.Measure // nil when the condition compares no number
	Policy  Policy
}

// Fingerprint returns the identity of a name and its labels: 16 hexadecimal digits.
func Fingerprint(name string, labels map[string]string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		// Lengths keep {"a": "b\x00c"} and {"a": "b", ...} apart whatever bytes the values hold.
		b.WriteString("\x00" + strconv.Itoa(len(k)) + ":" + k + "=" + strconv.Itoa(len(labels[k])) + ":" + labels[k])
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// ID returns the identity of the occurrence of an alert that started at t with an event. The event, which may be empty,
// tells apart what began in the same millisecond, and is the same when it is delivered again.
func ID(fingerprint string, t time.Time, eventID string) string {
	id := fingerprint + "-" + strconv.FormatInt(t.UnixMilli(), 10)
	if eventID == "" {
		return id
	}
	sum := sha256.Sum256([]byte(eventID))
	return id + "-" + hex.EncodeToString(sum[:4])
}

// Labels returns labels as "a=1, b=2" in the order of their names.
func Labels(labels map[string]string) string {
	parts := make([]string, 0, len(labels))
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ", ")
}

// rank orders severities. An unknown one counts as info.
func rank(s event.Severity) int {
	switch s {
	case event.Critical:
		return 2
	case event.Warning:
		return 1
	default:
		return 0
	}
}
