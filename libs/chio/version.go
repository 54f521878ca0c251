package chio

import "fmt"

// versionTable is where goose notes which migrations were run.
const versionTable = "schema_migrations"

// goose's own ClickHouse dialect notes versions on the server it is connected to alone. These statements note them on
// all servers of a cluster. ddl implements database/dialect.Querier with them.

// CreateTable returns the statement that creates the table of versions.
func (d ddl) CreateTable(table string) string {
	engine := "MergeTree"
	if d.cluster != "" {
		engine = "ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')"
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s (version_id Int64, is_applied UInt8, tstamp DateTime('UTC') DEFAULT now()) ENGINE = %s ORDER BY version_id",
		table, d.OnCluster(), engine)
}

// InsertVersion returns the statement that notes a migration.
func (ddl) InsertVersion(table string) string {
	return "INSERT INTO " + table + " (version_id, is_applied) VALUES ($1, $2)"
}

// DeleteVersion returns the statement that forgets a migration.
func (d ddl) DeleteVersion(table string) string {
	return "ALTER TABLE " + table + d.OnCluster() + " DELETE WHERE version_id = $1 SETTINGS mutations_sync = 2"
}

// GetMigrationByVersion returns the query for one migration.
func (ddl) GetMigrationByVersion(table string) string {
	return "SELECT tstamp, is_applied FROM " + table + " WHERE version_id = $1 ORDER BY tstamp DESC LIMIT 1"
}

// ListMigrations returns the query for all migrations, newest first.
func (ddl) ListMigrations(table string) string {
	return "SELECT version_id, is_applied FROM " + table + " ORDER BY version_id DESC"
}

// GetLatestVersion returns the query for the newest version.
func (ddl) GetLatestVersion(table string) string {
	return "SELECT max(version_id) FROM " + table
}
