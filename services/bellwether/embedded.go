package bellwether

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/bellwether-forecast/bellwether/libs/app"
	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
	"github.com/bellwether-forecast/bellwether/libs/embed/natsserver"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/record"
)

// embedded says what to run in this process and, once open, where it is.
type embedded struct {
	dir                string
	bus, store         bool
	busAddr, storeAddr string
	limits             storeFlags
	nats               natsio.Config
	clickhouse         chio.Config
	schedules          []natsio.Schedule
}

// storeFlags are the limits of the embedded store, and who may read it.
type storeFlags struct {
	MaxMemory int64        `help:"Memory in bytes that the embedded store may take; 0 for 4 GiB."`
	MarkCache int64        `help:"Bytes the embedded store may remember of where rows are in its files; 0 for 256 MiB."`
	Log       bool         `help:"Note every statement in the table query_log." default:"true" negatable:""`
	Analyst   analystFlags `embed:"" prefix:"analyst-"`
}

// analystFlags are about the user of the embedded store who can only read.
type analystFlags struct {
	User         string            `help:"User of the embedded store who can read and nothing else." default:"analyst"`
	Password     string            `help:"Password of that user; without one there is none. Set it by environment or file, never by flag." hidden:"" env:"BELLWETHER_STORE_ANALYST_PASSWORD"`
	PasswordFile string            `help:"File that holds the password of that user." env:"BELLWETHER_STORE_ANALYST_PASSWORD_FILE"`
	MaxTime      time.Duration     `help:"How long a statement of that user may run." default:"1m"`
	MaxMemory    int64             `help:"Memory in bytes that a statement of that user may take; 0 for 1 GiB."`
	Filter       map[string]string `help:"Rows that user sees, by table: observations=\"series LIKE 'eia.%'\". Tables that are not named are seen whole." mapsep:";"`
}

// errOpenDoor is an analyst beside a user whom nothing keeps out.
var errOpenDoor = errors.New("store-analyst-password: an analyst could come as the user who may write, who has no password; set one with BELLWETHER_CLICKHOUSE_PASSWORD or --clickhouse-password-file")

// config returns the store's configuration. The services come with the user and the password of client, so these are
// asked of everybody; the tables of filters are those of its database.
func (f storeFlags) config(client chio.Config) (clickhouse.Config, error) {
	a, database := f.Analyst, client.Database
	password, err := client.Secret()
	if err != nil {
		return clickhouse.Config{}, err
	}
	if a.PasswordFile != "" {
		if a.Password != "" {
			return clickhouse.Config{}, errors.New("store-analyst-password: is set together with store-analyst-password-file; set one of them")
		}
		b, err := os.ReadFile(a.PasswordFile)
		if err != nil {
			return clickhouse.Config{}, fmt.Errorf("store-analyst-password-file: %w", err)
		}
		a.Password = strings.TrimSpace(string(b))
	}
	if a.Password != "" && password == "" {
		return clickhouse.Config{}, errOpenDoor
	}
	out := clickhouse.Config{User: client.User, Password: password, MaxMemory: f.MaxMemory, MarkCache: f.MarkCache, Analyst: clickhouse.Analyst{
		User: a.User, Password: a.Password, MaxMemory: a.MaxMemory, MaxTime: a.MaxTime, Filters: map[string]string{},
	}}
	for table, condition := range a.Filter {
		out.Analyst.Filters[database+"."+table] = condition
	}
	if f.Log {
		out.QueryLog = database + "." + record.Query{}.Table()
	}
	return out, nil
}

// openEmbedded starts the embedded bus and store, provisions the streams and migrates the schema. a closes them.
func openEmbedded(ctx context.Context, a *app.App, e embedded, log *zap.Logger) (embedded, error) {
	// Only the last folder is created: a path that is wrong further up is a mistake to be told of.
	if err := os.Mkdir(e.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return e, fmt.Errorf("dir: %w; create the folder above it, or choose another with --dir", err)
	}
	if e.store {
		cfg, err := e.limits.config(e.clickhouse)
		if err != nil {
			return e, err
		}
		cfg.Dir, cfg.Addr, cfg.Log = filepath.Join(e.dir, "clickhouse"), e.storeAddr, log.Named("store")
		srv, err := clickhouse.Open(ctx, cfg)
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
