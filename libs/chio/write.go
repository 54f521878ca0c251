package chio

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// maxInsert is the most rows of one insert. The server splits blocks of a million rows and more, and then an insert is
// no longer atomic.
const maxInsert = 500_000

// Write stores rows, one insert a table, tables side by side. It returns when the store has all of them.
//
// Each insert carries token and the name of its table, by which the store recognises a repetition of one of the last
// thousand inserts of the table. Older repetitions, and the same rows under another token, are stored again and shown
// once: the tables replace rows of equal key.
//
// When Write fails, some tables may have been written. The error wraps ErrUnavailable when trying again may help, and
// stage.ErrPermanent when the rows themselves are refused for what is in them.
func (s *Store) Write(ctx context.Context, token string, rows []stage.Row) error {
	if len(rows) == 0 {
		return nil
	}
	start := time.Now()
	tables := byTable(rows)
	err := s.guard(func() error { return s.writeTables(ctx, token, tables) })
	s.metrics.wrote(start, tables, err)
	if err != nil {
		return fmt.Errorf("write %d rows %s: %w", len(rows), token, err)
	}
	return nil
}

func byTable(rows []stage.Row) map[string][]stage.Row {
	out := make(map[string][]stage.Row)
	for _, row := range rows {
		out[row.Table()] = append(out[row.Table()], row)
	}
	return out
}

func (s *Store) writeTables(ctx context.Context, token string, tables map[string][]stage.Row) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	if len(tables) == 1 {
		for table, rows := range tables {
			return s.writeTable(ctx, token, table, rows)
		}
	}
	// A failure does not cancel the other inserts: what they store need not be stored by the repetition.
	var g errgroup.Group
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		g.Go(func() error { return s.writeTable(ctx, token, table, tables[table]) })
	}
	return g.Wait()
}

func (s *Store) writeTable(ctx context.Context, token, table string, rows []stage.Row) error {
	token += ":" + table
	for i, part := range slices.Collect(slices.Chunk(rows, maxInsert)) {
		partToken := token
		if i > 0 {
			partToken += ":" + strconv.Itoa(i)
		}
		if err := s.insert(ctx, partToken, table, part); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
	}
	return nil
}

func (s *Store) insert(ctx context.Context, token, table string, rows []stage.Row) error {
	values := structs(rows)
	l, err := s.layout(table, values)
	if err != nil {
		return err
	}
	ctx = clickhouse.Context(ctx,
		clickhouse.WithColumnNamesAndTypes(l.columns),
		clickhouse.WithSettings(clickhouse.Settings{
			// The pipeline makes batches of its own; the server's would forget the token.
			"async_insert":               0,
			"insert_deduplicate":         1,
			"insert_deduplication_token": token,
		}))
	batch, err := s.conn.PrepareBatch(ctx, l.insert)
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // gives the connection back; after Send it does nothing
	if err := l.appendTo(batch, values); err != nil {
		return err
	}
	return batch.Send()
}
