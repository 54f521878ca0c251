package benchtrain

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// memory is a record and an object store in memory: what the trainer and the forecaster read. It holds the series whose
// turn it is, no others.
type memory struct {
	mu        sync.Mutex
	y         series.Series // known up to the time asked for
	champion  forecast.Model
	found     bool
	artifacts map[string][]byte
}

// Revisions returns the series with every point known when its hour was over.
func (m *memory) Revisions(_ context.Context, id series.ID, from, to, _ time.Time) (series.Revised, error) {
	out := series.Revised{ID: id, Unit: m.y.Unit, Zone: m.y.Zone, Step: m.y.Step}
	for i, v := range m.y.Values {
		if ts := m.y.Time(i); !ts.Before(from) && !ts.After(to) && v == v {
			out.Revs = append(out.Revs, series.Revision{TS: ts, KnownAt: ts.Add(m.y.Step), Value: v})
		}
	}
	return out, nil
}

// Known returns the points from..to.
func (m *memory) Known(_ context.Context, _ series.ID, from, to, _ time.Time) (series.Series, error) {
	i, _ := m.y.Index(from)
	j, _ := m.y.Index(to)
	return m.y.Slice(max(i, 0), min(j+1, m.y.Len())), nil
}

// Champion returns the model that was announced last.
func (m *memory) Champion(context.Context, series.ID) (forecast.Model, bool, error) {
	return m.champion, m.found, nil
}

// ChampionBefore returns none: every series is trained for the first time.
func (*memory) ChampionBefore(context.Context, series.ID, time.Time) (forecast.Model, bool, error) {
	return forecast.Model{}, false, nil
}

// Superseded returns none.
func (*memory) Superseded(context.Context, series.ID, int) ([]string, error) { return nil, nil }

// Delete removes an artifact.
func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.artifacts, name)
	return nil
}

// Held counts nothing in quarantine.
func (*memory) Held(context.Context, series.ID, time.Time, time.Time) (accepted, held uint64, err error) {
	return 168, 0, nil
}

// PendingForecasts returns none.
func (*memory) PendingForecasts(context.Context, series.ID, time.Time) ([]forecast.Forecast, error) {
	return nil, nil
}

// ScaledErrors returns none.
func (*memory) ScaledErrors(context.Context, series.ID, time.Time) ([]series.Observation, error) {
	return nil, nil
}

// DayErrors returns none.
func (*memory) DayErrors(context.Context, series.ID, time.Time, time.Time, *time.Location, int) ([]forecast.DayErrors, error) {
	return nil, nil
}

// Outcomes returns none.
func (*memory) Outcomes(context.Context, series.ID, time.Time, time.Time, int) ([]forecast.Outcome, error) {
	return nil, nil
}

// Put keeps an artifact.
func (m *memory) Put(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.artifacts[name] = data
	return nil
}

var errNoArtifact = errors.New("benchtrain: no such artifact")

// Get returns an artifact.
func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.artifacts[name]; ok {
		return data, nil
	}
	return nil, errNoArtifact
}

// announced takes in the announcement of a model.
func (m *memory) announced(data []byte) (err error) {
	m.champion, err = wire.DecodeModel(data)
	m.found = err == nil
	return err
}
