package rule

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/services/monitor/internal/alert"
)

// drift raises forecast_drift for each detector that says a series has drifted. The detectors decide and damp; the
// rule only passes on what they say.
type drift struct{ cfg Config }

func (r *drift) observe(at time.Time, e event.Event) []alert.Signal {
	d := e.Drift
	s := alert.Signal{
		Name:     ForecastDrift,
		Labels:   map[string]string{"series": d.Series.String(), "detector": d.Detector},
		Severity: severityOf(d.Tier),
		Class:    event.ModelDrift,
		Active:   d.Condition != event.Cleared,
		At:       at,
		EventID:  e.ID,
		Summary:  fmt.Sprintf("forecasts of %s have drifted", d.Series),
		Runbook:  runbook(ForecastDrift, d.Series.String()),
		Policy:   alert.Policy{KeepFiring: r.cfg.KeepFiringFor, Quiet: r.cfg.DriftQuiet, MaxOpen: r.cfg.MaxOpen},
	}
	s.Cause = fmt.Sprintf("%s is %.4g, threshold %.4g, with data up to %s, model %s",
		d.Detector, d.Statistic, d.Threshold, d.DataCut.UTC().Format(time.RFC3339), d.ModelID)
	if d.Bucket != "" {
		s.Labels["horizon"] = d.Bucket
	}
	if d.Message != "" {
		s.Cause += ": " + d.Message
	}
	return []alert.Signal{s}
}

// severityOf returns how bad a drift of a tier is.
func severityOf(t event.Tier) event.Severity {
	if t == event.TierPage {
		return event.Critical
	}
	return event.Warning
}
