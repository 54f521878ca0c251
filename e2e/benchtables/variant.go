package benchtables

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/chio"
)

// shipped is the name of the variant that changes nothing.
const shipped = "shipped"

// edit replaces a part of the statement that makes a table.
type edit func(ddl string) (string, error)

// variant is one way to lay out a table.
type variant struct {
	table, name string
	edits       []edit
	foreign     bool // the readers of package chio do not know its types
}

var errNoMatch = errors.New("the shipped statement has no such part")

// swap replaces what the expression finds, which must be there.
func swap(expr, to string) edit {
	re := regexp.MustCompile(expr)
	return func(ddl string) (string, error) {
		if !re.MatchString(ddl) {
			return "", fmt.Errorf("%s: %w", expr, errNoMatch)
		}
		return re.ReplaceAllString(ddl, to), nil
	}
}

// nested matches the arguments of a function, two levels deep.
const nested = `\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)`

// codec gives columns another codec.
func codec(to string, columns ...string) edit {
	return swap("(`(?:"+strings.Join(columns, "|")+")` [^`]*?CODEC)"+nested, "${1}("+to+")")
}

// general replaces the compression of all columns, after whatever prepares their values for it.
func general(to string) edit { return swap(`ZSTD\(\d+\)|LZ4(?:HC\(\d+\))?`, to) }

// retype gives columns another type.
func retype(to string, columns ...string) edit {
	return swap("(`(?:"+strings.Join(columns, "|")+")`) .*? CODEC", "${1} "+to+" CODEC")
}

func orderBy(key string) edit { return swap(`ORDER BY `+nested, "ORDER BY "+key) }

func partitionBy(key string) edit {
	return swap(`(?:PARTITION BY \S+ )?ORDER BY`, "PARTITION BY "+key+" ORDER BY")
}

func unpartitioned() edit { return swap(`(?:PARTITION BY \S+ )?ORDER BY`, "ORDER BY") }

func granularity(rows int) edit {
	return swap(`index_granularity = \d+`, fmt.Sprintf("index_granularity = %d", rows))
}

// computed makes a column an expression of others, which takes no space.
func computed(expr, column string) edit {
	return swap("(`"+column+"` \\w+) CODEC"+nested, "${1} ALIAS "+expr)
}

func setting(s string) edit { return swap(`$`, ", "+s) }

// instance is a variant in the store.
type instance struct {
	variant
	database string
	columns  string // that an insert gives
	store    *store
	reader   *chio.Store
}

// create makes the variant, or returns nil when it is the shipped table.
func (v variant) create(ctx context.Context, s *store, n int) (*instance, error) {
	in := &instance{variant: v, database: fmt.Sprintf("%s_%d", v.table, n), store: s}
	cfg := s.config(in.database)
	if _, err := chio.Migrate(ctx, cfg, chio.Options{}); err != nil {
		return nil, err
	}
	made, err := one[struct{ Statement string }](ctx, s, in.database,
		"SELECT create_table_query AS Statement FROM system.tables WHERE database = currentDatabase() AND name = '"+v.table+"'")
	if err != nil {
		return nil, err
	}
	ddl := made.Statement
	for _, e := range v.edits {
		if ddl, err = e(ddl); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", v.table, v.name, err)
		}
	}
	if ddl == made.Statement && v.name != shipped {
		return nil, nil
	}
	if ddl != made.Statement {
		if err := s.exec(ctx, in.database, "DROP TABLE "+v.table); err != nil {
			return nil, err
		}
		if _, err := s.do(ctx, in.database, ddl, nil, "allow_suspicious_codecs", "1"); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", v.table, v.name, err)
		}
	}
	if err := s.exec(ctx, in.database, "SYSTEM STOP MERGES "+v.table); err != nil {
		return nil, err
	}
	columns, err := one[struct{ Names string }](ctx, s, in.database,
		"SELECT arrayStringConcat(groupArray('`' || name || '`'), ', ') AS Names FROM system.columns WHERE database = currentDatabase() AND table = '"+
			v.table+"' AND default_kind NOT IN ('MATERIALIZED', 'ALIAS')")
	if err != nil {
		return nil, err
	}
	in.columns = columns.Names
	in.reader, err = chio.New(cfg, nil)
	return in, err
}

// insert stores a batch that is in format Native. The columns that the variant computes are passed over.
func (in *instance) insert(ctx context.Context, native []byte, token string) error {
	q := "INSERT INTO " + in.table + " (" + in.columns + ") FORMAT Native"
	_, err := in.store.do(ctx, in.database, q, native, "async_insert", "0", "insert_deduplication_token", token, "input_format_skip_unknown_fields", "1")
	return err
}

// settle merges the variant as far as it goes, as a quiet night does.
func (in *instance) settle(ctx context.Context) error {
	if err := in.store.exec(ctx, in.database, "SYSTEM START MERGES "+in.table); err != nil {
		return err
	}
	return in.store.exec(ctx, in.database, "OPTIMIZE TABLE "+in.table+" FINAL")
}
