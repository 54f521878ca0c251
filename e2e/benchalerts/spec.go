package benchalerts

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// specify says what subscribers are told in a story, by docs/alerting.md alone. It shares no code with the monitor: it
// walks through the seconds with plain variables, first what happens in a second, then what time does.
//
// The order within a second is: the thing that happens; every alert whose time has come ends or fires; then what holds
// back is looked at for all.
func specify(s schedule) []string {
	w := &spec{s: s, config: s.config, alerts: map[key]*specAlert{}, silences: map[string]specSilence{}}
	for _, k := range keys() {
		w.alerts[k] = &specAlert{k: k, told: never, began: never, over: never, lingers: never, acked: never, state: event.Resolved}
	}
	next := 0
	for t := 0; t <= s.end; t++ {
		if next < len(s.acts) && s.acts[next].at == t {
			w.happen(t, s.acts[next])
			next++
		}
		for _, k := range keys() {
			w.pass(t, w.alerts[k])
		}
		for _, k := range keys() {
			w.tell(t, w.alerts[k])
		}
	}
	return w.lines
}

// never is a time, or an occurrence, that is not.
const never = -1

type spec struct {
	s        schedule
	config   setting
	alerts   map[key]*specAlert
	silences map[string]specSilence
	lines    []string
}

// specAlert is one alert. An occurrence is named by the second in which it began.
type specAlert struct {
	k       key
	began   int // of the condition; never when it does not hold
	fired   bool
	wait    int // how long the condition must hold, by the rules at its last word
	heard   int // last word, raised or cleared
	over    int // since when the condition is over; never while it holds
	told    int // occurrence that subscribers believe to stand
	acked   int // occurrence that somebody takes care of
	lingers int // until when it is held back after its cause
	state   event.State
	firings []int
	flaps   bool
	moved   int // last beginning or end
}

type specSilence struct {
	from, to int
	matches  []key
}

func (w *spec) happen(t int, a act) {
	x := w.alerts[a.alert]
	switch a.kind {
	case "raise":
		if w.config.Off[x.k.code] {
			return
		}
		if x.began == never {
			x.began = t
		}
		x.heard, x.over, x.wait = t, never, w.config.Wait[x.k.code]
		if !x.fired && t-x.began >= x.wait {
			w.fire(t, x)
		}
	case "clear":
		if w.config.Off[x.k.code] || x.began == never {
			return
		}
		x.heard = t
		switch {
		case !x.fired:
			x.began = never
		case x.over == never:
			x.over = t
			if w.s.keepFiring == 0 {
				w.end(t, x)
			}
		}
	case "silence":
		w.silences[a.id] = specSilence{t, t + a.length, a.matches}
	case "expire":
		if old, ok := w.silences[a.id]; ok && t < old.to {
			w.silences[a.id] = specSilence{old.from, t, old.matches}
		}
	case "ack":
		if x.fired && x.acked != x.began {
			x.acked = x.began
			w.tell(t, x)
		}
	case "restart":
		for _, k := range keys() {
			w.alerts[k].heard = t
		}
	case "rules":
		w.config = a.config
		for _, k := range keys() {
			if y := w.alerts[k]; w.config.Off[k.code] && y.began != never {
				if y.fired {
					w.end(t, y)
				}
				y.began, y.over = never, never
			}
		}
	}
}

// pass is what time does to an alert.
func (w *spec) pass(t int, x *specAlert) {
	switch {
	case x.began == never:
	case x.fired && x.over != never:
		if t-x.over >= w.s.keepFiring {
			w.end(t, x)
		}
	case t-x.heard >= w.s.quiet:
		if x.fired {
			w.end(t, x)
		}
		x.began, x.over = never, never
	case !x.fired && t-x.began >= x.wait:
		w.fire(t, x)
	}
}

func (w *spec) fire(t int, x *specAlert) {
	x.fired, x.moved = true, t
	if w.config.Flap > 0 {
		var recent []int
		for _, f := range x.firings {
			if f >= t-w.config.Within {
				recent = append(recent, f)
			}
		}
		x.firings = append(recent, t)
		x.flaps = x.flaps || len(x.firings) >= w.config.Flap
	}
	w.tell(t, x)
}

func (w *spec) end(t int, x *specAlert) {
	x.fired, x.began, x.over, x.acked, x.lingers, x.moved = false, never, never, never, never, t
	w.tell(t, x)
	x.state = event.Resolved
}

// tell makes what subscribers believe follow what is true.
func (w *spec) tell(t int, x *specAlert) {
	if x.flaps && t-x.moved >= w.config.Calm {
		x.flaps, x.firings = false, nil
	}
	if x.told != never && (!x.fired || x.told != x.began) && !x.flaps {
		w.say(t, x, event.Resolved)
		x.told, x.state = never, event.Resolved
	}
	if !x.fired {
		return
	}
	before := x.state
	x.state = w.stateOf(t, x)
	switch {
	case x.told == never && (x.state == event.Firing || x.state == event.Flapping):
		w.say(t, x, x.state)
		x.told = x.began
	case x.told == x.began && x.state == event.Acknowledged && before != event.Acknowledged:
		w.say(t, x, event.Acknowledged)
	}
}

// stateOf says what holds back an alert that fires, the first that does.
func (w *spec) stateOf(t int, x *specAlert) event.State {
	lingers := x.lingers
	x.lingers = never
	if x.acked == x.began {
		return event.Acknowledged
	}
	for _, s := range w.silences {
		for _, k := range s.matches {
			if k == x.k && t >= s.from && t < s.to {
				return event.Silenced
			}
		}
	}
	if x.k.code == effect {
		if w.config.Inhibit && w.alerts[key{cause, x.k.subject}].fired {
			return event.Inhibited
		}
		if x.state == event.Inhibited {
			if lingers == never && w.config.Inhibit {
				lingers = t + w.config.Linger
			}
			if t < lingers {
				x.lingers = lingers
				return event.Inhibited
			}
		}
	}
	if w.config.Mute && x.k.code == other && t < 120 {
		return event.Muted
	}
	if x.flaps {
		return event.Flapping
	}
	return event.Firing
}

func (w *spec) say(t int, x *specAlert, state event.State) {
	w.lines = append(w.lines, fmt.Sprintf("%s warning %s %s", time.Duration(t)*time.Second, x.k, state))
}
