package chio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellwether-forecast/bellwether/libs/breaker"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

// Store is an open connection to the record. It is safe for concurrent use.
type Store struct {
	cfg     Config
	conn    driver.Conn
	breaker *breaker.Breaker
	metrics *metrics
	layouts sync.Map // reflect.Type of a row -> layout
}

var _ stage.Sink = (*Store)(nil)

// Open connects to the store and asks it for a sign of life. It creates nothing: Migrate does. reg may be nil.
// The caller closes the Store.
func Open(ctx context.Context, cfg Config, reg prometheus.Registerer) (*Store, error) {
	s, err := New(cfg, reg)
	if err != nil {
		return nil, err
	}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// New returns a Store that connects when it is first used: what runs on it may start before the store does, and learns
// that it is away from ErrUnavailable. Otherwise it is like Open.
func New(cfg Config, reg prometheus.Registerer) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	opt, err := cfg.options(cfg.Database)
	if err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Addr, err)
	}
	s := &Store{cfg: cfg, conn: conn, metrics: newMetrics(reg)}
	s.breaker = breaker.New(breaker.Settings{
		Name:     "clickhouse",
		Failures: cfg.Failures,
		Cooldown: cfg.Cooldown,
		Failure:  func(err error) bool { return errors.Is(err, ErrUnavailable) },
	}, reg)
	return s, nil
}

// Close closes the connections.
func (s *Store) Close() error {
	if err := s.conn.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Ping reports whether the store answers. It asks even while the breaker is open, so that it can serve readiness.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping store %s: %w", s.cfg.Addr, classify(err))
	}
	return nil
}

// Breaker returns where the breaker in front of the store stands.
func (s *Store) Breaker() breaker.State { return s.breaker.State() }

// guard runs f behind the breaker and classifies its error.
func (s *Store) guard(f func() error) error {
	return classify(s.breaker.Do(func() error { return classify(f()) }))
}

// params are the values of the {name:Type} placeholders of a query.
type params map[string]any

// query calls read with the result of a query, before its first row. read looks at Err after the last one.
func (s *Store) query(ctx context.Context, query string, p params, read func(driver.Rows) error) error {
	args := make([]any, 0, len(p))
	for name, value := range p {
		args = append(args, clickhouse.Named(name, value))
	}
	start := time.Now()
	err := s.guard(func() error {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
		defer cancel()
		rows, err := s.conn.Query(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		defer rows.Close()
		return read(rows)
	})
	if err == nil {
		s.metrics.queries.Observe(time.Since(start).Seconds())
	}
	return err
}

// each calls scan for every row of the result of a query.
func (s *Store) each(ctx context.Context, query string, p params, scan func(driver.Rows) error) error {
	return s.query(ctx, query, p, func(rows driver.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				return fmt.Errorf("scan: %w", err)
			}
		}
		return rows.Err()
	})
}

// selectAll reads rows into structs with ch tags.
func selectAll[T any](ctx context.Context, s *Store, query string, p params) ([]T, error) {
	var out []T
	err := s.each(ctx, query, p, func(rows driver.Rows) error {
		var row T
		err := rows.ScanStruct(&row)
		out = append(out, row)
		return err
	})
	return out, err
}

// readOnly lets a query read and set how it is run, but not change the store.
func readOnly(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"readonly": 2}))
}
