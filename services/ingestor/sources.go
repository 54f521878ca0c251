package ingestor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/record"
)

// Ingestor runs the sources of one process. It is safe for concurrent use.
type Ingestor struct {
	deps    Deps
	runners []*Runner
	byName  map[string]*Runner
	leading atomic.Bool // this replica polls and takes what is sent
}

// Open checks cfg and wires a runner for each source, those of the file or the one that the flags describe. It does not
// touch the network. Sources with the same URL share its limits.
func Open(cfg Config, deps Deps) (*Ingestor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	specs, err := cfg.specs()
	if err != nil {
		return nil, err
	}
	return OpenSpecs(specs, deps)
}

// OpenSpecs wires a runner for each of specs.
func OpenSpecs(specs []Spec, deps Deps) (*Ingestor, error) {
	if err := (File{Sources: specs}).Validate(); err != nil {
		return nil, err
	}
	g := &Ingestor{deps: deps.withDefaults(), byName: map[string]*Runner{}}
	m, shared := newMetrics(g.deps.Metrics), upstreams{}
	for _, s := range specs {
		r, err := assemble(s, g.deps, m, shared)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		g.runners = append(g.runners, r)
		g.byName[s.Name] = r
	}
	return g, nil
}

// Source returns the runner of a source.
func (g *Ingestor) Source(name string) (*Runner, error) {
	if r := g.byName[name]; r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("source: %q is not configured; use one of %s: %w", name, strings.Join(g.names(), ", "), ErrConfig)
}

func (g *Ingestor) names() []string {
	var out []string
	for _, r := range g.runners {
		out = append(out, r.spec.Name)
	}
	return out
}

// pull returns the runners of sources that are asked.
func (g *Ingestor) pull() []*Runner {
	return slices.DeleteFunc(slices.Clone(g.runners), func(r *Runner) bool { return !r.spec.pulled() })
}

// Refresh refreshes the source of this name, or all that are asked when it is empty, at the same time. The run adds up
// what they did.
func (g *Ingestor) Refresh(ctx context.Context, name string, asOf time.Time) (record.IngestRun, error) {
	runners := g.pull()
	if name != "" {
		r, err := g.Source(name)
		if err != nil {
			return record.IngestRun{}, err
		}
		runners = []*Runner{r}
	}
	if len(runners) == 0 {
		return record.IngestRun{}, fmt.Errorf("source: all of %s are sent observations, none can be asked: %w", strings.Join(g.names(), ", "), ErrConfig)
	}
	runs := make([]record.IngestRun, len(runners))
	errs := make([]error, len(runners))
	var group errgroup.Group
	for i, r := range runners {
		group.Go(func() error {
			runs[i], errs[i] = r.Refresh(ctx, asOf)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return record.IngestRun{}, err
	}
	return sum(runs), errors.Join(errs...)
}

// sum adds up the counts of runs, and joins their names.
func sum(runs []record.IngestRun) record.IngestRun {
	out := runs[0]
	for _, r := range runs[1:] {
		out.RunID, out.Source = out.RunID+","+r.RunID, out.Source+","+r.Source
		if r.Origin == "backfill" {
			out.Origin = r.Origin
		}
		out.Series, out.Pages = out.Series+r.Series, out.Pages+r.Pages
		out.Fetched, out.New, out.Revised = out.Fetched+r.Fetched, out.New+r.New, out.Revised+r.Revised
		out.Missing, out.Malformed = out.Missing+r.Missing, out.Malformed+r.Malformed
	}
	return out
}

// lead polls the sources that are asked and takes what the others are sent, until ctx is done. One replica leads.
func (g *Ingestor) lead(ctx context.Context, consume func(ctx context.Context, r *Runner) error) error {
	for _, r := range g.runners {
		if err := r.forget(ctx); err != nil {
			return nil
		}
	}
	g.leading.Store(true)
	defer g.leading.Store(false)
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range g.runners {
		switch {
		case r.spec.pulled() && r.spec.Poll > 0:
			group.Go(func() error { return r.poll(ctx) })
		case !r.spec.pulled():
			group.Go(func() error { return r.receive(ctx) })
		}
		if r.spec.Kind == KindNATS {
			group.Go(func() error { return consume(ctx, r) })
		}
	}
	return group.Wait()
}

// busy reports whether there is anything to lead.
func (g *Ingestor) busy() bool {
	return slices.ContainsFunc(g.runners, func(r *Runner) bool { return r.spec.Poll > 0 || !r.spec.pulled() })
}

// has reports whether some source is of a kind.
func (g *Ingestor) has(kind string) bool {
	return slices.ContainsFunc(g.runners, func(r *Runner) bool { return r.spec.Kind == kind })
}
