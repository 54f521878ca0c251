package bellwether

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// consumer is a durable consumer the demo watches: "<stream>/<name>".
type consumer string

// The consumers of the services.
const (
	validatorConsumer consumer = wire.StreamObs + "/validator"
	forecasterObs     consumer = wire.StreamObs + "/forecaster_obs"
	forecasterModels  consumer = wire.StreamModel + "/forecaster_model"
	trainerConsumer   consumer = wire.StreamJob + "/trainer"
)

func (c consumer) split() (stream, name string) {
	stream, name, _ = strings.Cut(string(c), "/")
	return stream, name
}

// until asks ready every few milliseconds until it says yes, fails, or the demo's patience ends.
func (d *demo) until(ctx context.Context, what string, ready func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Patience, fmt.Errorf("waited %s for %s; the logs are in %s/logs", d.Patience, what, d.Dir))
	defer cancel()
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		ok, err := ready(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			err = d.lost()
		}
		if err != nil || ok {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lost returns an error when a child has ended by itself, with the last line it said.
func (d *demo) lost() error {
	for name, p := range d.procs {
		select {
		case <-p.done:
			if p.killed {
				continue
			}
			return fmt.Errorf("the %s ended: %w: %s", name, cmp.Or(p.err, errors.New("exit 0")), lastLine(p.log))
		default:
		}
	}
	return nil
}

// idle reports whether the consumers have nothing left to do, asked in the order of the flow.
func (d *demo) idle(consumers ...consumer) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		for _, c := range consumers {
			stream, name := c.split()
			lag, err := d.bus.Lag(ctx, stream, name)
			if errors.Is(err, natsio.ErrNotFound) {
				return false, nil // nobody has taken every partition yet
			}
			if err != nil || lag.Pending+lag.AckPending > 0 {
				return false, err
			}
		}
		return true, nil
	}
}

// settled reports whether everything fetched has been judged, forecast and scored.
func (d *demo) settled(ctx context.Context) (bool, error) {
	return d.idle(validatorConsumer, forecasterObs)(ctx)
}

func (d *demo) settle(ctx context.Context) error {
	return d.until(ctx, "the pipeline to take in the hour", d.settled)
}

// Default addresses of the embedded bus and store.
const (
	defaultBusAddr   = "127.0.0.1:4222"
	defaultStoreAddr = "127.0.0.1:8123"
)

// freeAddr returns addr, but a free port of the same host when addr is the default and taken.
func freeAddr(ctx context.Context, addr, byDefault string) string {
	if addr != byDefault {
		return addr
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil {
		_ = l.Close()
		return addr
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return net.JoinHostPort(host, "0")
}

// alertLog collects the transitions on bw.alert.
type alertLog struct {
	mu    sync.Mutex
	seen  []event.Alert
	fired map[string]bool // by alert id: true once resolved
}

// followAlerts collects alerts until a is closed.
func followAlerts(ctx context.Context, a *app.App, bus *natsio.Bus) *alertLog {
	l := &alertLog{fired: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = bus.Follow(ctx, natsio.FollowOptions{Stream: wire.StreamAlert, Subjects: []string{wire.AllAlerts}, From: natsio.FromAll}, l.add)
	}()
	a.OnStop("alert log", func(context.Context) error { cancel(); <-done; return nil })
	return l
}

func (l *alertLog) add(m stage.Message) error {
	alert, err := wire.DecodeAlert(m.Data)
	if err != nil || alert.Name == event.Watchdog {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, alert)
	switch alert.State {
	case event.Firing:
		l.fired[alert.ID] = false
	case event.Resolved:
		l.fired[alert.ID] = true
	}
	return nil
}

// find returns the first transition after the from-th that match accepts.
func (l *alertLog) find(from int, match func(event.Alert) bool) (event.Alert, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.seen[from:] {
		if match(a) {
			return a, true
		}
	}
	return event.Alert{}, false
}

func (l *alertLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

// names returns the names of the alerts that fired, in alphabetical order.
func (l *alertLog) names() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := map[string]bool{}
	for _, a := range l.seen {
		if a.State == event.Firing {
			names[a.Name] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// totals returns how many alerts fired and how many of them are resolved.
func (l *alertLog) totals() (raised, resolved int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.fired {
		raised++
		if r {
			resolved++
		}
	}
	return raised, resolved
}
