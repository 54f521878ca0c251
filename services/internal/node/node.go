// Package node starts what every service needs: connections to the bus and the store, probes and metrics, heartbeats,
// lag events and error events. Each service's Run then reads as the list of what is its own.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/ops"
	"github.com/bellwether-forecast/bellwether/libs/report"
)

// Node is one running instance of a service.
type Node struct {
	Service  string
	Instance string
	Bus      *natsio.Bus
	Store    *chio.Store
	Report   *report.Reporter
	Log      *zap.Logger
	Registry *prometheus.Registry

	app      *app.App
	cfg      Config
	verbs    verbs
	failures failures
	mu       sync.Mutex
	watched  []consumer
	stopping bool
}

// verbs are the requests a service answers on bw.ctl.<service>.<verb>.
type verbs map[string]func(ctx context.Context, data []byte) ([]byte, error)

type consumer struct {
	stream, name string
	reports      *lagReports
}

// Start connects the service and registers its common tasks. On error everything already open is closed.
//
// A bus that is not there yet is waited for, with a log line, until ctx is done; probes answer meanwhile. The store is not
// waited for: what needs it waits by itself and says so on the bus.
func Start(ctx context.Context, service string, cfg Config, log *zap.Logger) (*Node, error) {
	n := &Node{Service: service, Instance: cfg.Instance, Log: log.Named(service), Registry: ops.Registry(), app: app.New(cfg.Drain), cfg: cfg, verbs: verbs{}}
	n.failures.node = n
	if n.Instance == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("instance: %w; set --instance", err)
		}
		n.Instance = fmt.Sprintf("%s-%s-%d", service, host, os.Getpid())
	}
	if err := n.connect(ctx); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // asked to stop while waiting: nothing went wrong
		}
		return nil, errors.Join(err, n.app.Close(ctx))
	}
	return n, nil
}

func (n *Node) connect(ctx context.Context) error {
	if err := n.serve(ctx); err != nil {
		return err
	}
	var err error
	if n.Store, err = chio.New(n.cfg.Store, n.Registry); err != nil {
		return err
	}
	n.app.OnStop("clickhouse", func(context.Context) error { return n.Store.Close() })
	bus, err := n.connectBus(ctx)
	if err != nil {
		return err
	}
	n.app.OnStop("nats", func(context.Context) error { bus.Close(); return nil })
	n.mu.Lock()
	n.Bus = bus
	n.mu.Unlock()
	n.Report = report.New(n.Service, n.Instance, app.Version, bus, nil)
	n.app.Go("heartbeat", n.beat)
	n.app.Go("pressure", n.pressed)
	return nil
}

// connectBus tries until the bus answers. The wait of one try is the configuration's.
func (n *Node) connectBus(ctx context.Context) (*natsio.Bus, error) {
	cfg := n.cfg.NATS
	cfg.Name, cfg.Inbox = n.Instance, n.Service
	for {
		bus, err := natsio.Connect(ctx, cfg, n.Log.Named("nats"), n.Registry)
		if err == nil || ctx.Err() != nil || !errors.Is(err, natsio.ErrUnavailable) {
			return bus, err
		}
		n.Log.Warn("still waiting for the bus", zap.Error(err))
	}
}

// serve answers probes and metrics from now until the node is closed.
func (n *Node) serve(ctx context.Context) error {
	if n.cfg.HTTP == "" {
		return nil
	}
	l, err := ops.Listen(ctx, n.cfg.HTTP)
	if err != nil {
		return err
	}
	n.Log.Info("serving probes and metrics", zap.String("address", l.Addr().String()))
	until, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- ops.Serve(l, n.Registry, n.ready)(until) }()
	n.app.OnStop("http", func(context.Context) error { cancel(); return <-done })
	// Not ready from the moment the node is asked to stop, while the probes go on answering.
	n.app.Go("ready", func(ctx context.Context) error {
		<-ctx.Done()
		n.mu.Lock()
		n.stopping = true
		n.mu.Unlock()
		return nil
	})
	return nil
}

// await calls open until what it opens is there: buckets and streams are laid out by somebody else.
func await[T any](ctx context.Context, n *Node, what string, open func(context.Context, string) (T, error)) (T, error) {
	for told := false; ; told = true {
		v, err := open(ctx, what)
		if err == nil || !errors.Is(err, natsio.ErrNotFound) {
			return v, err
		}
		if !told {
			n.Log.Warn("the bus does not have it yet, waiting; lay out the bus with: bellwether provision", zap.String("bucket", what))
		}
		select {
		case <-ctx.Done():
			return v, err
		case <-time.After(time.Second):
		}
	}
}

// KV opens a key-value bucket, waiting until it exists.
func (n *Node) KV(ctx context.Context, name string) (Bucket, error) {
	kv, err := await(ctx, n, name, n.Bus.KV)
	return Bucket{kv}, err
}

// Objects opens an object store, waiting until it exists.
func (n *Node) Objects(ctx context.Context, name string) (*natsio.Objects, error) {
	return await(ctx, n, name, n.Bus.Objects)
}

func (n *Node) ready() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopping:
		return errors.New("stopping")
	case n.Bus == nil:
		return errors.New("nats: not connected yet")
	}
	return n.Bus.Ready()
}

// Go adds a task; the service stops when it ends.
func (n *Node) Go(name string, run func(ctx context.Context) error) { n.app.Go(name, run) }

// OnStop registers the release of a resource.
func (n *Node) OnStop(name string, run func(ctx context.Context) error) { n.app.OnStop(name, run) }

// Answer adds a request that the service answers.
func (n *Node) Answer(verb string, f func(ctx context.Context, data []byte) ([]byte, error)) {
	n.verbs[verb] = f
}

// Run runs all tasks until ctx is done or one fails.
func (n *Node) Run(ctx context.Context) error {
	stop, err := n.Bus.Serve(n.Service, //nolint:contextcheck // requests end with stop, not with the start-up
		app.Version, "Bellwether's "+n.Service, n.verbs)
	if err != nil {
		return n.Abort(ctx, err)
	}
	n.app.OnStop("control", func(context.Context) error { return stop() })
	n.Log.Info("starting", zap.String("version", app.Version), zap.String("instance", n.Instance))
	err = n.app.Run(ctx)
	n.Log.Info("stopped", zap.Error(err))
	return err
}

// beat sends a heartbeat and the lag of every subscription at each interval, and a last heartbeat on shutdown.
func (n *Node) beat(ctx context.Context) error {
	n.pulse(ctx, "starting")
	t := time.NewTicker(n.cfg.Heartbeat)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			n.pulse(ctx, "running")
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			n.pulse(last, "stopping")
			return nil
		}
	}
}

// pulse must not end the service: a bus that is away for a while is the transport's to wait for.
func (n *Node) pulse(ctx context.Context, state string) {
	ctx, cancel := context.WithTimeout(ctx, max(n.cfg.Heartbeat, time.Second))
	defer cancel()
	if err := n.Report.Heartbeat(ctx, state, n.cfg.Heartbeat, n.Bus.Processed()); err != nil {
		n.Log.Warn("heartbeat not sent", zap.Error(err))
		return
	}
	if state != "running" {
		return
	}
	n.mu.Lock()
	watched := slices.Clone(n.watched)
	n.mu.Unlock()
	for _, c := range watched {
		if err := n.reportLag(ctx, c); err != nil && ctx.Err() == nil {
			n.Log.Warn("lag not reported", zap.String("consumer", c.name), zap.Error(err))
		}
	}
}

// Abort closes the node and returns err: for a Run that fails before its tasks start.
func (n *Node) Abort(ctx context.Context, err error) error { return errors.Join(err, n.app.Close(ctx)) }
