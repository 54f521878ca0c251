package ingestor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/libs/wire"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is a source whose rows a test writes by hand.
type table struct {
	mu      sync.Mutex
	rows    map[string]Rows
	unknown []string
	err     error // of the next Fetch, and all after it
	windows []Window
}

func (s *table) Fetch(_ context.Context, w Window) (Fetched, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows = append(s.windows, w)
	if s.err != nil {
		return Fetched{}, s.err
	}
	f := Fetched{Keys: map[string]Rows{}, Pages: 1}
	for _, key := range w.Keys {
		var out Rows
		for _, o := range s.rows[key].Obs {
			if !o.TS.Before(w.From) && !o.TS.After(w.To) {
				out.Obs = append(out.Obs, o)
			}
		}
		out.Twins = s.rows[key].Twins
		out.Malformed, out.Schema = s.rows[key].Malformed, s.rows[key].Schema
		f.Keys[key] = out
		f.Count += len(out.Obs) + len(out.Malformed)
	}
	return f, nil
}

func (s *table) Unknown(context.Context, []string) ([]string, error) { return s.unknown, nil }

// set makes the source report v for the hours from h on.
func (s *table) set(key string, h int, v ...float64) {
	if s.rows == nil {
		s.rows = map[string]Rows{}
	}
	r := s.rows[key]
	for i, x := range v {
		ts := at(h + i)
		j := slices.IndexFunc(r.Obs, func(o series.Observation) bool { return o.TS.Equal(ts) })
		if j < 0 {
			r.Obs = append(r.Obs, series.Observation{TS: ts, Value: x})
		} else {
			r.Obs = slices.Clone(r.Obs)
			r.Obs[j].Value = x
		}
	}
	s.rows[key] = r
}

// pipe is the memory end of a runner: bus, refresh log, cursors and reports.
type pipe struct {
	mu         sync.Mutex
	ids        []string
	batches    []series.Batch
	runs       []record.IngestRun
	cursors    map[string][]byte
	raised     map[string]event.Error
	lags       []event.Lag
	publishErr error
	putErr     error
}

func (p *pipe) Publish(_ context.Context, msgs ...stage.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.publishErr != nil {
		return p.publishErr
	}
	for _, m := range msgs {
		b, err := wire.DecodeBatch(m.Data)
		if err != nil || m.Subject != wire.Raw(b.Series) {
			return fmt.Errorf("message %s on %s: %w", m.ID, m.Subject, err)
		}
		p.ids = append(p.ids, m.ID)
		p.batches = append(p.batches, b)
	}
	return nil
}

func (p *pipe) Write(_ context.Context, _ string, rows []stage.Row) error {
	for _, r := range rows {
		run, ok := r.(record.IngestRun)
		if !ok {
			return fmt.Errorf("row for table %s", r.Table())
		}
		p.runs = append(p.runs, run)
	}
	return nil
}

func (p *pipe) Get(_ context.Context, key string) ([]byte, error) { return p.cursors[key], nil }

func (p *pipe) Put(_ context.Context, key string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.putErr != nil {
		return p.putErr
	}
	p.cursors[key] = value
	return nil
}

func (p *pipe) Raise(_ context.Context, e event.Error) error {
	p.raised[e.Code] = e
	return nil
}

func (p *pipe) Clear(_ context.Context, e event.Error) error {
	delete(p.raised, e.Code)
	return nil
}

func (p *pipe) Lag(_ context.Context, l event.Lag) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lags = append(p.lags, l)
	return nil
}

// take returns what was published since the last call, as "hour=value" for each series.
func (p *pipe) take() map[string][]string {
	out := map[string][]string{}
	for _, b := range p.batches {
		for _, o := range b.Obs {
			out[b.Series.Key] = append(out[b.Series.Key], fmt.Sprintf("%d=%g", int(o.TS.Sub(at(0))/time.Hour), o.Value))
		}
	}
	p.batches, p.ids = nil, nil
	return out
}

func at(h int) time.Time { return time.Date(2024, 3, 1, h, 0, 0, 0, time.UTC) }

func testConfig(areas ...string) Config {
	return Config{
		Source: "eia", Areas: areas, Poll: 5 * time.Minute, Repull: 6 * time.Hour, Lag: time.Hour, Backfill: 2, Unit: "MWh",
		Concurrency: 2,
		EIA: EIAConfig{
			URL: "https://api.eia.gov", Key: "k", Route: "region-data", Type: "D", Rate: 2, Timeout: time.Second, Tries: 1,
			Wait: time.Second, MaxWait: time.Second, Failures: 1, Cooldown: time.Second,
		},
	}
}

func newRunner(t *testing.T, cfg Config, src Source) (*Runner, *pipe) {
	t.Helper()
	p := &pipe{cursors: map[string][]byte{}, raised: map[string]event.Error{}}
	var ticks atomic.Int64
	r, err := New(cfg, Deps{
		Publisher: p, Sink: p, Cursors: p, Reporter: p, Source: src,
		Now: func() time.Time { return at(0).Add(time.Duration(ticks.Add(1)) * time.Second) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

func refresh(t *testing.T, r *Runner, h int) record.IngestRun {
	t.Helper()
	run, err := r.Refresh(t.Context(), at(h))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestBackfillThenNews(t *testing.T) {
	src := &table{}
	src.set("PJM", 0, 1, 2, math.NaN())
	r, p := newRunner(t, testConfig("PJM"), src)

	run := refresh(t, r, 3)
	want := record.IngestRun{
		Source: "eia", Origin: "backfill", AsOf: at(3), Series: 1, Pages: 1, Fetched: 3, New: 3, Missing: 1, Status: "ok",
	}
	ignore := cmpopts.IgnoreFields(record.IngestRun{}, "RunID", "StartedAt", "FinishedAt")
	if diff := cmp.Diff(want, run, ignore); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]record.IngestRun{run}, p.runs); diff != "" {
		t.Errorf("refresh log (-returned +written):\n%s", diff)
	}
	wantBatch := series.Batch{
		Series: series.ID{Source: "eia", Key: "PJM"}, SchemaVersion: 1, Unit: "MWh", Zone: "America/New_York", Step: time.Hour,
		KnownAt: at(3), RunID: run.RunID, Origin: series.Backfill, Final: true,
		Obs: []series.Observation{{TS: at(0), Value: 1}, {TS: at(1), Value: 2}, {TS: at(2), Value: math.NaN()}},
	}
	if diff := cmp.Diff([]series.Batch{wantBatch}, p.batches, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	p.take()

	src.set("PJM", 2, 3, 4) // the missing value comes in, and the next hour
	src.set("PJM", 0, 10)   // and one is revised
	run = refresh(t, r, 5)
	if diff := cmp.Diff(map[string][]string{"PJM": {"0=10", "2=3", "3=4"}}, p.take()); diff != "" {
		t.Errorf("news (-want +got):\n%s", diff)
	}
	if run.Origin != "refresh" || run.New != 1 || run.Revised != 2 {
		t.Errorf("run %+v, want 1 new and 2 revised", run)
	}
	lag := event.Lag{
		Series: series.ID{Source: "eia", Key: "PJM"}, DataAge: 2 * time.Hour, ExpectedAge: 2*time.Hour + 5*time.Minute,
	}
	if diff := cmp.Diff(lag, p.lags[len(p.lags)-1]); diff != "" {
		t.Errorf("lag (-want +got):\n%s", diff)
	}
}

// A value that goes away and comes back is news each time, so its messages need different ids.
func TestRevisionBackToAnEarlierValue(t *testing.T) {
	src := &table{}
	src.set("PJM", 0, 1)
	r, p := newRunner(t, testConfig("PJM"), src)
	refresh(t, r, 1)
	seen := map[string]bool{}
	for i, v := range []float64{2, 1, 2, 1} {
		p.take()
		src.set("PJM", 0, v)
		refresh(t, r, 2+i)
		if len(p.ids) != 1 || seen[p.ids[0]] {
			t.Errorf("revision to %g: ids %q, seen before: %v", v, p.ids, seen)
		}
		seen[p.ids[0]] = true
	}
}

// Dying between publishing and saving the cursor: the next run says the same under the same ids, so the bus drops it.
func TestRetryAfterCrashHasTheSameIDs(t *testing.T) {
	src := &table{}
	for h := range 47 {
		src.set("PJM", h-48, float64(h))
	}
	r, p := newRunner(t, testConfig("PJM"), src)
	p.putErr = errors.New("killed")
	if _, err := r.Refresh(t.Context(), at(0)); err == nil {
		t.Fatal("no error although the cursor was not saved")
	}
	first := p.ids
	p.take()
	p.putErr = nil
	refresh(t, r, 1)
	if len(first) == 0 || !slices.Equal(first, p.ids) {
		t.Errorf("ids %q, then %q", first, p.ids)
	}
	if last := p.runs[0]; last.Status != "failed" || last.ErrorClass != "infrastructure" {
		t.Errorf("the run that died: %+v", last)
	}
}

func TestNothingIsForgottenWhenPublishFails(t *testing.T) {
	src := &table{}
	src.set("PJM", 0, 1)
	r, p := newRunner(t, testConfig("PJM"), src)
	refresh(t, r, 1)
	p.take()
	src.set("PJM", 1, 5)
	p.publishErr = errors.New("no stream")
	if _, err := r.Refresh(t.Context(), at(2)); !errors.Is(err, p.publishErr) {
		t.Fatalf("error %v", err)
	}
	p.publishErr = nil
	refresh(t, r, 2)
	if diff := cmp.Diff(map[string][]string{"PJM": {"1=5"}}, p.take()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

func TestLongBackfillGoesOnWhereItStopped(t *testing.T) {
	cfg := testConfig("PJM")
	cfg.Backfill, cfg.Concurrency = 500, 1
	src := &table{}
	values := make([]float64, 500*24)
	for i := range values {
		values[i] = float64(i)
	}
	src.rows = map[string]Rows{"PJM": {}}
	rows := Rows{}
	for i, v := range values {
		rows.Obs = append(rows.Obs, series.Observation{TS: at(i - len(values)), Value: v})
	}
	src.rows["PJM"] = rows
	var progress []Progress
	p := &pipe{cursors: map[string][]byte{}, raised: map[string]event.Error{}}
	r, err := New(cfg, Deps{
		Publisher: p, Sink: p, Cursors: p, Reporter: p, Source: src,
		Progress: func(x Progress) {
			progress = append(progress, x)
			if len(progress) == 2 {
				src.err = source.Errorf(ErrUnavailable, "down")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refresh(t.Context(), at(0)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("error %v, want unavailable", err)
	}
	if p.raised[CodeUnavailable].Message != "down" || p.runs[0].Status != "failed" {
		t.Errorf("raised %v, run %+v", p.raised, p.runs[0])
	}
	src.err = nil
	asked := len(src.windows)
	refresh(t, r, 0)
	if n := len(src.windows) - asked; n != 1 {
		t.Errorf("%d windows after the stop, want the one that was left", n)
	}
	var got []float64
	finals := 0
	for i, b := range p.batches {
		if len(b.Obs) > 2000 {
			t.Errorf("batch of %d observations", len(b.Obs))
		}
		if b.Final {
			finals++
			if i != len(p.batches)-1 {
				t.Errorf("batch %d of %d is final", i, len(p.batches))
			}
		}
		for _, o := range b.Obs {
			got = append(got, o.Value)
		}
	}
	if !slices.Equal(got, values) || finals != 1 {
		t.Errorf("%d values and %d final batches, want %d and 1", len(got), finals, len(values))
	}
	if last := progress[len(progress)-1]; last.Done != last.To || len(p.raised) != 0 {
		t.Errorf("progress ends at %+v, raised %v", last, p.raised)
	}
}

// The end of a backfill is said even when the last window holds nothing.
func TestFinalAfterSilence(t *testing.T) {
	cfg := testConfig("PJM")
	cfg.Backfill = 300
	src := &table{}
	src.set("PJM", -290*24, 7)
	r, p := newRunner(t, cfg, src)
	refresh(t, r, 0)
	last := p.batches[len(p.batches)-1]
	if len(p.batches) != 2 || !last.Final || len(last.Obs) != 1 || last.Obs[0].Value != 7 {
		t.Errorf("batches %+v", p.batches)
	}
}

func TestMalformedRowsAreSaidOnce(t *testing.T) {
	src := &table{}
	src.set("PJM", 0, 1)
	bad := series.Malformed{Period: "x", Payload: strings.Repeat("y", 5000), Reason: "period: no time"}
	src.rows["PJM"] = Rows{Obs: src.rows["PJM"].Obs, Malformed: []series.Malformed{bad}, Schema: 1}
	r, p := newRunner(t, testConfig("PJM"), src)
	for h := range 3 {
		refresh(t, r, 1+h)
	}
	if len(p.batches) != 1 || len(p.batches[0].Malformed) != 1 || len(p.batches[0].Malformed[0].Payload) != maxPayload {
		t.Errorf("%d batches, want one with the row cut to %d bytes", len(p.batches), maxPayload)
	}
	e := p.raised[CodeSchema]
	if e.Class != event.DataIntegrity || e.Message != "1 rows lack fields we know; the first: period: no time" {
		t.Errorf("raised %+v", e)
	}
	src.rows["PJM"] = Rows{Obs: src.rows["PJM"].Obs}
	refresh(t, r, 5)
	if len(p.raised) != 0 {
		t.Errorf("still raised: %v", p.raised)
	}
}

// A source that contradicts itself says so once: both values in one batch, for the validator to judge. Which of them
// comes first in a later answer is no revision; that one of them is gone is one, if it was the first.
func TestTwins(t *testing.T) {
	src := &table{}
	src.set("PJM", 0, 1, 2)
	r, p := newRunner(t, testConfig("PJM"), src)
	refresh(t, r, 2)
	for _, tc := range []struct {
		obs, twins []float64 // of hour 1
		want       []string
	}{
		{[]float64{2}, []float64{9}, []string{"1=2", "1=9"}},
		{[]float64{2}, []float64{9}, nil},
		{[]float64{9}, []float64{2}, nil},
		{[]float64{9}, []float64{2, 5}, []string{"1=2", "1=9", "1=5"}},
		{[]float64{9}, nil, []string{"1=9"}},
	} {
		p.take()
		src.set("PJM", 1, tc.obs...)
		rows := src.rows["PJM"]
		rows.Twins = nil
		for _, v := range tc.twins {
			rows.Twins = append(rows.Twins, series.Observation{TS: at(1), Value: v})
		}
		src.rows["PJM"] = rows
		refresh(t, r, 3)
		if diff := cmp.Diff(tc.want, p.take()["PJM"]); diff != "" {
			t.Errorf("%v and twins %v (-want +got):\n%s", tc.obs, tc.twins, diff)
		}
	}
}

// Contradictions stay in one message even where it is full.
func TestTwinsAreNotCutApart(t *testing.T) {
	var n news
	for i := range maxObs {
		n.obs = append(n.obs, series.Observation{TS: at(i), Value: 1})
	}
	n.obs = append(n.obs, series.Observation{TS: at(maxObs - 1), Value: 2}, series.Observation{TS: at(maxObs), Value: 1})
	msgs := messages(series.Batch{Series: series.ID{Source: "eia", Key: "PJM"}}, n, 0, true)
	var sizes []int
	for _, m := range msgs {
		b, err := wire.DecodeBatch(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(b.Obs))
	}
	if !slices.Equal(sizes, []int{maxObs + 1, 1}) {
		t.Errorf("batches of %v observations", sizes)
	}
}

func TestErrorsOfTheSource(t *testing.T) {
	for code, kind := range map[string]error{
		CodeUnavailable: ErrUnavailable, CodeSchema: ErrSchema, CodeRejected: ErrRejected, CodeConfig: ErrConfig,
	} {
		t.Run(code, func(t *testing.T) {
			src := &table{}
			src.set("PJM", 0, 1)
			src.set("TVA", 0, 1)
			r, p := newRunner(t, testConfig("PJM", "TVA"), src)
			refresh(t, r, 1)
			src.err = source.Errorf(kind, "it broke")
			run, err := r.Refresh(t.Context(), at(4))
			if !errors.Is(err, kind) || run.Status != "failed" || run.Error != "it broke" {
				t.Errorf("run %+v, error %v", run, err)
			}
			e := p.raised[code]
			if e.Message != "it broke" || e.Subject != "eia" || (e.Class == event.Operational) != (code == CodeConfig) {
				t.Errorf("raised %v", p.raised)
			}
			// Data grow old while the source is down, and the monitor must hear of it.
			if lag := p.lags[len(p.lags)-1]; lag.DataAge != 4*time.Hour {
				t.Errorf("lag %+v, want 4h", lag)
			}
			src.err = nil
			refresh(t, r, 5)
			if len(p.raised) != 0 {
				t.Errorf("still raised: %v", p.raised)
			}
		})
	}
}

func TestUnknownArea(t *testing.T) {
	src := &table{unknown: []string{"XYZ"}}
	src.set("PJM", 0, 1)
	r, p := newRunner(t, testConfig("PJM", "XYZ", "LATE"), src)
	_, err := r.Refresh(t.Context(), at(1))
	if !errors.Is(err, ErrConfig) || strings.Count(err.Error(), "XYZ") != 1 || strings.Contains(err.Error(), "LATE") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(map[string][]string{"PJM": {"0=1"}}, p.take()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	// A known series may begin later.
	src.unknown = nil
	src.set("LATE", 2, 5)
	refresh(t, r, 3)
	if diff := cmp.Diff(map[string][]string{"LATE": {"2=5"}}, p.take()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

// A source ahead of its time must not move the cursor beyond the clock.
func TestFuturePeriods(t *testing.T) {
	c := cursor{}.absorb(Rows{Obs: []series.Observation{{TS: at(1), Value: 1}, {TS: at(500), Value: 2}}}, at(2), time.Hour)
	if !c.Last.Equal(at(1)) || !c.Observed.Equal(at(1)) || len(c.Recent) != 1 {
		t.Errorf("cursor %+v", c)
	}
}

func TestRefreshesTakeTurns(t *testing.T) {
	r, _ := newRunner(t, testConfig("PJM"), &table{})
	unlock, err := r.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Refresh(ctx, at(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	unlock()
	refresh(t, r, 1)
}

func TestManySeriesShareRequests(t *testing.T) {
	src := &table{}
	var keys []string
	for i := range 90 {
		keys = append(keys, fmt.Sprintf("K%02d", i))
		src.set(keys[i], 0, 1)
	}
	r, _ := newRunner(t, testConfig(keys...), src)
	refresh(t, r, 1)
	src.windows = nil
	refresh(t, r, 2)
	if n := len(src.windows); n != 3 {
		t.Errorf("%d requests for 90 series, want 3", n)
	}
	for _, w := range src.windows {
		if !w.From.Equal(at(-6)) || !w.To.Equal(at(2)) {
			t.Errorf("window %s to %s, want the re-pull of 6 h", w.From, w.To)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	src := &table{}
	src.set("PJM", 0, 1, 2)
	p := &pipe{cursors: map[string][]byte{}, raised: map[string]event.Error{}}
	r, err := New(testConfig("PJM"), Deps{Publisher: p, Sink: p, Cursors: p, Reporter: p, Source: src, Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	refresh(t, r, 2)
	want := `
		# HELP bellwether_ingestor_runs_total Refreshes by origin and status.
		# TYPE bellwether_ingestor_runs_total counter
		bellwether_ingestor_runs_total{origin="backfill",status="ok"} 1
	`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "bellwether_ingestor_runs_total"); err != nil {
		t.Error(err)
	}
}

// Oracle: clocks in these places.
func TestZone(t *testing.T) {
	for area, want := range map[string]string{
		"PJM": "America/New_York", "TVA": "America/Chicago", "PSCO": "America/Denver", "AZPS": "America/Phoenix",
		"EPE": "America/Denver", "CISO": "America/Los_Angeles", "MISO-0027": "America/Chicago", "XYZ": "UTC", "": "UTC",
	} {
		if got := Zone(area); got != want {
			t.Errorf("Zone(%q) = %s, want %s", area, got, want)
		}
	}
	for line := range strings.Lines(zonesCSV) {
		_, zone, _ := strings.Cut(strings.TrimSpace(line), ",")
		if _, err := time.LoadLocation(zone); err != nil {
			t.Error(err)
		}
	}
}
