package stagetest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

var _ stage.Sink = (*Sink)(nil)

// Sink is a stage.Sink in memory that keeps every row it was given. Writing a token again does nothing. A row that
// comes again under another token, as after a redelivery, is kept again: the store would replace it. The zero value
// is ready to use. It is safe for concurrent use.
type Sink struct {
	// Check, if set, is asked before rows are kept. Its error is that of Write, and then nothing is kept.
	Check func(token string, rows []stage.Row) error

	mu     sync.Mutex
	rows   map[string][]stage.Row
	tokens map[string]bool
	writes int
	fail   []error
}

// Write keeps rows by table.
func (s *Sink) Write(_ context.Context, token string, rows []stage.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if len(s.fail) > 0 {
		err := s.fail[0]
		s.fail = s.fail[1:]
		return err
	}
	if s.Check != nil {
		if err := s.Check(token, rows); err != nil {
			return err
		}
	}
	if s.tokens[token] {
		return nil
	}
	if s.rows == nil {
		s.rows, s.tokens = map[string][]stage.Row{}, map[string]bool{}
	}
	s.tokens[token] = true
	for r := range stage.Each(rows) {
		s.rows[r.Table()] = append(s.rows[r.Table()], r)
	}
	return nil
}

// Fail makes the next n writes fail with err.
func (s *Sink) Fail(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = append(s.fail, slices.Repeat([]error{err}, n)...)
}

// Writes returns how often Write was called, failures included.
func (s *Sink) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Table returns the rows written to a table, in order.
func (s *Sink) Table(name string) []stage.Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows[name])
}

// Tables returns the names of the tables that have rows, sorted.
func (s *Sink) Tables() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.rows))
}

// Rows returns the rows of one type, in order: Rows[record.Score](sink).
func Rows[T stage.Row](s *Sink) []T {
	var zero T
	var out []T
	for _, r := range s.Table(zero.Table()) {
		if row, ok := r.(T); ok {
			out = append(out, row)
		}
	}
	return out
}
