package benchtables

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/chio"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse"
)

// store is the embedded engine, spoken to over plain HTTP: statements and bytes, with no driver in between that would
// take time of its own.
type store struct {
	engine *clickhouse.Server
	client *http.Client
}

func openStore(ctx context.Context, dir string) (*store, error) {
	engine, err := clickhouse.Open(ctx, clickhouse.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	return &store{engine: engine, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}, nil
}

// close stops the engine.
func (s *store) close(ctx context.Context) error {
	s.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s.engine.Close(ctx)
}

// config returns how package chio reaches a database of the store.
func (s *store) config(database string) chio.Config {
	cfg := chio.DefaultConfig()
	cfg.Addr, cfg.Database, cfg.MaxConns = s.engine.Addr(), database, 2
	cfg.WriteTimeout = 5 * time.Minute
	return cfg
}

// do sends a query, with a body when it is an insert, and returns the answer.
func (s *store) do(ctx context.Context, database, query string, body []byte, settings ...string) ([]byte, error) {
	p := url.Values{"database": {database}, "query": {query}}
	for i := 0; i < len(settings); i += 2 {
		p.Set(settings[i], settings[i+1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.engine.Addr()+"/?"+p.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s\nfrom %s", out, query)
	}
	return out, nil
}

// exec runs a statement without a result.
func (s *store) exec(ctx context.Context, database, statement string) error {
	_, err := s.do(ctx, database, statement, nil)
	return err
}

// rows decodes the result of a query, one JSON object a row.
func rows[T any](ctx context.Context, s *store, database, query string) ([]T, error) {
	data, err := s.do(ctx, database, query+" FORMAT JSONEachRow", nil, "output_format_json_quote_64bit_integers", "0")
	if err != nil {
		return nil, err
	}
	var out []T
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var row T
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("decode: %w", err)
		}
		out = append(out, row)
	}
	return out, nil
}

// one returns the single row of a query.
func one[T any](ctx context.Context, s *store, database, query string) (T, error) {
	all, err := rows[T](ctx, s, database, query)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d rows, want 1, from %s", len(all), query)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return all[0], nil
}
