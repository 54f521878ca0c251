package k8s

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

// traffic moves the replayed clock on, hour by hour, and has each hour fetched and forecast.
type traffic struct {
	c      *cluster
	areas  int
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	now     time.Time     // newest hour that is in the record with its forecasts
	hours   int           // hours done
	longest time.Duration // most time from an hour's end to its forecasts
	next    chan struct{} // closed when an hour is done
}

// begin reads the source's clock, places the replay eight months before its end, and backfills.
func (t *Test) begin(ctx context.Context) (*traffic, error) {
	var info eiasim.Info
	if err := t.c.source(ctx, "GET", "/_sim/info", nil, &info); err != nil {
		return nil, err
	}
	t.info = info
	t.start = info.Last.AddDate(0, -8, 0).Truncate(24 * time.Hour)
	f := &traffic{c: t.c, areas: len(info.Areas), now: t.start, next: make(chan struct{})}
	t.c.say("backfill %s demand of %d areas up to %s", info.Kind, f.areas, t.start.Format(time.DateOnly))
	if err := f.fetch(ctx, t.start); err != nil {
		return nil, err
	}
	err := t.c.until(ctx, "a model of every series", t.Patience, func(ctx context.Context) (bool, error) {
		n, err := t.c.number(ctx, "SELECT uniqExact(series) FROM v_models")
		return n == f.areas, err
	})
	if err != nil {
		return nil, err
	}
	return f, t.idle(ctx)
}

// idle waits until nothing waits on the bus.
func (t *Test) idle(ctx context.Context) error {
	return t.c.until(ctx, "the pipeline to settle", t.Patience, func(ctx context.Context) (bool, error) {
		out, err := t.c.bellwether(ctx, "status", "--json")
		if err != nil {
			return false, err
		}
		var status struct {
			Consumers []struct {
				Consumer                string
				Pending, Unacknowledged int
			}
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			return false, err
		}
		for _, c := range status.Consumers {
			// Events never end; observations, jobs and models do.
			if c.Consumer != "monitor" && c.Consumer != "monitor_record" && c.Pending+c.Unacknowledged > 0 {
				return false, fmt.Errorf("%s has %d to do", c.Consumer, c.Pending+c.Unacknowledged)
			}
		}
		return true, nil
	})
}

// answer is the longest wait for one refresh: an ingestor that is killed while it works on one does not answer.
const answer = 15 * time.Second

// fetch sets the source's clock and asks for a refresh as of then.
func (f *traffic) fetch(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if err := f.c.source(ctx, "PUT", "/_sim/now", map[string]time.Time{"now": now}, nil); err != nil {
		return err
	}
	_, err := f.c.bellwether(ctx, "refresh", "--as-of="+now.Format(time.RFC3339))
	return err
}

// run goes on until stop is called.
func (f *traffic) run(ctx context.Context) {
	ctx, f.cancel = context.WithCancel(ctx)
	f.done = make(chan struct{})
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			f.hour(ctx)
		}
	}()
}

// hour fetches one more hour, again until it succeeds, and waits for the forecasts made from it.
func (f *traffic) hour(ctx context.Context) {
	began, now := time.Now(), f.now.Add(time.Hour)
	for ctx.Err() == nil && f.fetch(ctx, now) != nil {
		pause(ctx, 500*time.Millisecond)
	}
	for ctx.Err() == nil {
		if ok, err := f.forecast(ctx, now.Add(-time.Hour)); err == nil && ok {
			break
		}
		pause(ctx, 250*time.Millisecond)
	}
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now, f.longest = now, max(f.longest, time.Since(began))
	f.hours++
	close(f.next)
	f.next = make(chan struct{})
}

// forecast reports whether every series that has a value of the hour has a forecast made from it. The source publishes
// a few values as missing first, so one series may have none.
func (f *traffic) forecast(ctx context.Context, hour time.Time) (bool, error) {
	since := fmt.Sprintf(">= toDateTime(%d, 'UTC')", hour.Unix())
	behind, err := f.c.number(ctx, "SELECT toInt64(o) - toInt64(f) + 1000 * (o < "+strconv.Itoa(f.areas-1)+") FROM (SELECT"+
		" (SELECT uniqExact(series) FROM v_observations WHERE ts "+since+") AS o,"+
		" (SELECT uniqExact(series) FROM v_forecasts WHERE data_cut "+since+") AS f)")
	return behind == 0, err
}

// flow waits until one more hour has been begun and done: what was broken works again.
func (f *traffic) flow(ctx context.Context, patience time.Duration) error {
	for range 2 { // the one under way may have been done before
		f.mu.Lock()
		next := f.next
		f.mu.Unlock()
		select {
		case <-next:
		case <-time.After(patience):
			return fmt.Errorf("no hour was forecast within %s", patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// stop ends the traffic and returns the newest hour done, how many there were, and the longest of them.
func (f *traffic) stop() (time.Time, int, time.Duration) {
	f.cancel()
	<-f.done
	return f.now, f.hours, f.longest
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
