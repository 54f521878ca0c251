package stage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/stage"
)

type row string

func (row) Table() string { return "t" }

// slow takes a second for each write, and refuses rows that are bad.
type slow struct {
	mu     sync.Mutex
	writes [][]stage.Row
	tokens []string
}

func (s *slow) Write(ctx context.Context, token string, rows []stage.Row) error {
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(rows, stage.Row(row("bad"))) {
		return fmt.Errorf("bad row: %w", stage.ErrPermanent)
	}
	s.writes = append(s.writes, rows)
	s.tokens = append(s.tokens, token)
	return nil
}

func (s *slow) sizes() []int {
	var n []int
	for _, w := range s.writes {
		n = append(n, len(w))
	}
	return n
}

func TestGatherJoinsWhatArrivesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := stage.Gather(s, 0)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if err := g.Write(t.Context(), fmt.Sprint(i), []stage.Row{row(fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // the first one is writing before the others come
		}
		wg.Wait()
		if diff := cmp.Diff([]int{1, 7}, s.sizes()); diff != "" {
			t.Errorf("rows per write mismatch (-want +got):\n%s", diff)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %s, want the time of two writes", took)
		}
		if s.tokens[0] != "0" || s.tokens[1] == "1" {
			t.Errorf("tokens %v, want the own one of a single write, and a joint one", s.tokens)
		}
		if err := g.Write(t.Context(), "9", []stage.Row{row("9")}); err != nil || len(s.writes) != 3 {
			t.Errorf("a later write: %v, %d writes, want 3", err, len(s.writes))
		}
	})
}

func TestGatherLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := stage.Gather(s, 100*time.Millisecond)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if err := g.Write(t.Context(), fmt.Sprint(i), []stage.Row{row(fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			})
			<-time.After(40 * time.Millisecond)
		}
		wg.Wait()
		if diff := cmp.Diff([]int{3}, s.sizes()); diff != "" {
			t.Errorf("rows per write mismatch (-want +got):\n%s", diff)
		}
	})
}

// One bad row fails its own write and no other.
func TestGatherTellsBadRowsFromGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := stage.Gather(s, 0)
		errs := map[string]error{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, r := range []row{"first", "good", "bad", "fine"} {
			wg.Go(func() {
				err := g.Write(t.Context(), string(r), []stage.Row{r})
				mu.Lock()
				defer mu.Unlock()
				errs[string(r)] = err
			})
			synctest.Wait()
		}
		wg.Wait()
		for r, err := range errs {
			if (r == "bad") != errors.Is(err, stage.ErrPermanent) {
				t.Errorf("write of %s = %v", r, err)
			}
		}
		if diff := cmp.Diff([]int{1, 1, 1}, s.sizes()); diff != "" {
			t.Errorf("rows per write mismatch (-want +got):\n%s", diff)
		}
	})
}

// Who gives up does not take others with it; when all have, the write ends.
func TestGatherContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := stage.Gather(s, 0)
		impatient, stop := context.WithCancel(t.Context())
		all, stopAll := context.WithCancel(t.Context())
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i, ctx := range []context.Context{all, impatient, all, all} {
			wg.Go(func() { errs[i] = g.Write(ctx, fmt.Sprint(i), []stage.Row{row(fmt.Sprint(i))}) })
			synctest.Wait()
		}
		<-time.After(1500 * time.Millisecond) // of the bubble's clock: the second write is half done
		stop()
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Errorf("errors %v, want none: one of three had given up", err)
		}
		for i := range 3 {
			wg.Go(func() { errs[i] = g.Write(all, fmt.Sprint(i), []stage.Row{row(fmt.Sprint(i))}) })
			synctest.Wait()
		}
		stopAll()
		wg.Wait()
		for i := range 3 {
			if !errors.Is(errs[i], context.Canceled) {
				t.Errorf("write %d = %v, want it canceled", i, errs[i])
			}
		}
	})
}
