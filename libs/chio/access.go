package chio

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the statements
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

//go:embed access/access.sql
var accessTemplate string

// The users beside the services.
const (
	Operator = "operator" // reads all
	Analyst  = "analyst"  // reads within limits
	Migrator = "migrator" // lays out tables and views
)

// AccessOptions say who may do what on a server.
type AccessOptions struct {
	// Cluster is as in Options.
	Cluster string
	// Passwords are those of the users to create, by service or by Operator, Analyst and Migrator. Roles are created for
	// all; who has no password here gets no user.
	Passwords map[string]string
	// AnalystSeries is a LIKE pattern of the series that analysts see; "" is all of them.
	AnalystSeries string
}

// serviceAccess is what one service does with the store.
type serviceAccess struct {
	Name          string
	Writes, Reads []string // tables
}

// services are the writers of the tables, each of one's own, and what they read.
func services() []serviceAccess {
	return []serviceAccess{
		{Name: event.Ingestor, Writes: []string{"ingest_runs"}},
		{Name: event.Validator, Writes: []string{"observations", "observation_revisions", "verdicts", "quarantine"}, Reads: []string{"observations", "observation_revisions", "ingest_runs"}},
		{Name: event.Trainer, Writes: []string{"models", "backtests"}, Reads: []string{"observations", "observation_revisions", "quarantine", "models"}},
		{Name: event.Forecaster, Writes: []string{"forecasts", "scores"}, Reads: []string{"observations", "observation_revisions", "models", "forecasts", "scores"}},
		{Name: event.Monitor, Writes: []string{"events", "alerts"}},
	}
}

// accessUser is a user with a password.
type accessUser struct{ Name, Hash, Salt, Profile string }

// access fills the template.
type access struct {
	ddl
	Database      string
	Services      []serviceAccess
	SeriesTables  []string
	AnalystSeries string // as a literal
	Users         []accessUser
}

// Cluster returns the name of the cluster, empty for one server.
func (a access) Cluster() string { return a.cluster }

// Role returns the name of the role of a service or of one of the other users.
func (a access) Role(name string) string { return a.Database + "_role_" + name }

// User returns the name of a user.
func (a access) User(name string) string { return a.Database + "_" + name }

// AccessStatements returns what Access runs on a server. Passwords are in it as salted hashes.
func AccessStatements(cfg Config, o AccessOptions) ([]string, error) {
	text, err := renderAccess(cfg, o)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(strings.TrimSpace(text), ";"), ";\n"), nil
}

func renderAccess(cfg Config, o AccessOptions) (string, error) {
	if err := errors.Join(cfg.Validate(), o.validate()); err != nil {
		return "", err
	}
	a := access{
		ddl: ddl{cluster: o.Cluster}, Database: cfg.Database, Services: services(), AnalystSeries: literal(o.AnalystSeries),
		SeriesTables: []string{"observations", "observation_revisions", "verdicts", "quarantine", "models", "backtests", "forecasts", "scores"},
	}
	if o.AnalystSeries == "" {
		a.AnalystSeries = literal("%")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Passwords)) {
		a.Users = append(a.Users, newAccessUser(cfg.Database, name, o.Passwords[name]))
	}
	t, err := template.New("access").Parse(accessTemplate)
	if err != nil {
		return "", fmt.Errorf("parse access: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, a); err != nil {
		return "", fmt.Errorf("render access: %w", err)
	}
	return b.String(), nil
}

func (o AccessOptions) validate() error {
	var errs []error
	if o.Cluster != "" {
		if err := checkName(o.Cluster); err != nil {
			errs = append(errs, fmt.Errorf("clickhouse cluster: %w", err))
		}
	}
	known := append(event.Services(), Operator, Analyst, Migrator)
	for name, password := range o.Passwords {
		switch {
		case !slices.Contains(known, name):
			errs = append(errs, fmt.Errorf("password of %q: there is no such user; there are %s", name, strings.Join(known, ", ")))
		case password == "":
			errs = append(errs, fmt.Errorf("password of %s is empty", name))
		}
	}
	return errors.Join(errs...)
}

// newAccessUser hashes the password. The salt is public and need only differ between users; made of their names, it lets
// a repeated run write the same statements.
func newAccessUser(database, name, password string) accessUser {
	salt := sha256.Sum256([]byte("bellwether access " + database + " " + name))
	u := accessUser{Name: name, Salt: hex.EncodeToString(salt[:16]), Profile: "service"}
	hash := sha256.Sum256([]byte(password + u.Salt))
	u.Hash = hex.EncodeToString(hash[:])
	if name == Analyst {
		u.Profile = "analyst"
	}
	return u
}

func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// errNoAccess is the advice for a store that refuses users.
var errNoAccess = errors.New("the embedded store has no users; on a server this needs a user with ACCESS MANAGEMENT")

// Access creates or updates users, roles, profiles, quotas and row policies on a server, after Migrate has made the
// tables. It can be repeated: afterwards the roles have exactly the grants that this version knows.
func Access(ctx context.Context, cfg Config, o AccessOptions) error {
	statements, err := AccessStatements(cfg, o)
	if err != nil {
		return err
	}
	opt, err := cfg.options("default")
	if err != nil {
		return err
	}
	db := clickhouse.OpenDB(opt)
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			if refused, ok := errors.AsType[*clickhouse.Exception](err); ok && refused.Code == 497 {
				err = fmt.Errorf("%w: %w", err, errNoAccess)
			}
			return fmt.Errorf("access: %s: %w", firstLine(statement), classify(err))
		}
	}
	return nil
}

// firstLine is the first line of a statement behind its comments, without what follows the name of a user.
func firstLine(statement string) string {
	for line := range strings.Lines(statement) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			line, _, _ = strings.Cut(line, " IDENTIFIED")
			return line
		}
	}
	return ""
}
