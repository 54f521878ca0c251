package chio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// ErrGrid is returned when the observations of a series do not lie on one grid.
var ErrGrid = errors.New("observations are not on one grid")

// maxGrid bounds the values of one series in memory: a single stray observation must not ask for gigabytes.
const maxGrid = 10_000_000

// HistoryQuery selects a part of a series.
type HistoryQuery struct {
	From time.Time // first grid point; zero means the first there is
	To   time.Time // last grid point, inclusive; zero means the last there is
	AsOf time.Time // what was known then; zero means the newest values
}

// History returns the values of a series on its grid, from the first observation found to the last, with NaN where
// there is none between them. A series without observations in the range is empty, and its step is 0 when the series
// is unknown.
//
// With AsOf, each point has the value that was known then: of its revisions with known_at <= AsOf the latest, and no
// point with ts > AsOf. A point of which nothing was known by then was backfilled later, for example when the pipeline
// was set up; it has its earliest revision, because that is the nearest there is to what the source said at the time.
func (s *Store) History(ctx context.Context, id series.ID, q HistoryQuery) (series.Series, error) {
	if q.AsOf.IsZero() {
		return s.newest(ctx, id, q)
	}
	out, last, err := s.describe(ctx, id)
	if err != nil || last.IsZero() {
		return out, err
	}
	if q.To.IsZero() || q.To.After(last) {
		q.To = last
	}
	if q.To.After(q.AsOf) {
		q.To = q.AsOf
	}
	return s.asOf(ctx, out, q)
}

// newest returns the newest values and what describes the series at the last of them, in one query: a query of its own
// would cost as much as half a year of points. Rows come one a point, as the driver takes each element of an array through
// reflection; those that were replaced and not merged away yet come before what replaces them.
func (s *Store) newest(ctx context.Context, id series.ID, q HistoryQuery) (series.Series, error) {
	const query = `
		SELECT toUnixTimestamp64Milli(ts), value, unit, zone, step_seconds
		FROM observations
		WHERE series = {series:String} AND ts BETWEEN fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND fromUnixTimestamp64Milli({to:Int64}, 'UTC')
		ORDER BY ts, known_at`
	if q.To.IsZero() {
		q.To = time.Date(2261, 12, 31, 0, 0, 0, 0, time.UTC) // the last day of DateTime64
	}
	var (
		out  = series.Series{ID: id}
		p    timeline
		ms   int64
		v    float64
		zone string
		step uint32
	)
	err := s.each(ctx, query, params{"series": id.String(), "from": millis(q.From), "to": q.To.UnixMilli()}, func(rows driver.Rows) error {
		err := rows.Scan(&ms, &v, &out.Unit, &zone, &step)
		p.add(ms, v)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("read %s: %w", id, err)
	}
	if len(p.times) == 0 {
		out, _, err = s.describe(ctx, id) // there may be points out of the range
		return out, err
	}
	out.Step = time.Duration(step) * time.Second
	if out.Zone, err = location(zone); err != nil {
		return out, fmt.Errorf("read %s: %w", id, err)
	}
	return out, p.fill(&out)
}

// location returns the zone of a name, or nil for none.
func location(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	return zone, nil
}

// Known returns the grid points from..to of a series as they were known at asOf; see History.
func (s *Store) Known(ctx context.Context, id series.ID, from, to, asOf time.Time) (series.Series, error) {
	return s.History(ctx, id, HistoryQuery{From: from, To: to, AsOf: asOf})
}

// Tail returns the last n grid points of a series, up to its newest observation: fewer when it is shorter, and without
// the leading points when those have no observation. An unknown series is empty.
func (s *Store) Tail(ctx context.Context, id series.ID, n int) (series.Series, error) {
	out, last, err := s.describe(ctx, id)
	if err != nil || last.IsZero() || n <= 0 {
		return out, err
	}
	from := last.Add(-time.Duration(n-1) * out.Step)
	return s.newest(ctx, id, HistoryQuery{From: from, To: last})
}

// Newest returns the newest value of each observed grid point from..to of a series with the time it became known,
// ordered by time.
func (s *Store) Newest(ctx context.Context, id series.ID, from, to time.Time) ([]series.Revision, error) {
	const query = `
		SELECT ts, argMax(value, known_at), max(known_at)
		FROM observations
		WHERE series = {series:String} AND ts BETWEEN fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND fromUnixTimestamp64Milli({to:Int64}, 'UTC')
		GROUP BY ts
		ORDER BY ts
		SETTINGS max_threads = 1`
	var out []series.Revision
	p := params{"series": id.String(), "from": millis(from), "to": millis(to)}
	err := s.each(ctx, query, p, func(rows driver.Rows) error {
		var r series.Revision
		err := rows.Scan(&r.TS, &r.Value, &r.KnownAt)
		r.TS, r.KnownAt = r.TS.UTC(), r.KnownAt.UTC()
		out = append(out, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("newest values of %s: %w", id, err)
	}
	return out, nil
}

// describe returns a series without values, and the time of its newest observation, zero when there is none.
func (s *Store) describe(ctx context.Context, id series.ID) (series.Series, time.Time, error) {
	out := series.Series{ID: id}
	var last time.Time
	const query = `
		SELECT ts, unit, zone, step_seconds
		FROM observations
		WHERE series = {series:String}
		ORDER BY ts DESC
		LIMIT 1
		SETTINGS max_threads = 1`
	var zone string
	err := s.each(ctx, query, params{"series": id.String()}, func(rows driver.Rows) error {
		var step uint32
		err := rows.Scan(&last, &out.Unit, &zone, &step)
		out.Step = time.Duration(step) * time.Second
		return err
	})
	if err != nil {
		return out, last, fmt.Errorf("describe %s: %w", id, err)
	}
	if out.Zone, err = location(zone); err != nil {
		return out, last, fmt.Errorf("describe %s: %w", id, err)
	}
	return out, last, nil
}

const valuesAsOf = `
		WITH known_at <= fromUnixTimestamp64Milli({as_of:Int64}, 'UTC') AS was_known
		SELECT
			toUnixTimestamp64Milli(ts),
			if(max(was_known), argMaxIf(value, known_at, was_known), argMin(value, known_at))
		FROM observation_revisions
		WHERE series = {series:String} AND ts BETWEEN fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND fromUnixTimestamp64Milli({to:Int64}, 'UTC')
		GROUP BY ts
		ORDER BY ts
		SETTINGS max_threads = 1`

// timeline is points of a series, ascending in time.
type timeline struct {
	times  []int64 // Unix milliseconds
	values []float64
}

// add takes the next point, or another value of the last one, which it replaces.
func (p *timeline) add(ms int64, v float64) {
	if n := len(p.times); n > 0 && p.times[n-1] == ms {
		p.values[n-1] = v
		return
	}
	p.times, p.values = append(p.times, ms), append(p.values, v)
}

// asOf fills y, which has everything but values.
func (s *Store) asOf(ctx context.Context, y series.Series, q HistoryQuery) (series.Series, error) {
	var p timeline
	var ms int64
	var v float64
	in := params{"series": y.ID.String(), "from": millis(q.From), "to": q.To.UnixMilli(), "as_of": q.AsOf.UnixMilli()}
	err := s.each(ctx, valuesAsOf, in, func(rows driver.Rows) error {
		err := rows.Scan(&ms, &v)
		p.add(ms, v)
		return err
	})
	if err != nil {
		return y, fmt.Errorf("read %s: %w", y.ID, err)
	}
	return y, p.fill(&y)
}

// millis is the lower end of a range: the zero time, which no table can hold, is the beginning of DateTime64.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	return t.UnixMilli()
}

// fill lays the points on the grid of y.
func (p timeline) fill(y *series.Series) error {
	if err := fill(y, p.times, p.values); err != nil {
		return fmt.Errorf("read %s: %w", y.ID, err)
	}
	return nil
}

// fill lays points, ascending in time, on the grid of y.
func fill(y *series.Series, times []int64, values []float64) error {
	if len(times) == 0 {
		return nil
	}
	step := y.Step.Milliseconds()
	if step <= 0 {
		return fmt.Errorf("step is %s: %w", y.Step, ErrGrid)
	}
	n := (times[len(times)-1]-times[0])/step + 1
	if n > maxGrid {
		return fmt.Errorf("%d points of step %s, at most %d: %w", n, y.Step, maxGrid, ErrGrid)
	}
	y.Start = time.UnixMilli(times[0]).UTC()
	y.Values = make([]float64, n)
	for i := range y.Values {
		y.Values[i] = math.NaN()
	}
	for i, ms := range times {
		k := ms - times[0]
		if k%step != 0 {
			return fmt.Errorf("%s is not a whole number of steps of %s after %s: %w",
				time.UnixMilli(ms).UTC().Format(time.RFC3339), y.Step, y.Start.Format(time.RFC3339), ErrGrid)
		}
		y.Values[k/step] = values[i]
	}
	return nil
}
