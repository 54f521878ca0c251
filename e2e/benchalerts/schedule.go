package benchalerts

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// schedule is a random story, in seconds: at most one thing happens in each second.
type schedule struct {
	end    int
	acts   []act
	config setting

	keepFiring int // seconds for which a condition must be over
	quiet      int // seconds without a word after which an alert ends
}

// setting is what the rules file of the story says at a time.
type setting struct {
	Wait    map[string]int  // seconds by code
	Off     map[string]bool // codes that are disabled
	Inhibit bool            // cause holds back effect of the same subject
	Linger  int             // seconds
	Flap    int             // beginnings; 0 means never
	Within  int             // seconds
	Calm    int             // seconds
	Mute    bool            // the first two minutes, for other
}

// act is one thing that happens.
type act struct {
	at      int
	kind    string // "raise", "clear", "silence", "expire", "ack", "restart", "rules"
	alert   key
	id      string // of a silence
	matches []key  // what the silence matches, by its matchers
	matcher []string
	length  int
	config  setting
}

// key is what an alert of the story is about.
type key struct{ code, subject string }

func (k key) String() string {
	return fmt.Sprintf("%s{service=ingestor, subject=%s}", k.code, k.subject)
}

const (
	cause  = "cause"  // may hold back effect
	effect = "effect" // may be held back
	other  = "other"  // neither
)

func keys() []key {
	var out []key
	for _, code := range []string{cause, effect, other} {
		for _, subject := range []string{"a", "b"} {
			out = append(out, key{code, subject})
		}
	}
	return out
}

// randomSchedule draws a story. The same seed draws the same.
func randomSchedule(seed uint64) schedule {
	r := rand.New(rand.NewPCG(seed, 11))
	s := schedule{end: 400, keepFiring: pick(r, 0, 5, 20), quiet: pick(r, 60, 150)}
	s.config = randomSetting(r)
	acks := r.IntN(3) > 0
	silences := 0
	config := s.config
	for t := 1; t < s.end-1; t++ {
		if r.IntN(4) > 0 {
			continue
		}
		a := act{at: t, alert: keys()[r.IntN(len(keys()))]}
		switch n := r.IntN(100); {
		case n < 45:
			a.kind = "raise"
		case n < 75:
			a.kind = "clear"
		case n < 83:
			a.kind, a.length = "silence", 5+r.IntN(90)
			a.id = fmt.Sprintf("s%d", r.IntN(4))
			silences++
			a.matcher, a.matches = randomMatchers(r)
		case n < 87:
			a.kind, a.id = "expire", fmt.Sprintf("s%d", r.IntN(4))
		case n < 93 && acks:
			a.kind = "ack"
		case n < 96:
			a.kind = "restart"
		default:
			a.kind = "rules"
			config = changed(r, config)
			a.config = config
		}
		s.acts = append(s.acts, a)
	}
	return s
}

func pick(r *rand.Rand, from ...int) int { return from[r.IntN(len(from))] }

func randomSetting(r *rand.Rand) setting {
	c := setting{
		Wait: map[string]int{other: pick(r, 0, 10, 30)}, Off: map[string]bool{},
		Inhibit: r.IntN(4) > 0, Linger: pick(r, 0, 10, 40), Mute: r.IntN(4) == 0,
	}
	if r.IntN(2) == 0 {
		c.Flap, c.Within, c.Calm = pick(r, 2, 3), pick(r, 60, 120), pick(r, 20, 60)
	}
	return c
}

// changed is the next content of the rules file. How flapping is counted stays.
func changed(r *rand.Rand, c setting) setting {
	next := randomSetting(r)
	next.Flap, next.Within, next.Calm = c.Flap, c.Within, c.Calm
	if r.IntN(3) == 0 {
		next.Off[keys()[r.IntN(len(keys()))].code] = true
	}
	return next
}

// randomMatchers returns matchers and, worked out by hand for each form, what they match.
func randomMatchers(r *rand.Rand) ([]string, []key) {
	all := keys()
	k := all[r.IntN(len(all))]
	var out []key
	take := func(f func(key) bool) {
		for _, x := range all {
			if f(x) {
				out = append(out, x)
			}
		}
	}
	switch r.IntN(5) {
	case 0:
		take(func(x key) bool { return x == k })
		return []string{`name="` + k.code + `"`, `subject="` + k.subject + `"`}, out
	case 1:
		take(func(x key) bool { return x.code == k.code })
		return []string{`name="` + k.code + `"`}, out
	case 2:
		take(func(x key) bool { return x.code != k.code })
		return []string{`service="ingestor"`, `name!="` + k.code + `"`}, out
	case 3:
		take(func(x key) bool { return x.code == cause || x.code == other })
		return []string{`name=~"cause|oth.r"`}, out
	default:
		take(func(x key) bool { return x.subject == "b" })
		return []string{`service=~"ing.*"`, `subject!~"a"`}, out
	}
}

// scenario returns the story as the monitor plays it.
func (s schedule) scenario() (monitor.Scenario, error) {
	keepFiring, settle := time.Duration(s.keepFiring)*time.Second, time.Duration(0)
	out := monitor.Scenario{
		Name: "random", End: time.Duration(s.end) * time.Second,
		Flags: monitor.Flags{KeepFiringFor: &keepFiring, SettleFor: &settle, QuietPeriod: time.Duration(s.quiet) * time.Second},
	}
	if err := yaml.Unmarshal([]byte(s.config.yaml()), &out.Rules); err != nil {
		return out, err
	}
	out.Rules = *out.Rules.Content[0]
	for _, a := range s.acts {
		step, err := a.step()
		if err != nil {
			return out, err
		}
		out.Steps = append(out.Steps, step)
	}
	return out, nil
}

func (a act) step() (monitor.Act, error) {
	step := monitor.Act{At: time.Duration(a.at) * time.Second}
	switch a.kind {
	case "raise":
		step.Error = &monitor.ActError{Service: event.Ingestor, Code: a.alert.code, Subject: a.alert.subject}
	case "clear":
		step.Error = &monitor.ActError{Service: event.Ingestor, Code: a.alert.code, Subject: a.alert.subject, Condition: event.Cleared}
	case "silence":
		step.Silence = &monitor.ActSilence{ID: a.id, Match: a.matcher, For: time.Duration(a.length) * time.Second}
	case "expire":
		step.Expire, step.Tolerate = a.id, true
	case "ack":
		step.Ack, step.Tolerate = &monitor.ActAck{Alert: a.alert.String()}, true
	case "restart":
		step.Restart = true
	case "rules":
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(a.config.yaml()), &doc); err != nil {
			return step, err
		}
		step.Rules = *doc.Content[0]
	}
	return step, nil
}

// yaml is the rules file.
func (c setting) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nwatchdog: 0s\nflapping: {firings: %d, within: %ds, calm: %ds}\nrules:\n", c.Flap, max(1, c.Within), max(1, c.Calm))
	for _, code := range []string{cause, effect, other} {
		fmt.Fprintf(&b, "  %s: {for: %ds, enabled: %t}\n", code, c.Wait[code], !c.Off[code])
	}
	b.WriteString("inhibit:")
	if c.Inhibit {
		fmt.Fprintf(&b, "\n  - {name: pair, source: ['name=\"cause\"'], target: ['name=\"effect\"'], equal: [subject], linger: %ds}\n", c.Linger)
	} else {
		b.WriteString(" []\n")
	}
	b.WriteString("mute:")
	if c.Mute {
		b.WriteString("\n  - {name: early, match: ['name=\"other\"'], window: {times: [\"00:00-00:02\"]}}\n")
	} else {
		b.WriteString(" []\n")
	}
	return b.String()
}
