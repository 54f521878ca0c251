package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/forecast"
	"github.com/bellwether-forecast/bellwether/libs/natsio"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

const (
	seedHours  = 10 * 24 // a series needs a week before it has a forecast
	lastHours  = 30      // said when all faults are over: more than a day, and than a clock jumps
	reviseBack = 24      // hours that may be revised
	tryAgain   = 100 * time.Millisecond
)

// tellers are the producers: they tell the pipeline numbered things and note what it acknowledges.
type tellers struct {
	history *History
	bus     *natsio.Bus
	track   *tracker
	skew    atomic.Int64 // of the producers' clock, nanoseconds
}

// tell publishes a message with items until the bus has it. That is what a producer has to do: after an error the
// message may be stored or not, and telling it again is harmless.
func (t *tellers) tell(ctx context.Context, m stage.Message, items []Item) {
	for {
		err := t.bus.Publish(ctx, m)
		switch {
		case err == nil:
			t.history.Ack(items...)
			return
		case errors.Is(err, natsio.ErrDiscarded):
			t.history.Discard(items...)
			return
		case !pause(ctx, tryAgain):
			return
		}
	}
}

// pause returns true after d, or false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// direct publishes observations of one series: new hours, and revisions of earlier ones.
type direct struct {
	*tellers
	id   series.ID
	rng  *rand.Rand
	next time.Time // the next new hour
}

func (t *tellers) direct(n int, seed uint64) *direct {
	return &direct{tellers: t, id: series.ID{Source: "chaos", Key: fmt.Sprintf("S%d", n)}, rng: rand.New(rand.NewPCG(seed, uint64(n)+100)), next: firstHour}
}

// begin tells the history of the series.
func (d *direct) begin(ctx context.Context) { d.say(ctx, series.Backfill, d.hours(seedHours)) }

// step tells one message. While the pipeline is behind it is told only one in ten: what a clock that was set back has
// stamped is kept back for ever, so there must be more.
func (d *direct) step(ctx context.Context) {
	if d.track.behind(d.id.String()) && d.rng.Float64() > 0.1 {
		return
	}
	var hours []time.Time
	for range 1 + d.rng.IntN(3) {
		h := d.next.Add(-time.Duration(1+d.rng.IntN(reviseBack)) * time.Hour)
		if !slices.Contains(hours, h) {
			hours = append(hours, h)
		}
	}
	if d.rng.Float64() < 0.35 {
		hours = append(hours[:len(hours)-1], d.hours(1)...)
	}
	d.say(ctx, series.Refresh, hours)
}

// finish tells enough for the last day of the series to be free of all faults.
func (d *direct) finish(ctx context.Context) {
	for range 3 {
		d.say(ctx, series.Refresh, d.hours(lastHours/3))
	}
}

// hours returns the next n new hours.
func (d *direct) hours(n int) []time.Time {
	var out []time.Time
	for range n {
		out = append(out, d.next)
		d.next = d.next.Add(time.Hour)
	}
	return out
}

func (d *direct) say(ctx context.Context, origin series.Origin, hours []time.Time) {
	slices.SortFunc(hours, time.Time.Compare)
	skew := time.Duration(d.skew.Load())
	items := make([]Item, len(hours))
	for i, h := range hours {
		items[i] = Item{Kind: Direct, Series: d.id.String(), TS: h, KnownAt: d.next.Add(-30 * time.Minute).Add(skew), Skewed: skew != 0}
	}
	items = d.history.Send(items...)
	b := series.Batch{
		Series: d.id, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "UTC", Step: time.Hour,
		KnownAt: items[0].KnownAt, RunID: "chaos", Origin: origin, Final: origin == series.Backfill,
	}
	for _, i := range items {
		b.Obs = append(b.Obs, series.Observation{TS: i.TS, Value: Value(i.Seq)})
	}
	d.track.sentHour(laneDirect, d.id.String(), hours[len(hours)-1])
	d.tell(ctx, stage.Message{Subject: wire.Raw(d.id), ID: items[0].Message, Data: wire.EncodeBatch(b)}, items)
}

// job asks for a model of an area.
func (t *tellers) job(ctx context.Context, area string, asOf time.Time) {
	items := t.history.Send(Item{Kind: Job, Series: "eia." + area})
	id := series.ID{Source: "eia", Key: area}
	j := forecast.Job{Series: id, ID: items[0].Message, Reason: forecast.Manual, AsOf: asOf, RequestedAt: time.Now().UTC(), RequestedBy: "chaos"}
	t.track.sent(laneModel, j.ID)
	t.tell(ctx, stage.Message{Subject: wire.TrainJob(id), ID: j.ID, Data: wire.EncodeJob(j)}, items)
}

// event raises a condition, or clears it.
func (t *tellers) event(ctx context.Context, raise bool) {
	items := t.history.Send(Item{Kind: Event})
	e := event.Event{ID: items[0].Message, Service: producer, Instance: producer, At: time.Now().UTC(), Error: &event.Error{
		Class: event.Operational, Code: "chaos_probe", Subject: "chaos", Condition: event.Cleared, Severity: event.Info, Message: "a numbered event",
	}}
	if raise {
		e.Error.Condition = event.Raised
	}
	t.track.sent(laneEvent, strconv.FormatUint(items[0].Seq, 10))
	t.tell(ctx, wire.EncodeEvent(e), items)
}

// poison publishes a payload that nobody can read, on each subject of requests.
func (t *tellers) poison(ctx context.Context) {
	for _, subject := range []string{"bw.obs.raw.chaos.S0", "bw.job.train.chaos.poison", "bw.event.error." + producer} {
		items := t.history.Send(Item{Kind: Poison})
		t.tell(ctx, stage.Message{Subject: subject, ID: items[0].Message, Data: []byte("\xff poison")}, items)
	}
}

// refresher moves the source's clock, revises what it serves, and has the ingestor fetch it.
type refresher struct {
	*tellers
	source   *source
	rng      *rand.Rand
	now      time.Time
	attempts int
	open     map[cell]Item // served, and not known to have been fetched
	wait     time.Duration // for one answer
}

func (t *tellers) refresher(s *source, seed uint64) *refresher {
	return &refresher{tellers: t, source: s, rng: rand.New(rand.NewPCG(seed, 3)), now: firstHour, open: map[cell]Item{}, wait: 3 * time.Second}
}

// begin serves the history and has it fetched.
func (r *refresher) begin(ctx context.Context) {
	r.serve(backfillHours, 0)
	for !r.fetch(ctx) && pause(ctx, tryAgain) {
	}
}

// step serves an hour more and has it fetched. While that fails the source may go on in the meantime.
func (r *refresher) step(ctx context.Context) {
	if (len(r.open) == 0 || r.rng.Float64() < 0.5) && !r.track.behind("eia."+areas()[0]) {
		r.serve(1, 2)
	}
	r.fetch(ctx)
}

// finish serves a last day free of faults.
func (r *refresher) finish(ctx context.Context) {
	r.serve(lastHours, 0)
	for !r.fetch(ctx) && pause(ctx, tryAgain) {
	}
}

// serve adds new hours of all areas and revises some earlier ones of each.
func (r *refresher) serve(hours, revisions int) {
	var items []Item
	for _, area := range areas() {
		name := "eia." + area
		seen := map[int64]bool{}
		for range revisions {
			ts := r.now.Add(-time.Duration(1+r.rng.IntN(reviseBack)) * time.Hour)
			if !seen[ts.Unix()] {
				items = append(items, Item{Kind: Upstream, Series: name, TS: ts})
				seen[ts.Unix()] = true
			}
		}
		for h := range hours {
			items = append(items, Item{Kind: Upstream, Series: name, TS: r.now.Add(time.Duration(h) * time.Hour)})
		}
	}
	items = r.history.Send(items...)
	r.now = r.now.Add(time.Duration(hours) * time.Hour)
	for _, i := range items {
		r.open[i.cell()] = i // an earlier one may never have been fetched
	}
	for _, area := range areas() {
		r.track.sentHour(laneUpstream, "eia."+area, r.now.Add(-time.Hour))
	}
	r.source.say(r.now, items)
}

// fetch asks the ingestor once and reports whether it has everything that is served.
func (r *refresher) fetch(ctx context.Context) bool {
	r.attempts++
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	// Milliseconds tell what is fetched twice in an hour apart.
	in, err := json.Marshal(ingestor.RefreshRequest{AsOf: r.now.Add(time.Duration(r.attempts) * time.Millisecond)})
	if err != nil {
		return false
	}
	if _, err := r.bus.Request(ctx, wire.Control(event.Ingestor, "refresh"), in); err != nil {
		return false
	}
	items := make([]Item, 0, len(r.open))
	for _, i := range r.open {
		items = append(items, i)
	}
	r.history.Ack(items...)
	clear(r.open)
	return true
}
