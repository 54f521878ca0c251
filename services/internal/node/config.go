package node

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
)

// Config is what every service needs. Services embed it in their own configuration.
type Config struct {
	NATS  natsio.Config `embed:"" prefix:"nats-"`
	Store chio.Config   `embed:"" prefix:"clickhouse-" envprefix:"BELLWETHER_CLICKHOUSE_"`

	HTTP      string        `help:"Address of /livez, /readyz and /metrics; port 0 picks one, empty serves none. Several services in one process take consecutive ports." default:"127.0.0.1:0" env:"BELLWETHER_HTTP"`
	Instance  string        `help:"Name of this process in events; the host's name and process id by default." env:"BELLWETHER_INSTANCE"`
	Heartbeat time.Duration `help:"Time between heartbeats and lag events." default:"5s" env:"BELLWETHER_HEARTBEAT"`
	Drain     time.Duration `help:"Time to finish work in hand on shutdown." default:"8s"`
	LogLevel  string        `help:"debug, info, warn or error." default:"info" env:"BELLWETHER_LOG_LEVEL"`
}

// Validate reports every bad field.
func (c Config) Validate() error {
	errs := []error{c.NATS.Validate(), c.Store.Validate()}
	if c.HTTP != "" {
		if _, _, err := net.SplitHostPort(c.HTTP); err != nil {
			errs = append(errs, fmt.Errorf("http: %q is not host:port, for example 127.0.0.1:8081", c.HTTP))
		}
	}
	if c.Heartbeat < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("heartbeat: %s is shorter than 100ms", c.Heartbeat))
	}
	if c.Drain <= 0 || c.Drain > 5*time.Minute {
		errs = append(errs, fmt.Errorf("drain: %s is not within 1ns..5m", c.Drain))
	}
	return errors.Join(errs...)
}
