package natsio

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const (
	reconnectWait   = 500 * time.Millisecond
	reconnectBuffer = 32 << 20 // bytes published while disconnected; four messages of the largest size
	pingInterval    = 10 * time.Second
)

var _ stage.Bus = (*Bus)(nil)

// Bus is a connection to JetStream. It is safe for concurrent use.
type Bus struct {
	cfg     Config
	nc      *nats.Conn
	js      jetstream.JetStream
	log     *zap.Logger
	metrics *metrics
	backoff backoff

	batching batching

	processed atomic.Uint64
	closed    chan struct{} // closed when the connection is closed for good
}

// Connect connects to the bus. It tries again until ctx ends or cfg.ConnectWait has passed; once connected, a lost
// connection is restored for ever. log and reg may be nil.
func Connect(ctx context.Context, cfg Config, log *zap.Logger, reg prometheus.Registerer) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	cfg = cfg.withDefaults()
	b := &Bus{cfg: cfg, log: log, metrics: newMetrics(), backoff: newBackoff(cfg.Backoff), closed: make(chan struct{})}
	nc, err := b.dial(ctx)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc,
		jetstream.WithDefaultTimeout(cfg.Timeout),
		jetstream.WithPublishAsyncMaxPending(cfg.Window),
		jetstream.WithPublishAsyncTimeout(cfg.Timeout),
	)
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	b.nc, b.js = nc, js
	b.metrics.register(reg) // not before: who fails to connect may try again with the same registry
	b.metrics.connected.Set(1)
	return b, nil
}

func (b *Bus) dial(ctx context.Context) (*nats.Conn, error) {
	dialCtx, cancel := context.WithTimeout(ctx, b.cfg.ConnectWait)
	defer cancel()
	for tries := 1; ; tries++ {
		nc, err := nats.Connect(b.cfg.URL, b.options()...)
		if err == nil {
			return nc, nil
		}
		if tries == 1 {
			b.log.Warn("bus does not answer, trying again", zap.String("url", b.cfg.URL), zap.Error(err))
		}
		if !wait(dialCtx, reconnectWait) {
			return nil, fmt.Errorf("connect to %s, %d tries: %w: %w; start the server or correct nats-url", b.cfg.URL, tries, ErrUnavailable, err)
		}
	}
}

func (b *Bus) options() []nats.Option {
	opts := []nats.Option{
		nats.Name(b.cfg.Name),
		nats.CustomInboxPrefix(b.cfg.inboxPrefix()),
		nats.Timeout(min(b.cfg.Timeout, 5*time.Second)),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait/2, reconnectWait/2),
		nats.ReconnectBufSize(reconnectBuffer),
		nats.PingInterval(pingInterval),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.metrics.connected.Set(0)
			if err != nil {
				b.log.Warn("bus disconnected", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			b.metrics.connected.Set(1)
			b.metrics.reconnects.Inc()
			b.log.Info("bus reconnected", zap.String("url", nc.ConnectedUrlRedacted()))
		}),
		// A denied publish shows as a mere timeout to its caller; the reason arrives here.
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			b.log.Error("bus error", zap.String("subject", subject), zap.Error(err))
		}),
		nats.ClosedHandler(func(*nats.Conn) {
			b.metrics.connected.Set(0)
			close(b.closed)
		}),
	}
	if b.cfg.Creds != "" {
		opts = append(opts, nats.UserCredentials(b.cfg.Creds))
	}
	if b.cfg.User != "" {
		// A password that the server does not take may be old: it is read again for the next try.
		opts = append(opts, nats.UserInfoHandler(b.login), nats.IgnoreAuthErrorAbort())
	}
	return opts
}

// login returns the user and the password as the file has it now.
func (b *Bus) login() (user, password string) {
	password, err := b.cfg.password()
	if err != nil {
		b.log.Error("password of the bus not read", zap.Error(err)) // the server will refuse the empty one
	}
	return b.cfg.User, password
}

// Ready returns nil while the connection is up, and else why it is not.
func (b *Bus) Ready() error {
	if s := b.nc.Status(); s != nats.CONNECTED {
		return fmt.Errorf("bus %s: %w", s, ErrUnavailable)
	}
	return nil
}

// Processed returns how many messages were handled and acknowledged by all subscriptions since Connect.
func (b *Bus) Processed() uint64 { return b.processed.Load() }

// Drain ends the connection after everything sent has reached the server, or with an error when ctx ends first.
// Subscriptions must have ended before.
func (b *Bus) Drain(ctx context.Context) error {
	if err := b.nc.Drain(); err != nil {
		b.nc.Close()
		if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrConnectionReconnecting) {
			return nil // nothing that could still be sent
		}
		return fmt.Errorf("drain bus: %w", err)
	}
	select {
	case <-b.closed:
		return nil
	case <-ctx.Done():
		b.nc.Close()
		return fmt.Errorf("drain bus: %w", ctx.Err())
	}
}

// Close ends the connection at once.
func (b *Bus) Close() { b.nc.Close() }

// wait returns true after d, or false when ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
