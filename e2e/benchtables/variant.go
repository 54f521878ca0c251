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

// stored keeps a column on disk that the table computes whenever it is read; next is the column after it.
func stored(column, next string) edit {
	return swap("(`"+column+"` \\w+) ALIAS (.*?)(, `"+next+"`)", "${1} MATERIALIZED ${2} CODEC(ZSTD(1))${3}")
}

func setting(s string) edit { return swap(`$`, ", "+s) }

// wide keeps each column in files of its own, as parts of production size do by themselves: only so can they be weighed.
const wide = ", min_bytes_for_wide_part = 0, min_rows_for_wide_part = 0"

// instance is a variant in the store.
type instance struct {
	variant
	database string
	columns  string // that an insert gives
	store    *store
	reader   *chio.Store
}

// shippedIn is the database that is migrated as the product does it; the variants are made after it.
const shippedIn = "bellwether"

type object struct{ Name, Statement string }

// objectsOf returns the table, the observations, in which readers look up what a series is, and the views on the table,
// with the statements that made them.
func objectsOf(ctx context.Context, s *store, table string) ([]object, error) {
	all, err := rows[object](ctx, s, shippedIn, "SELECT name AS Name, create_table_query AS Statement FROM system.tables WHERE database = currentDatabase() ORDER BY name")
	out := all[:0]
	for _, o := range all {
		if o.Name == table || o.Name == "observations" || strings.HasPrefix(o.Name, viewOf(table)) {
			out = append(out, o)
		}
	}
	return out, err
}

func viewOf(table string) string {
	if table == "observation_revisions" {
		return "v_revisions"
	}
	return "v_" + table
}

// edited returns the statement that makes the table of the variant.
func (v variant) edited(statement string) (string, error) {
	var err error
	for _, e := range v.edits {
		if statement, err = e(statement); err != nil {
			return "", fmt.Errorf("%s, %s: %w", v.table, v.name, err)
		}
	}
	return statement, nil
}

// create makes the variant, or returns nil when it is the shipped table.
func (v variant) create(ctx context.Context, s *store, n int) (*instance, error) {
	in := &instance{variant: v, database: fmt.Sprintf("%s_%d", v.table, n), store: s}
	objects, err := objectsOf(ctx, s, v.table)
	if err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "default", "CREATE DATABASE "+in.database); err != nil {
		return nil, err
	}
	for _, o := range objects {
		statement := o.Statement
		if o.Name == v.table {
			if statement, err = v.edited(statement); err != nil {
				return nil, err
			}
			if statement == o.Statement && v.name != shipped {
				return nil, s.exec(ctx, "default", "DROP DATABASE "+in.database)
			}
		}
		if o.Name == v.table {
			statement += wide
		}
		statement = strings.ReplaceAll(statement, shippedIn+".", in.database+".")
		if _, err := s.do(ctx, in.database, statement, nil, "allow_suspicious_codecs", "1"); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", v.table, v.name, err)
		}
	}
	if err := s.exec(ctx, in.database, "SYSTEM STOP MERGES "+v.table); err != nil {
		return nil, err
	}
	if in.columns, err = in.inserted(ctx); err != nil {
		return nil, err
	}
	in.reader, err = chio.New(s.config(in.database), nil)
	return in, err
}

// inserted returns the columns that are not computed.
func (in *instance) inserted(ctx context.Context) (string, error) {
	columns, err := one[struct{ Names string }](ctx, in.store, in.database,
		"SELECT arrayStringConcat(groupArray('`' || name || '`'), ', ') AS Names FROM system.columns WHERE database = currentDatabase() AND table = '"+
			in.table+"' AND default_kind NOT IN ('MATERIALIZED', 'ALIAS')")
	return columns.Names, err
}

// drop removes the variant from the store.
func (in *instance) drop(ctx context.Context) error {
	return errors.Join(in.reader.Close(), in.store.exec(ctx, "default", "DROP DATABASE "+in.database))
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
