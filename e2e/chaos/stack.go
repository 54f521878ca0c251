package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// Names of the two processes that are no services.
const (
	busName   = "bus"
	storeName = "store"
)

// Programs are the binaries of the pipeline.
type Programs struct {
	Bellwether string
	// Services are the binaries of the services, by name. One that is missing is run by Bellwether.
	Services map[string]string
}

// command returns how to run a service with its own flags and those all services have.
func (p Programs) command(service string, common, own []string) []string {
	if path, ok := p.Services[service]; ok {
		out := append([]string{path}, common...)
		for _, f := range own {
			out = append(out, "--"+f)
		}
		return out
	}
	out := append([]string{p.Bellwether, "up", "--embed=none", "--services=" + service}, common...)
	for _, f := range own {
		out = append(out, "--"+service+"-"+f)
	}
	return out
}

// stack is the running pipeline: seven processes, and a link from each service to the bus and to the store.
type stack struct {
	dir     string
	procs   map[string]*Proc
	bus     map[string]*Link // by client: the services and "producer"
	store   map[string]*Link // by service
	disk    string           // folder of the bus's disk when it can be filled, or empty
	noDisk  error            // why it cannot
	direct  *natsio.Bus      // past all links, for looking
	record  *chio.Store
	through *natsio.Bus // the producers' connection
}

const producer = "producer"

// startStack starts everything and waits until all services answer.
func startStack(ctx context.Context, cfg Config, apiURL string, gone func(name, last string)) (*stack, error) {
	s := &stack{dir: cfg.Dir, procs: map[string]*Proc{}, bus: map[string]*Link{}, store: map[string]*Link{}}
	err := s.start(ctx, cfg, apiURL, gone)
	if err != nil {
		return nil, errors.Join(err, s.stop(), s.release(true))
	}
	return s, nil
}

func (s *stack) start(ctx context.Context, cfg Config, apiURL string, gone func(name, last string)) error {
	busAddr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	storeAddr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	busDir, storeDir := filepath.Join(s.dir, busName), filepath.Join(s.dir, storeName)
	if err := errors.Join(os.Mkdir(busDir, 0o755), os.Mkdir(storeDir, 0o755)); err != nil {
		return err
	}
	if s.noDisk = mountDisk(busDir, "192m"); s.noDisk == nil {
		s.disk = busDir
	}
	up := []string{cfg.Programs.Bellwether, "up", "--services=none"}
	s.procs[busName] = NewProc(s.dir, busName, append(slices.Clone(up), "--embed=bus", "--dir="+busDir, "--bus-addr="+busAddr), gone)
	s.procs[storeName] = NewProc(s.dir, storeName, append(slices.Clone(up), "--embed=store", "--dir="+storeDir, "--store-addr="+storeAddr), gone)
	for _, name := range event.Services() {
		if err := s.link(ctx, name, busAddr, storeAddr); err != nil {
			return err
		}
		s.procs[name] = NewProc(s.dir, name, cfg.Programs.command(name, s.common(name), own(name, apiURL)), gone)
	}
	if s.bus[producer], err = NewLink(ctx, busAddr); err != nil {
		return err
	}
	for _, p := range s.procs {
		if err := p.Start(); err != nil {
			return err
		}
	}
	return s.connect(ctx, busAddr, storeAddr)
}

func (s *stack) link(ctx context.Context, name, busAddr, storeAddr string) (err error) {
	if s.bus[name], err = NewLink(ctx, busAddr); err != nil {
		return err
	}
	s.store[name], err = NewLink(ctx, storeAddr)
	return err
}

// common returns the flags of every service. Waits are shorter than by default, so that three minutes hold sixty faults;
// what they wait for is the same.
func (s *stack) common(name string) []string {
	return []string{
		"--nats-url=nats://" + s.bus[name].Addr(), "--clickhouse-addr=" + s.store[name].Addr(), "--instance=" + name + "-1",
		"--heartbeat=1s", "--nats-backoff=250ms,1s,2s", "--clickhouse-cooldown=1s",
	}
}

// own returns the flags of one service.
func own(name, apiURL string) []string {
	switch name {
	case event.Ingestor:
		return []string{
			"eia-url=" + apiURL, "eia-key=CHAOS", "eia-rate=1000", "eia-tries=2", "eia-wait=50ms", "eia-cooldown=500ms", "eia-timeout=5s",
			"areas=" + areaList(), "poll=0s", "start=" + firstHour.Format("2006-01-02T15"),
		}
	case event.Forecaster:
		return []string{"min-train=1000000"} // models come by the run's own jobs
	case event.Trainer:
		return []string{"origins=2", "stride=24"}
	case event.Monitor:
		return []string{"settle-for=1s", "keep-firing-for=0s"}
	}
	return nil
}

// connect waits until the bus, the store and the services answer.
func (s *stack) connect(ctx context.Context, busAddr, storeAddr string) (err error) {
	if s.direct, err = natsio.Connect(ctx, natsio.Config{URL: "nats://" + busAddr, Name: "chaos", Timeout: 5 * time.Second}, zap.NewNop(), nil); err != nil {
		return err
	}
	if s.through, err = natsio.Connect(ctx, natsio.Config{URL: "nats://" + s.bus[producer].Addr(), Name: "chaos-producer", Timeout: 5 * time.Second}, zap.NewNop(), nil); err != nil {
		return err
	}
	store := chio.DefaultConfig()
	store.Addr, store.Cooldown = storeAddr, 500*time.Millisecond
	if s.record, err = chio.New(store, nil); err != nil {
		return err
	}
	return until(ctx, startWait, "the pipeline to start", func(ctx context.Context) (bool, error) {
		if _, err := s.record.Count(ctx, "v_alerts_open"); err != nil {
			return false, nil //nolint:nilerr // not migrated yet
		}
		services, err := s.direct.Ping(ctx)
		return err == nil && len(services) == len(event.Services()), nil
	})
}

// stop ends everything, services first.
func (s *stack) stop() error {
	var errs []error
	for _, b := range []*natsio.Bus{s.direct, s.through} {
		if b != nil {
			b.Close()
		}
	}
	if s.record != nil {
		errs = append(errs, s.record.Close())
	}
	for _, name := range append(event.Services(), busName, storeName) {
		if p := s.procs[name]; p != nil {
			errs = append(errs, p.Kill())
		}
	}
	for _, links := range []map[string]*Link{s.bus, s.store} {
		for _, l := range links {
			if l != nil {
				l.Close()
			}
		}
	}
	return errors.Join(errs...)
}

// freeAddr returns a loopback address that nobody listens on.
func freeAddr(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

const startWait = time.Minute

// until asks again and again until ready says so.
func until(ctx context.Context, patience time.Duration, what string, ready func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := ready(ctx)
		if err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", patience, what, ctx.Err())
		}
	}
}
