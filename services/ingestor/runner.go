package ingestor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/csvfile"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/eia"
)

// Runner refreshes the series of one source. It is safe for concurrent use; refreshes come one at a time.
type Runner struct {
	cfg     Config
	deps    Deps
	source  Source
	metrics *metrics
	turn    chan struct{} // holds one token: whoever has it refreshes
}

// New checks cfg and wires a runner. It does not touch the network.
func New(cfg Config, deps Deps) (*Runner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Progress == nil {
		deps.Progress = func(Progress) {}
	}
	r := &Runner{cfg: cfg, deps: deps, source: deps.Source, metrics: newMetrics(deps.Metrics), turn: make(chan struct{}, 1)}
	if r.source == nil {
		var err error
		if r.source, err = cfg.open(deps); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// open returns the source that c describes.
func (c *Config) open(deps Deps) (Source, error) {
	if c.CSV.Path != "" {
		return csvfile.New(csvfile.Config{
			Path: c.CSV.Path, Series: c.CSV.SeriesColumn, Period: c.CSV.PeriodColumn, Value: c.CSV.ValueColumn, Keys: c.Areas,
		}), nil
	}
	key, err := c.EIA.key()
	if err != nil {
		return nil, err
	}
	hc := deps.HTTP
	if hc == nil {
		hc = &http.Client{}
	}
	upstream := breaker.New(breaker.Settings{
		Name: c.Source, Failures: c.EIA.Failures, Cooldown: c.EIA.Cooldown, Failure: eia.Down,
	}, deps.Metrics)
	return eia.New(eia.Config{
		BaseURL: c.EIA.URL, Key: key, Route: c.EIA.Route, Type: c.EIA.Type,
		Timeout: c.EIA.Timeout, Tries: c.EIA.Tries, Wait: c.EIA.Wait, MaxWait: c.EIA.MaxWait,
	}, hc, rate.NewLimiter(rate.Limit(c.EIA.Rate), max(1, int(c.EIA.Rate))), upstream), nil
}

func (r *Runner) id(key string) series.ID { return series.ID{Source: r.cfg.Source, Key: key} }

// template returns an empty batch of a series as one run publishes it.
func (r *Runner) template(id series.ID, run *run, origin series.Origin) series.Batch {
	return series.Batch{
		Series: id, SchemaVersion: series.SchemaVersion, Unit: r.cfg.Unit, Zone: Zone(id.Key), Step: step,
		KnownAt: run.asOf, RunID: run.id, Origin: origin,
	}
}

// lock waits for the turn to refresh and returns how to give it back.
func (r *Runner) lock(ctx context.Context) (func(), error) {
	select {
	case r.turn <- struct{}{}:
		return func() { <-r.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the refresh before: %w", ctx.Err())
	}
}
