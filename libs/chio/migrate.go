package chio

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations/*.sql
var templates embed.FS

// Options of a migration.
type Options struct {
	// Cluster is the name of the ClickHouse cluster to create the tables on, replicated. Empty means one server or the
	// embedded engine, with plain tables.
	Cluster string
}

// Applied is one migration that Migrate ran.
type Applied struct {
	Version  int64
	Name     string // file name
	Duration time.Duration
}

// Migrate creates the database when it is missing and brings its tables and views to the newest version. It returns
// the migrations it ran: none when all was done before. Every statement can be repeated, so a Migrate that was
// interrupted is simply run again. Two at the same time are not safe: run it as one job.
func Migrate(ctx context.Context, cfg Config, o Options) ([]Applied, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	d := ddl{cluster: o.Cluster}
	if o.Cluster != "" {
		if err := checkName(o.Cluster); err != nil {
			return nil, fmt.Errorf("clickhouse cluster: %w", err)
		}
	}
	if err := createDatabase(ctx, cfg, d); err != nil {
		return nil, err
	}
	opt, err := cfg.options(cfg.Database)
	if err != nil {
		return nil, err
	}
	db := clickhouse.OpenDB(opt)
	defer db.Close()
	versions, err := database.NewStoreFromQuerier(versionTable, d)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	scripts, err := d.render()
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectCustom, db, nil, goose.WithStore(versions),
		goose.WithGoMigrations(migrations(scripts)...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	results, err := p.Up(ctx)
	applied := make([]Applied, 0, len(results))
	for _, r := range results {
		applied = append(applied, Applied{Version: r.Source.Version, Name: scripts[r.Source.Version-1].name, Duration: r.Duration})
	}
	if err != nil {
		return applied, fmt.Errorf("migrate database %s: %w", cfg.Database, classify(err))
	}
	return applied, nil
}

func createDatabase(ctx context.Context, cfg Config, d ddl) error {
	opt, err := cfg.options("default")
	if err != nil {
		return err
	}
	db := clickhouse.OpenDB(opt)
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS `"+cfg.Database+"`"+d.OnCluster()); err != nil {
		return fmt.Errorf("create database %s: %w", cfg.Database, classify(err))
	}
	return nil
}

// ddl fills the places in which the statements for one server and for a cluster differ.
type ddl struct{ cluster string }

// OnCluster returns the clause that runs a statement on all servers of the cluster, or nothing.
func (d ddl) OnCluster() string {
	if d.cluster == "" {
		return ""
	}
	return " ON CLUSTER '" + d.cluster + "'"
}

// Replacing returns the engine that keeps one row a key: the one with the highest version, or the last one written.
func (d ddl) Replacing(version string) string {
	if d.cluster == "" {
		return "ReplacingMergeTree(" + version + ")"
	}
	engine := "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}'"
	if version != "" {
		engine += ", " + version
	}
	return engine + ")"
}

// Deduplicate returns the setting for how many inserts back a repeated token is recognised. Plain tables do not look
// back unless told to.
func (d ddl) Deduplicate() string {
	if d.cluster == "" {
		return "non_replicated_deduplication_window = 1000"
	}
	return "replicated_deduplication_window = 1000"
}

// script is one migration: statements that end with a semicolon at the end of a line.
type script struct {
	name string
	sql  string
}

// render returns the migrations in order. The version of a migration is its place, counted from one.
func (d ddl) render() ([]script, error) {
	all, err := template.ParseFS(templates, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("parse migrations: %w", err)
	}
	var out []script
	for _, t := range all.Templates() {
		var b strings.Builder
		if err := t.Execute(&b, d); err != nil {
			return nil, fmt.Errorf("render migration %s: %w", t.Name(), err)
		}
		out = append(out, script{name: t.Name(), sql: b.String()})
	}
	slices.SortFunc(out, func(a, b script) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// migrations hands the scripts to goose, statement by statement: ClickHouse takes one at a time and has no transactions.
func migrations(scripts []script) []*goose.Migration {
	out := make([]*goose.Migration, len(scripts))
	for i, s := range scripts {
		run := func(ctx context.Context, db *sql.DB) error {
			for statement := range strings.SplitSeq(strings.TrimSuffix(s.sql, ";\n"), ";\n") {
				if _, err := db.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
			return nil
		}
		out[i] = goose.NewGoMigration(int64(i+1), &goose.GoFunc{RunDB: run}, nil)
	}
	return out
}
