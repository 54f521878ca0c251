package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/engine"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
)

// closeTimeout bounds Close: half of it for running statements to end by
// themselves, the rest for those that were told to stop.
const closeTimeout = 10 * time.Second

// Server is the embedded engine and its HTTP interface.
type Server struct {
	url    string
	addr   string
	http   *http.Server
	unused *unusedConns
	engine *backend
	gw     *gateway
	lock   *dirLock
	cancel context.CancelFunc // ends the requests that outlive the grace period

	served    chan error
	closeOnce sync.Once
	closeErr  error
}

// Open starts the engine on cfg.Dir and serves it. The context bounds the
// start only.
//
// A process can run one engine at a time, and a directory can be open in one
// process: otherwise the error wraps ErrInUse. After Close the engine can be
// opened again, also on another directory.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	path, err := engine.Path()
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	s, err := open(ctx, cfg, path)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, cfg Config, library string) (_ *Server, err error) {
	dir, err := prepareDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{served: make(chan error, 1)}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	config, err := writeEngineConfig(dir, cfg)
	if err != nil {
		return nil, err
	}
	lib, err := chdb.Load(library)
	if err != nil {
		return nil, err
	}
	if s.engine, err = startEngine(lib, engineArgs(dir, config)); err != nil {
		return nil, fmt.Errorf("dir %q: %w", dir, err)
	}
	if s.gw, err = newGateway(cfg, s.engine); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("addr %q: %w", cfg.Addr, err)
	}
	s.serve(ctx, listener, s.gw)
	return s, nil
}

// engineArgs are the arguments of every connection. A server does not take an
// expression for a query and keeps functions that look into its process for
// those who ask for them; the library has it the other way round.
func engineArgs(dir, config string) []string {
	return []string{"--path=" + dir, "--config-file=" + config, "--implicit_select=0", "--allow_introspection_functions=0"}
}

func (s *Server) serve(ctx context.Context, listener net.Listener, h http.Handler) {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	s.addr = listener.Addr().String()
	s.url = "http://" + s.addr
	s.unused = newUnusedConns()
	s.http = &http.Server{
		Handler:           h,
		ConnState:         s.unused.track,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	go func() { s.served <- s.http.Serve(listener) }()
}

// Addr is the address of the HTTP interface, host:port.
func (s *Server) Addr() string { return s.addr }

// URL is the address of the HTTP interface as a URL without a path.
func (s *Server) URL() string { return s.url }

// Close stops the HTTP interface, lets running statements end, cancels those
// that do not end within five seconds or before ctx is done, and stops the
// engine. It takes ten seconds at most and is idempotent.
func (s *Server) Close(ctx context.Context) error {
	s.closeOnce.Do(func() { s.closeErr = s.close(ctx) })
	return s.closeErr
}

func (s *Server) close(ctx context.Context) error {
	defer s.cancel()
	s.unused.close()
	grace, cancel := context.WithTimeout(ctx, closeTimeout/2)
	defer cancel()
	err := s.http.Shutdown(grace)
	if err != nil {
		// Cancelled requests kill their statements and return.
		s.cancel()
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout/2)
		defer cancel()
		err = errors.Join(s.http.Shutdown(hard), s.http.Close())
	}
	if e := <-s.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if err != nil {
		// A statement still runs: its connection must not be pulled away, and
		// the engine stays claimed until the process ends.
		return fmt.Errorf("clickhouse: close: %w", err)
	}
	s.release()
	return nil
}

// release frees what open acquired, in reverse.
func (s *Server) release() {
	if s.gw != nil {
		s.gw.close()
	}
	if s.engine != nil {
		s.engine.close()
	}
	if s.lock != nil {
		s.lock.release()
	}
}
