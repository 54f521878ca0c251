package ingestor

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/csvfile"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/eia"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/prep"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Runner brings the series of one source onto the bus. It is safe for concurrent use; refreshes come one at a time.
type Runner struct {
	spec    Spec
	keys    []string        // to publish; nil when every key is taken
	known   map[string]bool // keys as a set
	steps   prep.Pipeline
	deps    Deps
	source  Source // nil for a source that is sent observations
	metrics *metrics
	turn    chan struct{} // holds one token: whoever has it refreshes
	intake  intake        // of a source that is sent observations
}

// New checks cfg and wires a runner for the one source that its flags describe. It does not touch the network.
func New(cfg Config, deps Deps) (*Runner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	deps = deps.withDefaults()
	return assemble(cfg.spec(), deps, newMetrics(deps.Metrics), upstreams{})
}

func assemble(spec Spec, deps Deps, m *metrics, shared upstreams) (*Runner, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{spec: spec, keys: spec.keys(), deps: deps, source: deps.Source, metrics: m, turn: make(chan struct{}, 1)}
	if spec.any() && !spec.pulled() {
		r.keys = nil
	}
	r.known = make(map[string]bool, len(r.keys))
	for _, key := range r.keys {
		r.known[key] = true
	}
	var err error
	if r.steps, err = spec.pipeline(); err != nil {
		return nil, err
	}
	if r.source != nil || !spec.pulled() {
		return r, nil
	}
	r.source, err = spec.open(r.steps, deps, shared)
	return r, err
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = zap.NewNop()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Progress == nil {
		d.Progress = func(Progress) {}
	}
	if d.HTTP == nil {
		d.HTTP = &http.Client{}
	}
	return d
}

// upstreams are the limits that sources with the same URL share, by URL: the service counts requests of a key, not of
// a source.
type upstreams map[string]*upstream

type upstream struct {
	limiter *rate.Limiter
	breaker *breaker.Breaker
}

// eia returns the limits of the API that e names. Those of the first source with its URL hold.
func (u upstreams) eia(name string, e *EIASpec, deps Deps) *upstream {
	if known := u[e.URL]; known != nil {
		return known
	}
	u[e.URL] = &upstream{
		limiter: rate.NewLimiter(rate.Limit(e.Rate), max(1, int(e.Rate))),
		breaker: breaker.New(breaker.Settings{Name: name, Failures: e.Failures, Cooldown: e.Cooldown, Failure: eia.Down}, deps.Metrics),
	}
	return u[e.URL]
}

// open returns the source that s describes, its rows prepared by steps.
func (s *Spec) open(steps prep.Pipeline, deps Deps, shared upstreams) (Source, error) {
	src, err := s.connect(steps.Inputs(s.keys()), deps, shared)
	if err != nil || steps.Empty() {
		return src, err
	}
	return steps.Wrap(src), nil
}

// connect returns the source that s describes, which reads keys.
func (s *Spec) connect(keys []string, deps Deps, shared upstreams) (Source, error) {
	if s.Kind == KindCSV {
		format, err := s.CSV.Time.format()
		if err != nil {
			return nil, err
		}
		return csvfile.New(csvfile.Config{
			Path: s.CSV.Path, URL: s.CSV.URL, Series: s.CSV.SeriesColumn, Period: s.CSV.PeriodColumn, Value: s.CSV.ValueColumn,
			Separator: []rune(s.CSV.Separator)[0], Time: format, Keys: keys, HTTP: deps.HTTP,
		}), nil
	}
	key, err := s.EIA.apiKey()
	if err != nil {
		return nil, err
	}
	up := shared.eia(s.Name, s.EIA, deps)
	return eia.New(eia.Config{
		BaseURL: s.EIA.URL, Key: key, Type: s.EIA.plain,
		Timeout: s.EIA.Timeout, Tries: s.EIA.Tries, Wait: s.EIA.Wait, MaxWait: s.EIA.MaxWait,
	}, deps.HTTP, up.limiter, up.breaker), nil
}

// apiKey returns the API key from where the source says it is.
func (e *EIASpec) apiKey() (string, error) {
	if e.key != "" {
		return strings.TrimSpace(string(e.key)), nil
	}
	file := e.KeyFile
	if e.KeyEnv == keyVariable && file == "" && os.Getenv(keyVariable) == "" {
		file = os.Getenv(keyVariable + "_FILE")
	}
	return secret("api key", e.KeyEnv, file, "the key from your registration e-mail")
}

// secret returns what the variable holds, or the file when it is named. what and content tell the operator.
func secret(what, variable, file, content string) (string, error) {
	if file == "" {
		text := strings.TrimSpace(os.Getenv(variable))
		if text == "" {
			return "", source.Errorf(source.ErrConfig, "%s: %s is not set; set it to %s", what, variable, content)
		}
		return text, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", source.Errorf(source.ErrConfig, "%s: %v; name a file that this process may read", what, err)
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return "", source.Errorf(source.ErrConfig, "%s: %s is empty; put %s there", what, file, content)
	}
	return text, nil
}

func (r *Runner) id(key string) series.ID { return r.spec.id(key) }

// template returns an empty batch of a series as one run publishes it.
func (r *Runner) template(id series.ID, run *run, origin series.Origin) series.Batch {
	return series.Batch{
		Series: id, SchemaVersion: series.SchemaVersion, Unit: r.spec.Unit, Zone: r.spec.zone(id.Key), Step: step,
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
