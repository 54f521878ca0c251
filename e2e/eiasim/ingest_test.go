package eiasim_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor"
)

// ingestBatch is how many observations the ingestor puts into one message at most; twins of the last are not counted.
const ingestBatch = 2000

// bus keeps what is published, drops repeated ids as JetStream does, and can be told to fail.
type bus struct {
	mu       sync.Mutex
	ids      map[string]bool
	batches  []series.Batch
	repeated int
	rows     []stage.Row
	cursors  map[string][]byte
	puts     int
	failPut  int // the put that fails, counted from 1; 0 means none
	raised   map[string]string
	lags     map[string]event.Lag
}

func newBus() *bus {
	return &bus{
		ids: map[string]bool{}, cursors: map[string][]byte{}, raised: map[string]string{}, lags: map[string]event.Lag{},
	}
}

func (b *bus) Publish(_ context.Context, msgs ...stage.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range msgs {
		if b.ids[m.ID] {
			b.repeated++
			continue
		}
		b.ids[m.ID] = true
		batch, err := wire.DecodeBatch(m.Data)
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		b.batches = append(b.batches, batch)
	}
	return nil
}

func (b *bus) Write(_ context.Context, _ string, rows []stage.Row) error {
	b.rows = append(b.rows, rows...)
	return nil
}

func (b *bus) Get(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cursors[key], nil
}

func (b *bus) Put(_ context.Context, key string, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.puts++; b.puts == b.failPut {
		return fmt.Errorf("killed before the cursor of %s was saved", key)
	}
	b.cursors[key] = value
	return nil
}

func (b *bus) Raise(_ context.Context, e event.Error) error {
	b.raised[e.Code] = e.Message
	return nil
}

func (b *bus) Clear(_ context.Context, e event.Error) error {
	delete(b.raised, e.Code)
	return nil
}

func (b *bus) Lag(_ context.Context, l event.Lag) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lags[l.Series.Key] = l
	return nil
}

// values returns the newest published value of every period of a series.
func (b *bus) values(key string) map[int64]float64 {
	out := map[int64]float64{}
	for _, batch := range b.batches {
		if batch.Series.Key != key {
			continue
		}
		for _, o := range batch.Obs {
			out[o.TS.Unix()] = o.Value
		}
	}
	return out
}

// world is a simulator, a runner that reads it over HTTP, and a bus in memory.
type world struct {
	sim    *eiasim.Server
	url    string
	bus    *bus
	runner *ingestor.Runner
}

func newWorld(t testing.TB, sim eiasim.Config, change func(*ingestor.Config)) *world {
	t.Helper()
	s, err := eiasim.New(sim)
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, s)
	w.restart(t, change)
	return w
}

// serve returns a world without a runner yet.
func serve(t testing.TB, s *eiasim.Server) *world {
	t.Helper()
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return &world{sim: s, url: srv.URL, bus: newBus()}
}

// restart makes a new runner on the same bus, as a restarted process would.
func (w *world) restart(t testing.TB, change func(*ingestor.Config)) {
	t.Helper()
	cfg := ingestor.Config{
		Source: "eia", Poll: time.Minute, Repull: 48 * time.Hour, Lag: time.Hour, Backfill: 400, Unit: "MWh", Concurrency: 4,
		EIA: ingestor.EIAConfig{
			URL: w.url, Key: "TEST-KEY", Route: "region-data", Type: "D", Rate: 1e6, Timeout: 5 * time.Second, Tries: 12,
			Wait: time.Millisecond, MaxWait: 2 * time.Millisecond, Failures: 50, Cooldown: time.Millisecond,
		},
	}
	for _, a := range w.sim.Info().Areas {
		cfg.Areas = append(cfg.Areas, a.ID)
	}
	if change != nil {
		change(&cfg)
	}
	r, err := ingestor.New(cfg, ingestor.Deps{Publisher: w.bus, Sink: w.bus, Cursors: w.bus, Reporter: w.bus})
	if err != nil {
		t.Fatal(err)
	}
	w.runner = r
}

// at moves the clock and refreshes.
func (w *world) at(t testing.TB, now time.Time) error {
	t.Helper()
	w.sim.SetNow(now)
	_, err := w.runner.Refresh(t.Context(), now)
	return err
}

// check compares everything published of every area with the simulator's final values. Oracle: the data set itself.
func (w *world) check(t testing.TB, from, to time.Time) {
	t.Helper()
	for _, a := range w.sim.Info().Areas {
		first, truth, _ := w.sim.Truth(a.ID)
		got := w.bus.values(a.ID)
		wrong := 0
		for ts := from; !ts.After(to); ts = ts.Add(time.Hour) {
			want := truth[int(ts.Sub(first)/time.Hour)]
			v, ok := got[ts.Unix()]
			if !ok || v != want && !(math.IsNaN(v) && math.IsNaN(want)) {
				if wrong++; wrong < 4 {
					t.Errorf("%s at %s: got %v (published: %t), want %v", a.ID, ts.Format(time.RFC3339), v, ok, want)
				}
			}
		}
		if wrong > 3 {
			t.Errorf("%s: %d periods wrong", a.ID, wrong)
		}
	}
}

// generated is a small data set for tests that need no more.
var generated = eiasim.Config{Data: eiasim.KindGenerated, Seed: 7, Areas: []string{"ERCO", "MISO", "PJM"}}

func start() time.Time { return time.Date(2022, 6, 1, 0, 0, 0, 0, time.UTC) }

func TestBackfillThenReplayEqualsTruth(t *testing.T) {
	w := newWorld(t, eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"PJM", "TVA"}, Seed: 7, Revised: .05}, nil)
	now := start()
	for h := range 24 * 5 {
		if err := w.at(t, now.Add(time.Duration(h)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	// The newest 48 h may still be revised.
	last := now.Add((24*5 - 1 - 48 - 1) * time.Hour)
	w.check(t, now.AddDate(0, 0, -400), last)

	finals := map[string]int{}
	for _, b := range w.bus.batches {
		if b.Final {
			finals[b.Series.Key]++
		}
		if len(b.Obs) > ingestBatch {
			t.Errorf("a batch of %s holds %d observations", b.Series, len(b.Obs))
		}
	}
	for _, a := range w.sim.Info().Areas {
		if finals[a.ID] != 1 {
			t.Errorf("%s: %d final batches", a.ID, finals[a.ID])
		}
		if lag := w.bus.lags[a.ID]; lag.DataAge != time.Hour {
			t.Errorf("%s: data age %s, want 1h", a.ID, lag.DataAge)
		}
	}
}

func TestOnlyNewsIsPublished(t *testing.T) {
	w := newWorld(t, eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"PJM", "TVA"}, Revised: -1}, func(c *ingestor.Config) { c.Backfill = 10 })
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	w.bus.batches = nil
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	if n := len(w.bus.batches); n != 0 {
		t.Errorf("%d batches published although nothing happened", n)
	}
	if err := w.at(t, start().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, b := range w.bus.batches {
		if len(b.Obs) != 1 || !b.Obs[0].TS.Equal(start()) || b.Origin != series.Refresh || !b.KnownAt.Equal(start().Add(time.Hour)) {
			t.Errorf("batch %+v, want the one new hour", b)
		}
	}
	if n := len(w.bus.batches); n != len(w.sim.Info().Areas) {
		t.Errorf("%d batches, want one for each area", n)
	}
}

// Each kind of fault strikes 30 % of the requests: more than the 5 in 18 that have been seen of the real service.
func TestFaultsOfResponsesLoseNothing(t *testing.T) {
	for _, kind := range []string{
		eiasim.ErrorServer, eiasim.ErrorOverRate, eiasim.ErrorTooMany, eiasim.ErrorInBody, eiasim.ErrorTruncated, eiasim.ErrorReset,
		eiasim.ErrorSlow,
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, generated, func(c *ingestor.Config) {
				c.Backfill = 20
				if kind == eiasim.ErrorSlow {
					c.EIA.Timeout = 500 * time.Millisecond // well below the delay of the fault
				}
			})
			if err := w.sim.SetFaults(eiasim.Faults{Errors: []eiasim.ErrorFault{{Kind: kind, Share: .3}}}); err != nil {
				t.Fatal(err)
			}
			for h := range 24 {
				if err := w.at(t, start().Add(time.Duration(h)*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			w.check(t, start().AddDate(0, 0, -20), start().Add(-26*time.Hour))
		})
	}
}

// A run that dies after publishing and before saving a cursor publishes the same messages again under the same ids.
func TestCrashInBackfillRepeatsNothing(t *testing.T) {
	w := newWorld(t, generated, func(c *ingestor.Config) { c.Concurrency = 1 })
	w.bus.failPut = 4
	if err := w.at(t, start()); err == nil {
		t.Fatal("the run survived a cursor that could not be saved")
	}
	before, requests := len(w.bus.batches), w.sim.Info().Requests
	w.restart(t, func(c *ingestor.Config) { c.Concurrency = 1 })
	if err := w.at(t, start().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.check(t, start().AddDate(0, 0, -400), start().Add(-50*time.Hour))
	if w.bus.repeated == 0 {
		t.Error("nothing was published again: the crash was not where this test wants it")
	}
	perArea := map[string]map[int64]int{}
	for _, b := range w.bus.batches {
		if perArea[b.Series.Key] == nil {
			perArea[b.Series.Key] = map[int64]int{}
		}
		for _, o := range b.Obs {
			perArea[b.Series.Key][o.TS.Unix()]++
		}
	}
	twice := 0
	for _, periods := range perArea {
		for n := range maps.Values(periods) {
			if n > 1 {
				twice++
			}
		}
	}
	// The last batch of the window that was cut short grew by one hour, so it alone differs and is said again.
	if twice > ingestBatch {
		t.Errorf("%d observations were published twice", twice)
	}
	if n := w.sim.Info().Requests - requests; before == 0 || n > 4 {
		t.Errorf("%d requests after the crash: it began anew", n)
	}
}

func TestSilentAreaAges(t *testing.T) {
	w := newWorld(t, generated, func(c *ingestor.Config) { c.Backfill = 10 })
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	drop := eiasim.Faults{Drop: []eiasim.DropFault{{Range: eiasim.Range{Area: "PJM", From: start()}}}}
	if err := w.sim.SetFaults(drop); err != nil {
		t.Fatal(err)
	}
	for h := range 6 {
		if err := w.at(t, start().Add(time.Duration(h+1)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if pjm, miso := w.bus.lags["PJM"], w.bus.lags["MISO"]; pjm.DataAge != 7*time.Hour || miso.DataAge != time.Hour {
		t.Errorf("data ages %s and %s, want 7h and 1h", pjm.DataAge, miso.DataAge)
	}
	// When the area speaks again, the hours in between come in.
	if err := w.sim.SetFaults(eiasim.Faults{}); err != nil {
		t.Fatal(err)
	}
	if err := w.at(t, start().Add(60*time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.check(t, start(), start().Add(10*time.Hour))
}

func TestCorruptRowsAreKeptAsMalformed(t *testing.T) {
	for kind, want := range map[string]string{
		eiasim.CorruptText:       `value: "abc" is not a number`,
		eiasim.CorruptNullPeriod: "period: null",
		eiasim.CorruptRenamed:    "period: field missing",
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, generated, func(c *ingestor.Config) { c.Backfill = 10 })
			f := eiasim.Faults{Corrupt: []eiasim.CorruptFault{{
				Kind: kind, Range: eiasim.Range{Area: "PJM", From: start(), To: start().Add(3 * time.Hour)},
			}}}
			if err := w.sim.SetFaults(f); err != nil {
				t.Fatal(err)
			}
			for h := range 8 {
				if err := w.at(t, start().Add(time.Duration(h)*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			var reasons []string
			for _, b := range w.bus.batches {
				for _, m := range b.Malformed {
					if b.Series.Key != "PJM" || m.Payload == "" {
						t.Errorf("malformed row %+v of %s", m, b.Series)
					}
					reasons = append(reasons, m.Reason)
				}
			}
			// Asked for again seven times, said once.
			if len(reasons) != 3 || !strings.HasPrefix(reasons[0], want) {
				t.Errorf("malformed rows %q, want 3 with %q", reasons, want)
			}
			if _, raised := w.bus.raised[ingestor.CodeSchema]; raised != (kind == eiasim.CorruptRenamed) {
				t.Errorf("raised %q", w.bus.raised)
			}
		})
	}
}

// An area that reports an hour twice with different values: both travel in one batch, once.
func TestContradictionsTravelTogether(t *testing.T) {
	w := newWorld(t, generated, func(c *ingestor.Config) { c.Backfill = 10 })
	f := eiasim.Faults{Corrupt: []eiasim.CorruptFault{{
		Kind: eiasim.CorruptDuplicate, Range: eiasim.Range{Area: "PJM", From: start(), To: start().Add(3 * time.Hour)},
	}}}
	if err := w.sim.SetFaults(f); err != nil {
		t.Fatal(err)
	}
	for h := range 8 {
		if err := w.at(t, start().Add(time.Duration(h)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	twins := 0
	for _, b := range w.bus.batches {
		for i, o := range b.Obs {
			if i > 0 && o.TS.Equal(b.Obs[i-1].TS) && o.Value != b.Obs[i-1].Value {
				twins++
			}
		}
	}
	if twins != 3 {
		t.Errorf("%d contradictions were published, want 3", twins)
	}
}

func TestUnknownAreaIsNamedAndTheOthersRun(t *testing.T) {
	w := newWorld(t, generated, func(c *ingestor.Config) { c.Areas = []string{"PJM", "PMJ"}; c.Backfill = 10 })
	err := w.at(t, start())
	const want = `areas: "PMJ" is not known to the source; remove it or correct its spelling`
	if err == nil || !strings.HasSuffix(err.Error(), want) || w.bus.raised[ingestor.CodeConfig] != want {
		t.Errorf("error %v, raised %q, want %q", err, w.bus.raised, want)
	}
	if len(w.bus.values("PJM")) < 200 {
		t.Error("PJM was not backfilled")
	}
}

func TestInvalidKeyIsOneClearLine(t *testing.T) {
	w := newWorld(t, eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"PJM", "TVA", "MISO", "ERCO", "FPL", "DUK"}, APIKey: "right"}, nil)
	err := w.at(t, start())
	const want = "api key: EIA says API_KEY_INVALID; set EIA_API_KEY to the key from your registration e-mail"
	if err == nil || !strings.Contains(err.Error(), want) || w.bus.raised[ingestor.CodeConfig] != want {
		t.Errorf("error %v, raised %q, want %q", err, w.bus.raised, want)
	}
	if n := w.sim.Info().Requests; n > 4 {
		t.Errorf("%d requests with a key that is refused", n)
	}
	w.restart(t, func(c *ingestor.Config) { c.EIA.Key = "right" })
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	if len(w.bus.raised) > 0 {
		t.Errorf("still raised: %q", w.bus.raised)
	}
}

func TestSubAreas(t *testing.T) {
	path := fixture(t, "CISO-PGAE", "CISO-SDGE", "MISO-0027")
	w := newWorld(t, eiasim.Config{Data: path, Areas: []string{"MISO-0027", "CISO-PGAE", "CISO-SDGE"}, Revised: -1},
		func(c *ingestor.Config) { c.EIA.Route = "region-sub-ba-data"; c.Backfill = 30 })
	if err := w.at(t, start()); err != nil {
		t.Fatal(err)
	}
	if err := w.at(t, start().Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.check(t, start().AddDate(0, 0, -30), start().Add(2*time.Hour))
	zones := map[string]string{}
	for _, b := range w.bus.batches {
		zones[b.Series.Key] = b.Zone
	}
	if zones["MISO-0027"] != "America/Chicago" || zones["CISO-PGAE"] != "America/Los_Angeles" {
		t.Errorf("zones %v", zones)
	}
}

func twelve() eiasim.Config { return eiasim.Config{Data: eiasim.KindGenerated, Seed: 7} }

// BenchmarkBackfill is a 400-day backfill of 12 areas over HTTP into memory.
func BenchmarkBackfill(b *testing.B) {
	for b.Loop() {
		w := newWorld(b, twelve(), nil)
		if err := w.at(b, start()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefresh is one hourly refresh of 12 areas over HTTP into memory.
func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b, twelve(), func(c *ingestor.Config) { c.Backfill = 30 })
	now := start()
	if err := w.at(b, now); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		now = now.Add(time.Hour)
		if err := w.at(b, now); err != nil {
			b.Fatal(err)
		}
	}
}
