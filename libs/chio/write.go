package chio

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// maxInsert is the most rows of one insert. The server splits blocks of a million rows and more, and then an insert is
// no longer atomic.
const maxInsert = 500_000

// maxParallel is the most inserts of one write at a time. A write seldom touches more tables.
const maxParallel = 4

// Write stores rows, one insert a table, tables side by side. It returns when the store has all of them. Observations are
// written when all other rows are stored: an observation in the record is the sign that its verdict is there too.
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
	inserts, err := s.inserts(token, rows, maxInsert)
	if err == nil {
		err = s.guard(func() error { return s.send(ctx, inserts) })
	}
	s.metrics.wrote(start, inserts, err)
	if err != nil {
		return fmt.Errorf("write %d rows %s: %w", len(rows), token, err)
	}
	return nil
}

// insert is what goes to the store in one request: rows of one table.
type insert struct {
	table  string
	token  string
	layout layout
	parts  []reflect.Value // slices of structs of the layout's type
	rows   int
}

// inserts groups rows by table, at most so many an insert.
func (s *Store) inserts(token string, rows []stage.Row, most int) ([]insert, error) {
	tables := make(map[string]*parts)
	for _, row := range rows {
		p, ok := tables[row.Table()]
		if !ok {
			p = &parts{}
			tables[row.Table()] = p
		}
		if err := p.add(row); err != nil {
			return nil, err
		}
	}
	var out []insert
	for _, table := range slices.Sorted(maps.Keys(tables)) {
		p := tables[table]
		l, err := s.layout(table, p.row)
		if err != nil {
			return nil, err
		}
		p.sort(l)
		in := insert{table: table, token: token + ":" + table, layout: l}
		for in.parts, in.rows = p.cut(most); in.rows > 0; in.parts, in.rows = p.cut(most) {
			out = append(out, in)
			in.token += "+" // the next part is another insert of the same table
		}
	}
	return out, nil
}

// send makes the inserts, those of observations last.
func (s *Store) send(ctx context.Context, inserts []insert) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WriteTimeout)
	defer cancel()
	sign := record.Observation{}.Table()
	var first, last []insert
	for _, in := range inserts {
		if in.table == sign {
			last = append(last, in)
		} else {
			first = append(first, in)
		}
	}
	if err := s.sideBySide(ctx, first); err != nil {
		return err
	}
	return s.sideBySide(ctx, last)
}

// sideBySide makes inserts at the same time. A failure does not cancel the others: what they store need not be stored by
// the repetition.
func (s *Store) sideBySide(ctx context.Context, inserts []insert) error {
	var g errgroup.Group
	g.SetLimit(maxParallel)
	for _, in := range inserts {
		g.Go(func() error {
			if err := s.insert(ctx, in); err != nil {
				return fmt.Errorf("insert into %s: %w", in.table, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *Store) insert(ctx context.Context, in insert) error {
	columns, err := in.columns()
	if err != nil {
		return err
	}
	types := make([]clickhouse.ColumnNameAndType, len(columns))
	for i, c := range columns {
		types[i] = clickhouse.ColumnNameAndType{Name: in.layout.fields[i].name, Type: c.typ}
	}
	ctx = clickhouse.Context(ctx,
		clickhouse.WithColumnNamesAndTypes(types),
		clickhouse.WithSettings(clickhouse.Settings{
			// The pipeline makes batches of its own; the server's would forget the token.
			"async_insert":               0,
			"insert_deduplicate":         1,
			"insert_deduplication_token": in.token,
			// Rows of equal key are replaced by readers and merges; to look for them in every insert costs a third of it.
			"optimize_on_insert": 0,
		}))
	batch, err := s.conn.PrepareBatch(ctx, in.layout.statement(in.table))
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = batch.Close() }() // gives the connection back; after Send it does nothing
	if err := fillBatch(batch, in.rows, columns); err != nil {
		return err
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
