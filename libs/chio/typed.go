package chio

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Query runs a query that somebody typed and returns the names of its columns and its rows, as Each hands them over.
// Without rows there are no names either.
func (s *Store) Query(ctx context.Context, query string) (columns []string, rows [][]any, err error) {
	err = s.Each(ctx, query, func(names []string, values []any) error {
		columns, rows = names, append(rows, values)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return columns, rows, nil
}

// Each runs a query that somebody typed and calls row for every row of its result, as it arrives, with the names of the
// columns and the values, of the Go types that belong to the columns. Times are UTC. row may keep values. An error of row
// ends the query and is returned as it is. The query can read but not change anything.
func (s *Store) Each(ctx context.Context, query string, row func(columns []string, values []any) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error // not the store's fault
	err := s.query(readOnly(ctx), query, nil, func(r driver.Rows) error {
		columns, types := r.Columns(), scanTypes(r)
		for r.Next() {
			values, err := scanAny(r, types)
			if err != nil {
				return err
			}
			if failed = row(columns, values); failed != nil {
				cancel() // or the driver would read the rest
				break
			}
		}
		return r.Err()
	})
	switch {
	case failed != nil:
		return failed
	case err != nil:
		return fmt.Errorf("query: %w", err)
	}
	return nil
}

func scanTypes(r driver.Rows) []reflect.Type {
	var types []reflect.Type
	for _, t := range r.ColumnTypes() {
		types = append(types, t.ScanType())
	}
	return types
}

func scanAny(r driver.Rows, types []reflect.Type) ([]any, error) {
	targets := make([]any, len(types))
	for i, t := range types {
		targets[i] = reflect.New(t).Interface()
	}
	if err := r.Scan(targets...); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	for i, target := range targets {
		targets[i] = reflect.ValueOf(target).Elem().Interface()
		if t, ok := targets[i].(time.Time); ok {
			targets[i] = t.UTC()
		}
	}
	return targets, nil
}
