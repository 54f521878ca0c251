package clickhouse_test

import (
	"context"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// BenchmarkSelectOne is the round trip of the smallest query.
func BenchmarkSelectOne(b *testing.B) {
	conn := client(b, nil)
	var one uint8
	for b.Loop() {
		if err := conn.QueryRow(b.Context(), "SELECT 1").Scan(&one); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInsert is one batch from its first value to the server's answer.
func BenchmarkInsert(b *testing.B) {
	for name, rows := range map[string]int{"12": 12, "1k": 1000, "100k": 100_000} {
		b.Run(name, func(b *testing.B) {
			conn := client(b, nil)
			table := create(b, conn, "(series LowCardinality(String), ts DateTime('UTC'), value Float64, known_at DateTime64(3, 'UTC')) ENGINE = ReplacingMergeTree ORDER BY (series, ts)")
			batch := columns(rows)
			ctx := ch.Context(b.Context(), ch.WithColumnNamesAndTypes(batch.types))
			b.ResetTimer()
			for b.Loop() {
				batch.send(ctx, b, conn, table)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// columnar is a batch of observations.
type columnar struct {
	types  []ch.ColumnNameAndType
	series []string
	ts     []time.Time
	value  []float64
	known  []time.Time
}

func columns(rows int) *columnar {
	c := &columnar{types: []ch.ColumnNameAndType{
		{Name: "series", Type: "LowCardinality(String)"},
		{Name: "ts", Type: "DateTime('UTC')"},
		{Name: "value", Type: "Float64"},
		{Name: "known_at", Type: "DateTime64(3, 'UTC')"},
	}}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		c.series = append(c.series, "series-"+string(rune('a'+i%20)))
		c.ts = append(c.ts, start.Add(time.Duration(i)*time.Hour))
		c.value = append(c.value, float64(i)/3)
		c.known = append(c.known, start.Add(time.Duration(i)*time.Millisecond))
	}
	return c
}

func (c *columnar) send(ctx context.Context, tb testing.TB, conn ch.Conn, table string) {
	tb.Helper()
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" (series, ts, value, known_at)")
	if err != nil {
		tb.Fatal(err)
	}
	defer batch.Close()
	for i, column := range []any{c.series, c.ts, c.value, c.known} {
		if err := batch.Column(i).Append(column); err != nil {
			tb.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		tb.Fatal(err)
	}
}
