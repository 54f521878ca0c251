package benchpipe

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const insertRows = 100_000

// insertCosts are those of inserts of 100 000 observations into tables of the same schema.
type insertCosts struct{ bare, ours cost }

// measureInsert inserts in turn with clickhouse-go alone and with libs/chio. What each is given is made beforehand: full
// columns for the driver, rows as a handler returns them for chio.
func measureInsert(ctx context.Context, w *world, d demand, rounds int) (insertCosts, error) {
	var c insertCosts
	cfg := w.store
	cfg.Database = "ours"
	if _, err := chio.Migrate(ctx, cfg, chio.Options{}); err != nil {
		return c, err
	}
	store, err := chio.Open(ctx, cfg, nil)
	if err != nil {
		return c, err
	}
	w.app.OnStop("insert store", func(context.Context) error { return store.Close() })
	if err := w.conn.Exec(ctx, "CREATE TABLE bare AS observations"); err != nil {
		return c, fmt.Errorf("create: %w", err)
	}
	for round := range rounds {
		obs := hundredThousand(d, round)
		columns, rows := obs.columns(), obs.rows()
		if err := w.settle(ctx); err != nil {
			return c, err
		}
		got, err := measure(insertRows, func() error { return bareInsert(ctx, w.conn, columns) })
		if err != nil {
			return c, fmt.Errorf("bare insert: %w", err)
		}
		c.bare = c.bare.plus(got)
		if err := w.settle(ctx); err != nil {
			return c, err
		}
		got, err = measure(insertRows, func() error { return store.Write(ctx, fmt.Sprintf("round %d", round), rows) })
		if err != nil {
			return c, err
		}
		c.ours = c.ours.plus(got)
	}
	return c, w.conn.Exec(ctx, "DROP TABLE bare SYNC")
}

// manySeries are the observations of several series.
type manySeries struct {
	names []string
	obs   [][]series.Observation
}

// hundredThousand returns that many observations, of other series in each round.
func hundredThousand(d demand, round int) manySeries {
	var out manySeries
	left := insertRows
	for k := 100 * round; left > 0; k++ {
		obs := d.observations(nil, k, min(left, 2*yearHours))
		out.names, out.obs = append(out.names, batch(k).Series.String()), append(out.obs, obs)
		left -= len(obs)
	}
	return out
}

func (m manySeries) rows() []stage.Row {
	var out []stage.Row
	for k, name := range m.names {
		rows := make(record.Rows[record.Observation], 0, len(m.obs[k]))
		for _, o := range m.obs[k] {
			rows = append(rows, record.Observation{
				Series: name, TS: o.TS, Value: o.Value, KnownAt: known(), Outcome: "pass", Unit: "MWh", Zone: "America/New_York", StepS: 3600,
			})
		}
		out = append(out, rows)
	}
	return out
}

// columns returns the columns of the table observations in the types that the driver takes fastest.
func (m manySeries) columns() []any {
	var (
		name, outcome, unit, zone []string
		value                     []float64
		ts, known                 []time.Time
		step                      []uint32
	)
	for row := range stage.Each(m.rows()) {
		o, _ := row.(record.Observation)
		name, ts, value, known = append(name, o.Series), append(ts, o.TS), append(value, o.Value), append(known, o.KnownAt)
		outcome, unit, zone, step = append(outcome, o.Outcome), append(unit, o.Unit), append(zone, o.Zone), append(step, o.StepS)
	}
	return []any{name, ts, value, known, outcome, unit, zone, step}
}

func bareInsert(ctx context.Context, conn ch.Conn, columns []any) error {
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"async_insert": 0}))
	b, err := conn.PrepareBatch(ctx, "INSERT INTO bare (series, ts, value, known_at, outcome, unit, zone, step_seconds)")
	if err != nil {
		return err
	}
	defer b.Close()
	for i, column := range columns {
		if err := b.Column(i).Append(column); err != nil {
			return err
		}
	}
	return b.Send()
}
