package bellwether

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// fault is one thing that goes wrong in the demo: how it begins, the alert it must raise, how it is mended, and what
// goes on until the alert is resolved.
type fault struct {
	title string
	alert string
	label map[string]string // labels the alert must carry
	begin func(ctx context.Context) error
	mend  func(ctx context.Context) error
	// step is repeated while an alert is waited for; nil means just to wait.
	step func(ctx context.Context) error
}

// faults returns one fault of each failure class, and two of data integrity.
func (d *demo) faults() []fault {
	area, other := d.areas[0], d.areas[len(d.areas)-1]
	stream, stalled := forecasterObs.split()
	return []fault{
		{
			title: "the API answers with errors", alert: "upstream_unavailable",
			begin: func(ctx context.Context) error {
				if err := d.api.setFaults(ctx, map[string]any{"errors": []any{map[string]any{"kind": "server_error", "share": 1}}}); err != nil {
					return err
				}
				if err := d.advance(ctx); err == nil {
					return errors.New("the ingestor fetched from an API that answers 500")
				}
				return nil
			},
			mend: func(ctx context.Context) error { return d.api.setFaults(ctx, nil) },
			step: d.retry,
		},
		{
			title: "a corrupt batch from " + other, alert: "quarantined_observations", label: map[string]string{"subject": "eia." + other},
			begin: func(ctx context.Context) error {
				err := d.api.setFaults(ctx, map[string]any{"corrupt": []any{
					map[string]any{"area": other, "from": d.now.Add(-time.Hour), "to": d.now, "kind": "thousand"},
					map[string]any{"area": other, "from": d.now, "to": d.now.Add(time.Hour), "kind": "text"},
				}})
				if err != nil {
					return err
				}
				return d.hour(ctx)
			},
			mend: func(ctx context.Context) error { return d.api.setFaults(ctx, nil) },
			step: d.hour,
		},
		{
			title: "a consumer stalls", alert: "consumer_stalled", label: map[string]string{"consumer": stalled},
			begin: func(ctx context.Context) error {
				if err := d.bus.PauseConsumer(ctx, stream, stalled, time.Now().Add(10*time.Minute)); err != nil {
					return err
				}
				return d.advance(ctx)
			},
			mend: func(ctx context.Context) error {
				if err := d.bus.ResumeConsumer(ctx, stream, stalled); err != nil {
					return err
				}
				return d.settle(ctx)
			},
		},
		{
			title: "the forecaster is killed", alert: "service_silent", label: map[string]string{"service": event.Forecaster},
			begin: func(ctx context.Context) error {
				if err := d.procs[event.Forecaster].kill(); err != nil {
					return err
				}
				return d.advance(ctx)
			},
			mend: func(ctx context.Context) error {
				if err := d.spawn(event.Forecaster); err != nil {
					return err
				}
				return d.settle(ctx)
			},
		},
		{
			title: "the demand of " + area + " doubles", alert: "forecast_drift", label: map[string]string{"series": "eia." + area},
			begin: func(ctx context.Context) error {
				return d.api.setFaults(ctx, map[string]any{"scale": []any{
					map[string]any{"area": area, "from": d.now, "to": d.now.Add(12 * time.Hour), "factor": 2},
				}})
			},
			step: d.hour,
		},
	}
}

// retry fetches again at the same hour.
func (d *demo) retry(ctx context.Context) error {
	if _, err := refresh(ctx, d.bus, "", d.now); err != nil {
		return nil //nolint:nilerr // the breaker may still be open: the alert stands until a fetch succeeds
	}
	return d.settle(ctx)
}

// suffer lets a fault happen, waits for its alert, mends it and waits until the alert is resolved.
func (d *demo) suffer(ctx context.Context, f fault) (string, error) {
	from, began, hour := d.alerts.len(), time.Now(), d.now
	if err := f.begin(ctx); err != nil {
		return "", err
	}
	step := f.step
	if f.mend != nil {
		step = nil // nothing moves until the fault is mended
	}
	fired, err := d.await(ctx, from, f, event.Firing, step)
	if err != nil {
		return "", err
	}
	after := time.Since(began)
	d.show.note("%s on %s", fired.State, wire.Alert(fired.Severity, fired.Class, fired.Name))
	d.show.note("%s (%s)", fired.Summary, fired.Cause)
	cure := time.Now()
	if f.mend != nil {
		if err := f.mend(ctx); err != nil {
			return "", err
		}
	}
	if _, err := d.await(ctx, from, f, event.Resolved, f.step); err != nil {
		return "", err
	}
	return fmt.Sprintf("alert fired after %.1f s, resolved %.1f s after the cure; %d hours replayed meanwhile",
		after.Seconds(), time.Since(cure).Seconds(), int(d.now.Sub(hour).Hours())), nil
}

// await waits for the fault's alert in a state, taking steps meanwhile.
func (d *demo) await(ctx context.Context, from int, f fault, state event.State, step func(context.Context) error) (event.Alert, error) {
	var found event.Alert
	last := time.Time{}
	err := d.until(ctx, fmt.Sprintf("alert %s to be %s", f.alert, state), func(ctx context.Context) (bool, error) {
		var ok bool
		if found, ok = d.alerts.find(from, f.match(state)); ok {
			return true, nil
		}
		// The monitor judges what it has read; give it a moment between two steps.
		if step == nil || time.Since(last) < 30*time.Millisecond {
			return false, nil
		}
		d.show.progress("%s, waiting for %s to be %s", d.now.Format("2006-01-02 15:04"), f.alert, state)
		err := step(ctx)
		last = time.Now()
		return false, err
	})
	return found, err
}

func (f fault) match(state event.State) func(event.Alert) bool {
	return func(a event.Alert) bool {
		for k, v := range f.label {
			if a.Labels[k] != v {
				return false
			}
		}
		return a.Name == f.alert && a.State == state
	}
}
