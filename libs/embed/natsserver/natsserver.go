// Package natsserver runs a NATS server with JetStream inside the process, for the laptop, the demo and tests.
//
// It is the real server with durable settings: every stored message is on disk before it is acknowledged. Clients
// reach it over loopback TCP exactly as they would reach a cluster.
package natsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// Defaults of Config.
const (
	DefaultAddr      = "127.0.0.1:4222"
	DefaultMaxStore  = 32 << 30  // bytes
	DefaultMaxMemory = 256 << 20 // bytes

	// MaxPayload is the largest message the server takes, in bytes.
	MaxPayload = 8 << 20

	startTimeout = 30 * time.Second
)

// Config says where the embedded server listens and stores. The zero value of each field but Dir means its default.
type Config struct {
	// Dir is the folder of the JetStream file store; it is created when missing. One server at a time may use it.
	Dir string `help:"Folder of the embedded bus." env:"BELLWETHER_NATS_DIR"`
	// Addr is host:port to listen on; ":0" and "127.0.0.1:0" choose a free port, and no host means loopback.
	Addr string `help:"Address the embedded bus listens on." default:"127.0.0.1:4222" env:"BELLWETHER_NATS_ADDR"`
	// MaxStore limits the file store, in bytes. The limits of all streams together must fit in it. 0 means 32 GiB.
	MaxStore int64 `help:"Most bytes the embedded bus keeps on disk." default:"34359738368" env:"BELLWETHER_NATS_MAX_STORE"`
	// MaxMemory limits memory streams, in bytes. Bellwether has none, so this only bounds what others create.
	// 0 means 256 MiB.
	MaxMemory int64 `help:"Most bytes of memory streams of the embedded bus." default:"268435456" env:"BELLWETHER_NATS_MAX_MEMORY"`
	// Log receives what the server has to say, at debug level and above. Nil drops it.
	Log *zap.Logger `kong:"-"`
}

// Validate reports every field that cannot work, with the fix.
func (c Config) Validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("nats dir: empty; name a folder the process may write to"))
	}
	if _, _, err := c.hostPort(); err != nil {
		errs = append(errs, err)
	}
	if c.MaxStore < 0 {
		errs = append(errs, fmt.Errorf("nats max store: %d bytes; use a positive number, or 0 for the default", c.MaxStore))
	}
	if c.MaxMemory < 0 {
		errs = append(errs, fmt.Errorf("nats max memory: %d bytes; use a positive number, or 0 for the default", c.MaxMemory))
	}
	return errors.Join(errs...)
}

// hostPort splits Addr. The port is server.RANDOM_PORT for 0.
func (c Config) hostPort() (string, int, error) {
	addr := c.Addr
	if addr == "" {
		addr = DefaultAddr
	}
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("nats addr %q: %w; write host:port", addr, err)
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("nats addr %q: port %q is not a number from 0 to 65535", addr, p)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(port), nil
}

// Server is a running server. Its methods are safe for concurrent use.
type Server struct {
	opts *server.Options
	log  *logger
	url  string

	mu sync.Mutex // of ns
	ns *server.Server

	closing context.CancelFunc // ends mend
	mended  chan struct{}      // closed when mend has ended
}

// Open starts a server and returns when it accepts clients and JetStream has recovered its streams. Signals are left
// to the caller. ctx bounds the start only; end the server with Close.
func Open(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	host, port, err := cfg.hostPort()
	if err != nil {
		return nil, err
	}
	dir, err := prepareDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	if err := checkPort(ctx, host, port); err != nil {
		return nil, err
	}
	s := &Server{log: newLogger(cfg.Log), mended: make(chan struct{}), opts: &server.Options{
		ServerName:         "bellwether",
		Host:               host,
		Port:               port,
		NoSigs:             true,
		MaxPayload:         MaxPayload,
		JetStream:          true,
		StoreDir:           dir,
		SyncAlways:         true,
		JetStreamMaxStore:  orDefault(cfg.MaxStore, DefaultMaxStore),
		JetStreamMaxMemory: orDefault(cfg.MaxMemory, DefaultMaxMemory),
	}}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	if addr, ok := s.ns.Addr().(*net.TCPAddr); ok {
		s.opts.Port = addr.Port // clients come back to it
	}
	s.url = s.ns.ClientURL()
	ctx, s.closing = context.WithCancel(context.WithoutCancel(ctx))
	go s.mend(ctx)
	return s, nil
}

// start starts a server with the options of s.
func (s *Server) start(ctx context.Context) error {
	s.log.reset()
	ns, err := server.NewServer(s.opts.Clone())
	if err != nil {
		return fmt.Errorf("configure nats server: %w", err)
	}
	ns.SetLoggerV2(s.log, false, false, false)
	ns.Start()
	if err := ready(ctx, ns, s.log); err != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return fmt.Errorf("start nats server in %s: %w", s.opts.StoreDir, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ns = ns
	return nil
}

// ready waits for the listener, unless the server reported a fatal error or ctx ends first.
func ready(ctx context.Context, ns *server.Server, log *logger) error {
	if err := log.fatal(); err != nil {
		return err
	}
	wait := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	if !ns.ReadyForConnections(wait) {
		return errors.Join(fmt.Errorf("not ready after %s", wait.Round(time.Millisecond)), log.fatal(), ctx.Err())
	}
	if !ns.JetStreamEnabled() {
		return errors.Join(errors.New("jetstream is not enabled"), log.fatal())
	}
	return nil
}

// URL returns the address clients connect to, for example nats://127.0.0.1:4222.
func (s *Server) URL() string { return s.url }

// Close stops the server and returns when its files are closed, or with an error when ctx ends before that.
// Clients see a closed connection; there is no lame-duck phase. Closing twice is allowed.
func (s *Server) Close(ctx context.Context) error {
	s.closing()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-s.mended
		s.shutdown()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop nats server: %w", ctx.Err())
	}
}

func (s *Server) shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

// prepareDir makes dir and proves that it can be written, so that the error names the setting and not some file of
// the store.
func prepareDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("nats dir %q: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("nats dir %q: %w; choose a folder the process may create", dir, err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return "", fmt.Errorf("nats dir %q: %w; make it writable or choose another folder", dir, err)
	}
	return dir, errors.Join(f.Close(), os.Remove(f.Name()))
}

// checkPort finds a busy port before the server starts, since the server itself would only log it.
func checkPort(ctx context.Context, host string, port int) error {
	if port == server.RANDOM_PORT {
		return nil
	}
	addr := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("nats addr %s: %w; stop the other server or choose another port", addr, err)
	}
	if err := l.Close(); err != nil {
		return fmt.Errorf("nats addr %s: %w", addr, err)
	}
	return nil
}

func orDefault(v, def int64) int64 {
	if v == 0 {
		return def
	}
	return v
}
