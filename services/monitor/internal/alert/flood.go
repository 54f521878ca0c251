package alert

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// FloodName is the alert that stands for all those a limit held back.
const FloodName = "alert_flood"

// floodQuiet ends a flood when nothing was held back for this long.
const floodQuiet = 10 * time.Minute

// flood holds back a signal and says so once: one alert for each name that reached its limit. Signals held back are
// not remembered. Conditions that are reported again come back by themselves when there is room; the others are in the
// record of events only.
func (e *Engine) flood(now time.Time, s Signal) []event.Alert {
	e.dropped++
	labels := map[string]string{"alert": s.Name}
	held := 1.0
	if o := e.open[Fingerprint(FloodName, labels)]; o != nil && o.Alert.Measure != nil {
		held += o.Alert.Measure.Value
	}
	return e.Observe(now, Signal{
		Name:     FloodName,
		Labels:   labels,
		Severity: event.Warning,
		Class:    s.Class,
		Active:   true,
		At:       s.At,
		EventID:  s.EventID,
		Summary:  fmt.Sprintf("too many alerts %s; further ones are held back", s.Name),
		Cause: fmt.Sprintf("%d alerts %s are open, the limit is %d; %.0f signals held back, newest: %s",
			e.count[s.Name], s.Name, s.Policy.MaxOpen, held, Labels(s.Labels)),
		Measure: &event.Measure{Value: held, Threshold: float64(s.Policy.MaxOpen)},
		Runbook: floodRunbook(s.Name),
		// Signals that would only have been pending make the flood pending as well, and it fires only if they go on: the
		// series of a source fall stale one by one until the source is blamed instead.
		Policy: Policy{For: s.Policy.For, Quiet: floodQuiet, Sampled: true},
	})
}

func floodRunbook(name string) string {
	return fmt.Sprintf("look for one cause behind many alerts: SELECT labels, cause FROM v_alerts WHERE name = '%s' AND state = 'firing'; docs/runbooks.md#%s", name, FloodName)
}
