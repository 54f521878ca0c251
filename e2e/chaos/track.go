package chaos

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// lane is a way through the pipeline from end to end.
type lane string

const (
	laneDirect   lane = "direct"   // bw.obs.raw to bw.forecast, through validator, store and forecaster
	laneUpstream lane = "upstream" // the source to bw.forecast, through the ingestor and all of the above
	laneModel    lane = "model"    // bw.job.train to bw.model, through the trainer
	laneEvent    lane = "event"    // bw.event to the table of events, through the monitor
)

// window is how many new hours of a series may be on their way.
const window = 12

// tracker knows of the last numbered thing that went through each lane when it was sent.
type tracker struct {
	mu      sync.Mutex
	at      map[lane]map[string]time.Time // when it was sent
	last    map[lane]time.Time
	ends    map[string]time.Time // by series: the newest hour that was sent
	cuts    map[string]time.Time // by series: the newest hour that has a forecast
	changed chan struct{}        // closed when last changes
}

func newTracker() *tracker {
	return &tracker{at: map[lane]map[string]time.Time{}, last: map[lane]time.Time{}, ends: map[string]time.Time{}, cuts: map[string]time.Time{}, changed: make(chan struct{})}
}

func (t *tracker) sent(l lane, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at[l] == nil {
		t.at[l] = map[string]time.Time{}
	}
	if _, again := t.at[l][key]; !again {
		t.at[l][key] = time.Now()
	}
}

// sentHour notes that an hour of a series was sent, which has gone through when there is a forecast from it.
func (t *tracker) sentHour(l lane, series string, ts time.Time) {
	t.sent(l, series+stamp(ts))
	t.mu.Lock()
	defer t.mu.Unlock()
	if ts.After(t.ends[series]) {
		t.ends[series] = ts
	}
}

func (t *tracker) arrivedHour(l lane, series string, ts time.Time) {
	t.arrived(l, series+stamp(ts))
	t.mu.Lock()
	defer t.mu.Unlock()
	if ts.After(t.cuts[series]) {
		t.cuts[series] = ts
	}
}

// behind reports whether the pipeline has so much of a series to do that it should be told no more: what matters is how
// it goes through faults, not how long a queue can grow.
func (t *tracker) behind(series string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ends[series].Sub(t.cuts[series]) > window*time.Hour
}

func (t *tracker) arrived(l lane, key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent, ok := t.at[l][key]; ok && sent.After(t.last[l]) {
		t.last[l] = sent
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

// recovery waits until something that was sent after healed has gone through l, and returns how long that took.
func (t *tracker) recovery(ctx context.Context, l lane, healed time.Time) (time.Duration, error) {
	for {
		t.mu.Lock()
		last, changed := t.last[l], t.changed
		t.mu.Unlock()
		if last.After(healed) {
			return time.Since(healed), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// watch notes arrivals until ctx is done.
func (t *tracker) watch(ctx context.Context, s *stack) {
	var tasks sync.WaitGroup
	tasks.Go(func() {
		t.follow(ctx, s.direct, wire.StreamForecast, func(m stage.Message) {
			if f, err := wire.DecodeForecast(m.Data); err == nil {
				t.arrivedHour(laneOf(f.Series.Source), f.Series.String(), f.DataCut)
			}
		})
	})
	tasks.Go(func() {
		t.follow(ctx, s.direct, wire.StreamModel, func(m stage.Message) {
			if i := strings.Index(m.ID, "chaos."); i >= 0 {
				t.arrived(laneModel, m.ID[i:])
			}
		})
	})
	tasks.Go(func() { t.poll(ctx, s) })
	tasks.Wait()
}

func laneOf(source string) lane {
	if source == "eia" {
		return laneUpstream
	}
	return laneDirect
}

// follow calls arrive for every new message of a stream, as long as it takes.
func (t *tracker) follow(ctx context.Context, bus *natsio.Bus, stream string, arrive func(stage.Message)) {
	for ctx.Err() == nil {
		_ = bus.Follow(ctx, natsio.FollowOptions{Stream: stream, From: natsio.FromNew}, func(m stage.Message) error {
			arrive(m)
			return nil
		})
		pause(ctx, tryAgain)
	}
}

// poll looks for the newest event in its table.
func (t *tracker) poll(ctx context.Context, s *stack) {
	for pause(ctx, 2*tryAgain) {
		_, rows, err := s.record.Query(ctx, "SELECT max(toUInt64OrZero(splitByChar('.', id)[3])) FROM events WHERE service = '"+producer+"'")
		if err == nil && len(rows) == 1 {
			if n, ok := rows[0][0].(uint64); ok {
				t.arrived(laneEvent, strconv.FormatUint(n, 10))
			}
		}
	}
}
