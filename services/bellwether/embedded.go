package bellwether

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// embedded says what to run in this process and, once open, where it is.
type embedded struct {
	dir                string
	bus, store         bool
	busAddr, storeAddr string
	nats               natsio.Config
	clickhouse         chio.Config
	schedules          []natsio.Schedule
}

// openEmbedded starts the embedded bus and store, provisions the streams and migrates the schema. a closes them.
func openEmbedded(ctx context.Context, a *app.App, e embedded, log *zap.Logger) (embedded, error) {
	// Only the last folder is created: a path that is wrong further up is a mistake to be told of.
	if err := os.Mkdir(e.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return e, fmt.Errorf("dir: %w; create the folder above it, or choose another with --dir", err)
	}
	if e.store {
		srv, err := clickhouse.Open(ctx, clickhouse.Config{Dir: filepath.Join(e.dir, "clickhouse"), Addr: e.storeAddr})
		if err != nil {
			return e, err
		}
		a.OnStop("embedded store", srv.Close)
		e.clickhouse.Addr = srv.Addr()
	}
	if e.bus {
		srv, err := natsserver.Open(ctx, natsserver.Config{Dir: filepath.Join(e.dir, "nats"), Addr: e.busAddr, Log: log.Named("nats-server")})
		if err != nil {
			return e, err
		}
		a.OnStop("embedded bus", srv.Close)
		e.nats.URL = srv.URL()
	}
	if e.store {
		if _, err := chio.Migrate(ctx, e.clickhouse, chio.Options{}); err != nil {
			return e, err
		}
	}
	if e.bus {
		if err := provision(ctx, e.nats, natsio.ProvisionOptions{Schedules: e.schedules}, log); err != nil {
			return e, err
		}
	}
	return e, nil
}

func provision(ctx context.Context, cfg natsio.Config, o natsio.ProvisionOptions, log *zap.Logger) error {
	bus, err := natsio.Connect(ctx, cfg, log.Named("nats"), nil)
	if err != nil {
		return err
	}
	defer bus.Close()
	if _, err := natsio.Provision(ctx, bus, o); err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	return nil
}
