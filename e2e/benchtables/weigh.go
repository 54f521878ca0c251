package benchtables

import (
	"context"
	"fmt"
	"strings"
)

// size is what a table takes on disk when it is merged.
type size struct {
	Rows    float64
	Bytes   float64            // of the parts, indices and marks included
	columns map[string]float64 // compressed bytes by column
}

func (s size) perRow() float64 { return s.Bytes / s.Rows }

func (in *instance) parts(ctx context.Context) (int, error) {
	n, err := one[struct{ N int }](ctx, in.store, in.database,
		"SELECT count() AS N FROM system.parts WHERE active AND database = currentDatabase() AND table = '"+in.table+"'")
	return n.N, err
}

func (in *instance) weigh(ctx context.Context) (size, error) {
	where := " WHERE active AND database = currentDatabase() AND table = '" + in.table + "'"
	s, err := one[size](ctx, in.store, in.database, "SELECT sum(rows) AS Rows, sum(bytes_on_disk) AS Bytes FROM system.parts"+where)
	if err != nil {
		return s, err
	}
	columns, err := rows[struct {
		Name  string
		Bytes float64
	}](ctx, in.store, in.database, "SELECT column AS Name, sum(column_data_compressed_bytes) AS Bytes FROM system.parts_columns"+where+" GROUP BY column")
	s.columns = make(map[string]float64, len(columns))
	for _, c := range columns {
		s.columns[c.Name] = c.Bytes
	}
	return s, err
}

// digest returns the number of rows that the view shows of a few series, and a hash of their content. Variants that
// differ in it do not hold the same data.
func (in *instance) digest(ctx context.Context, s story) (string, error) {
	where := ""
	if in.table != "events" {
		var names []string
		for round := range 3 {
			names = append(names, "'"+s.chosen(round).name+"'")
		}
		where = " WHERE series IN (" + strings.Join(names, ", ") + ")"
	}
	got, err := one[struct{ N, Hash uint64 }](ctx, in.store, in.database,
		"SELECT count() AS N, groupBitXor(cityHash64(toString(tuple(*)))) AS Hash FROM "+viewOf(in.table)+where)
	return fmt.Sprintf("%d rows %x", got.N, got.Hash), err
}
