// Package breaker stops calling a dependency that is down, and tries it again after a while.
//
// Breakers stand in front of stores and upstreams only, never around business code: bad input must not open one.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
)

// ErrOpen is returned without calling the dependency, because it failed too often a moment ago.
var ErrOpen = errors.New("circuit open")

// Settings describe one breaker.
type Settings struct {
	Name     string        // the dependency, for example "clickhouse"; a label of the metrics
	Failures int           // failures in a row that open it; 0 means 5
	Cooldown time.Duration // how long it stays open before one call is let through; 0 means 5 s

	// Failure reports whether an error tells that the dependency is down. Nil means every error does.
	// It is not asked about nil, nor about errors that wrap context.Canceled: those say nothing of the dependency.
	Failure func(error) bool
}

// State is where a breaker stands.
type State string

// States of a breaker.
const (
	Closed   State = "closed"    // calls go through
	HalfOpen State = "half_open" // one call is let through to see whether the dependency is back
	Open     State = "open"      // calls fail at once
)

// Breaker guards one dependency. It is safe for concurrent use.
type Breaker struct {
	name    string
	circuit *gobreaker.CircuitBreaker[struct{}]
	metrics *metrics
}

// New returns a closed breaker. reg may be nil.
func New(s Settings, reg prometheus.Registerer) *Breaker {
	if s.Failures <= 0 {
		s.Failures = 5
	}
	if s.Cooldown <= 0 {
		s.Cooldown = 5 * time.Second
	}
	if s.Failure == nil {
		s.Failure = func(error) bool { return true }
	}
	b := &Breaker{name: s.Name, metrics: newMetrics(s.Name, reg)}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         s.Name,
		Timeout:      s.Cooldown,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= s.Failures },
		IsSuccessful: func(err error) bool { return err == nil || !s.Failure(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			b.metrics.changed(state(to))
		},
	})
	return b
}

// Do calls f and returns its error, or returns an error that wraps ErrOpen without calling it.
func (b *Breaker) Do(f func() error) error {
	_, err := b.circuit.Execute(func() (struct{}, error) { return struct{}{}, f() })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		b.metrics.rejected.Inc()
		return fmt.Errorf("%s: %w", b.name, ErrOpen)
	}
	return err
}

// State returns where the breaker stands now.
func (b *Breaker) State() State { return state(b.circuit.State()) }

func state(s gobreaker.State) State {
	switch s {
	case gobreaker.StateOpen:
		return Open
	case gobreaker.StateHalfOpen:
		return HalfOpen
	default:
		return Closed
	}
}
