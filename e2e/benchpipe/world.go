package benchpipe

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// world is the embedded bus and store with their settings as shipped, and what connects to them.
type world struct {
	dir   string
	app   *app.App // closes everything
	log   *zap.Logger
	url   string // of the bus
	store chio.Config
	conn  ch.Conn // to the store, without libs/chio
}

func open(ctx context.Context, dir string, log *zap.Logger) (*world, error) {
	w := &world{dir: dir, app: app.New(time.Minute), log: log, store: chio.DefaultConfig()}
	engine, err := clickhouse.Open(ctx, clickhouse.Config{Dir: filepath.Join(dir, "clickhouse")})
	if err != nil {
		return w, err
	}
	w.app.OnStop("store", engine.Close)
	w.store.Addr = engine.Addr()
	if _, err := chio.Migrate(ctx, w.store, chio.Options{}); err != nil {
		return w, err
	}
	w.conn, err = ch.Open(&ch.Options{
		Protocol: ch.HTTP, Addr: []string{w.store.Addr}, Auth: ch.Auth{Database: w.store.Database, Username: w.store.User},
	})
	if err != nil {
		return w, fmt.Errorf("connect to the store: %w", err)
	}
	w.app.OnStop("store connection", func(context.Context) error { return w.conn.Close() })
	w.url, err = w.bus(ctx, "nats")
	return w, err
}

// bus starts an embedded bus of its own and lays it out.
func (w *world) bus(ctx context.Context, name string) (url string, err error) {
	srv, err := natsserver.Open(ctx, natsserver.Config{Dir: filepath.Join(w.dir, name), Addr: "127.0.0.1:0"})
	if err != nil {
		return "", err
	}
	w.app.OnStop(name, srv.Close)
	bus, err := w.dial(ctx, srv.URL())
	if err != nil {
		return "", err
	}
	if _, err := natsio.Provision(ctx, bus, natsio.ProvisionOptions{}); err != nil {
		return "", fmt.Errorf("provision: %w", err)
	}
	return srv.URL(), nil
}

// dial connects as a service does.
func (w *world) dial(ctx context.Context, url string) (*natsio.Bus, error) {
	bus, err := natsio.Connect(ctx, natsio.Config{URL: url}, w.log, nil)
	if err != nil {
		return nil, err
	}
	w.app.OnStop("bus connection", func(context.Context) error { bus.Close(); return nil })
	return bus, nil
}

// raw connects with nats.go alone.
func (w *world) raw(url string) (*nats.Conn, error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	w.app.OnStop("raw bus connection", func(context.Context) error { nc.Close(); return nil })
	return nc, nil
}

// settle waits until the store has no merges to do, so that one measurement does not pay for another.
func (w *world) settle(ctx context.Context) error {
	return w.until(ctx, "merges", func() (bool, error) {
		var n uint64
		err := w.conn.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&n)
		return n == 0, err
	})
}

// until asks done every few milliseconds, and gives up after an hour.
func (w *world) until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-t.C:
		}
	}
}
