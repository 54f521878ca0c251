package bellwether

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
)

// Migrate lays out a ClickHouse server.
type Migrate struct {
	Store   chio.Config `embed:"" prefix:"clickhouse-" envprefix:"BELLWETHER_CLICKHOUSE_"`
	Cluster string      `help:"Create replicated tables on this cluster; empty for a single server." `

	Access        bool   `help:"Then create or update users, roles, profiles, quotas and row policies; on a server alone." group:"Access:"`
	Passwords     string `help:"Folder with a file for each user to create, named ingestor, validator, trainer, forecaster, monitor, operator, analyst or migrator, that holds the password. Roles are created for all of them." type:"existingdir" group:"Access:"`
	AnalystSeries string `help:"Series that analysts see, as a LIKE pattern: 'eia.%'." default:"%" group:"Access:"`
	Print         bool   `help:"Print the statements of --access and run nothing." group:"Access:"`
}

// Run implements the command.
func (m *Migrate) Run(ctx context.Context, out Output) error {
	o := chio.AccessOptions{Cluster: m.Cluster, AnalystSeries: m.AnalystSeries}
	var err error
	if o.Passwords, err = readPasswords(m.Passwords); err != nil {
		return err
	}
	if m.Print {
		return printAccess(m.Store, o, out)
	}
	if len(o.Passwords) > 0 && !m.Access {
		return errors.New("passwords: they are of users that --access creates; give that, too")
	}
	applied, err := chio.Migrate(ctx, m.Store, chio.Options{Cluster: m.Cluster})
	for _, a := range applied {
		fmt.Fprintf(out.Out, "applied %s in %s\n", a.Name, a.Duration.Round(time.Millisecond))
	}
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		fmt.Fprintln(out.Out, "tables are up to date")
	}
	if !m.Access {
		return nil
	}
	if err := chio.Access(ctx, m.Store, o); err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "roles, profiles, quotas and row policies are up to date, and %d users\n", len(o.Passwords))
	return nil
}

// readPasswords reads the files of a folder, as Kubernetes lays out a secret: what begins with a dot is not one.
func readPasswords(dir string) (map[string]string, error) {
	passwords := map[string]string{}
	if dir == "" {
		return passwords, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("passwords: %w", err)
		}
		passwords[e.Name()] = strings.TrimSpace(string(data))
	}
	return passwords, nil
}

func printAccess(cfg chio.Config, o chio.AccessOptions, out Output) error {
	statements, err := chio.AccessStatements(cfg, o)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		fmt.Fprintln(out.Out, strings.TrimSpace(statement)+";")
	}
	return nil
}
