package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"
)

// Defaults of Config.
const (
	DefaultAddr        = "127.0.0.1:0"
	DefaultConnections = 8
	DefaultMaxMemory   = 4 << 30
	DefaultMaxBody     = 1 << 30
	DefaultMarkCache   = 256 << 20
)

// Config says where the engine keeps its data and how it is reached.
type Config struct {
	// Dir is the data directory. It is created if its parent exists.
	Dir string
	// Addr is the TCP address of the HTTP interface; "" is 127.0.0.1 and a free
	// port.
	Addr string
	// Connections is the number of statements that run at the same time; others
	// wait. 0 is 8.
	Connections int
	// MaxMemory is the engine's memory limit in bytes, above which statements
	// fail with MEMORY_LIMIT_EXCEEDED. 0 is 4 GiB.
	MaxMemory int64
	// MarkCache bounds in bytes what the engine remembers of where rows are in
	// the files of tables, so that it does not read that again. The engine's own
	// default of 5 GB is out of proportion to a small machine. 0 is 256 MiB.
	MarkCache int64
	// MaxBody is the largest request body in bytes, after decompression. 0 is
	// 1 GiB.
	MaxBody int64
	// User and Password are required of every request if either is set. Both
	// empty admit the user "default" with an empty password.
	User, Password string
	// Analyst may read and nothing else. There is none unless it has a password.
	Analyst Analyst
	// QueryLog is the table, written database.table, into which every statement
	// is noted. It has the columns of record.Query and may be created later.
	// "" notes nothing.
	QueryLog string
	// Log receives what goes wrong apart from statements. Nil drops it.
	Log *zap.Logger
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = DefaultMaxMemory
	}
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MarkCache == 0 {
		c.MarkCache = DefaultMarkCache
	}
	c.Analyst = c.Analyst.withDefaults()
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("dir is empty: set it to the data directory"))
	}
	if c.Connections < 0 {
		errs = append(errs, fmt.Errorf("connections is %d: want 1 or more", c.Connections))
	}
	if c.MaxMemory < 0 {
		errs = append(errs, fmt.Errorf("max memory is %d bytes: want more than 0", c.MaxMemory))
	}
	if c.MarkCache < 0 {
		errs = append(errs, fmt.Errorf("mark cache is %d bytes: want more than 0", c.MarkCache))
	}
	if c.MaxBody < 0 {
		errs = append(errs, fmt.Errorf("max body is %d bytes: want more than 0", c.MaxBody))
	}
	if database, table, ok := strings.Cut(c.QueryLog, "."); c.QueryLog != "" && (!ok || database == "" || table == "") {
		errs = append(errs, fmt.Errorf("query log is %q: write database.table", c.QueryLog))
	}
	errs = append(errs, c.Analyst.validate(first(c.User, defaultDatabase)))
	return errors.Join(errs...)
}

// prepareDir makes the data directory usable and returns its absolute path.
// Only the last element of the path is created, so that a misspelt path is
// reported and not filled with data.
func prepareDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("dir %q: %w", dir, err)
	}
	err = os.Mkdir(abs, 0o750)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("dir %q: %s does not exist: create it or choose another dir", dir, filepath.Dir(abs))
	case err != nil && !errors.Is(err, os.ErrExist):
		return "", fmt.Errorf("dir %q: %w: choose a dir that can be created", dir, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", fmt.Errorf("dir %q: %w", dir, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("dir %q is not a directory: choose another dir", dir)
	}
	return abs, nil
}

// engineConfig is read by the engine once, when it starts. Of the caches that
// are 5 GB by default the one of primary keys gets what the mark cache gets, and
// those of kinds of index that the record has none of get little. The time zone
// is fixed so that results do not depend on the machine's. Statistics of every
// column, which the engine would make of every part and which plan no query of
// ours, are left out: they cost a tenth of an insert and of a merge. At least
// eight parts are merged at a time: with small inserts all the time, a part of
// a hundred thousand rows was written anew every second for a few rows more.
const engineConfig = `<clickhouse>
    <max_server_memory_usage>%[1]d</max_server_memory_usage>
    <mark_cache_size>%[2]d</mark_cache_size>
    <primary_index_cache_size>%[2]d</primary_index_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <vector_similarity_index_cache_size>16777216</vector_similarity_index_cache_size>
    <timezone>UTC</timezone>
    <merge_tree>
        <auto_statistics_types></auto_statistics_types>
        <min_parts_to_merge_at_once>8</min_parts_to_merge_at_once>
    </merge_tree>
    <logger><console>false</console></logger>
</clickhouse>
`

// writeEngineConfig writes the configuration into the data directory, which
// also shows early whether the directory is writable.
func writeEngineConfig(dir string, cfg Config) (path string, err error) {
	path = filepath.Join(dir, "engine.xml")
	if err := os.WriteFile(path, fmt.Appendf(nil, engineConfig, cfg.MaxMemory, cfg.MarkCache), 0o600); err != nil {
		return "", fmt.Errorf("dir %q: %w: make it writable or choose another dir", dir, err)
	}
	return path, nil
}
