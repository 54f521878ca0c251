package ingestor

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/event"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

func cancelable(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

func listen(t *testing.T) (net.Listener, error) {
	t.Helper()
	return (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
}

// Oracle: sets of hours by hand.
func TestSpans(t *testing.T) {
	s := func(from, to int) span { return span{at(from), at(to)} }
	for name, tc := range map[string]struct {
		filled []span
		add    span
		want   []span
		gaps   []span // of 0 to 20 afterwards
	}{
		"first":          {nil, s(5, 9), []span{s(5, 9)}, []span{s(0, 4), s(10, 20)}},
		"touches":        {[]span{s(5, 9)}, s(10, 12), []span{s(5, 12)}, []span{s(0, 4), s(13, 20)}},
		"before":         {[]span{s(5, 9)}, s(0, 2), []span{s(0, 2), s(5, 9)}, []span{s(3, 4), s(10, 20)}},
		"closes a gap":   {[]span{s(0, 2), s(5, 20)}, s(3, 4), []span{s(0, 20)}, nil},
		"lies within":    {[]span{s(0, 20)}, s(3, 4), []span{s(0, 20)}, nil},
		"covers several": {[]span{s(1, 2), s(5, 6)}, s(0, 30), []span{s(0, 30)}, nil},
		"lies outside":   {[]span{s(-9, -5)}, s(25, 30), []span{s(-9, -5), s(25, 30)}, []span{s(0, 20)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := fill(tc.filled, tc.add)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("filled (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.gaps, s(0, 20).gaps(got)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]span{s(0, 4), s(8, 9)}, empty([]span{s(0, 9)}, s(5, 7))); diff != "" {
		t.Errorf("emptied (-want +got):\n%s", diff)
	}
	if n := s(5, 9).hours(); n != 5 {
		t.Errorf("%d hours, want 5", n)
	}
}

// history is a source with a value for each of many hours, of two series.
func history(hours int) *table {
	src := &table{rows: map[string]Rows{}}
	for _, key := range []string{"PJM", "TVA"} {
		var rows Rows
		for h := range hours {
			rows.Obs = append(rows.Obs, series.Observation{TS: at(h - hours), Value: float64(h)})
		}
		src.rows[key] = rows
	}
	return src
}

// asked is a backfill of everything that history has.
func asked(hours int) BackfillRequest {
	return BackfillRequest{Source: "eia", From: at(-hours), To: at(-1)}
}

func TestBackfillRequest(t *testing.T) {
	const hours = 9000 // two windows
	src := history(hours)
	r, p := newRunner(t, testConfig("PJM", "TVA"), src)
	refresh(t, r, 0)
	p.take()
	p.runs = nil
	got, err := r.Backfill(t.Context(), asked(hours))
	if err != nil {
		t.Fatal(err)
	}
	// The newest hours were published by the refresh already: news alone. The cursor remembers six of them.
	want := Backfilled{RunID: got.RunID, Series: 2, Hours: 2 * hours, Done: 2 * hours, Fetched: 2 * hours, New: 2*hours - 2*7}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if run := p.runs[0]; len(p.runs) != 1 || run.Origin != "backfill" || run.New != want.New || run.Status != "ok" || run.Series != 2 {
		t.Errorf("refresh log %+v", p.runs)
	}
	for _, b := range p.batches {
		if b.Origin != series.Backfill || b.RunID != got.RunID {
			t.Errorf("batch of origin %v, run %s", b.Origin, b.RunID)
		}
	}
	seen := p.take()
	for _, key := range []string{"PJM", "TVA"} {
		if n := len(seen[key]); n != hours-7 {
			t.Errorf("%s: %d values, want %d", key, n, hours-7)
		}
	}
	// Repeated, it does nothing: no request, no message, no line. Again, it fetches anew.
	windows := len(src.windows)
	again, err := r.Backfill(t.Context(), asked(hours))
	if err != nil || again.Done != again.Hours || again.Fetched != 0 || len(src.windows) != windows || len(p.batches) != 0 || len(p.runs) != 1 {
		t.Errorf("repeated: %+v, error %v, %d requests", again, err, len(src.windows)-windows)
	}
	req := asked(100)
	req.Again, req.Series = true, []string{"TVA", "TVA"}
	again, err = r.Backfill(t.Context(), req)
	if err != nil || again.Hours != 100 || again.Done != 100 || again.Fetched != 100 {
		t.Errorf("again: %+v, error %v", again, err)
	}
	// Refreshes go on as before.
	if run := refresh(t, r, 0); run.New != 0 || run.Revised != 0 || run.Origin != "refresh" {
		t.Errorf("refresh after it: %+v", run)
	}
}

// A process that dies between publishing and saving says the same again, under the same ids, and goes on from there.
func TestBackfillGoesOnAfterACrash(t *testing.T) {
	const hours = 12000 // three windows
	cfg := testConfig("PJM")
	src := history(hours)
	r, p := newRunner(t, cfg, src)
	puts := 0
	r.deps.Cursors = counting{p, func() error {
		if puts++; puts > 1 {
			return errors.New("killed")
		}
		return nil
	}}
	if _, err := r.Backfill(t.Context(), asked(hours)); err == nil {
		t.Fatal("it survived a cursor that could not be saved")
	}
	ids := slices.Clone(p.ids)
	r.deps.Cursors = p
	windows := len(src.windows)
	got, err := r.Backfill(t.Context(), asked(hours))
	if err != nil || got.Done != hours {
		t.Fatalf("answer %+v, error %v", got, err)
	}
	if n := len(src.windows) - windows; n != 2 {
		t.Errorf("%d windows after the crash, want the two that were left", n)
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(p.ids)))
	if len(p.ids) == len(distinct) || len(ids) == 0 {
		t.Errorf("%d messages before the crash, %d of %d different: nothing was repeated", len(ids), len(distinct), len(p.ids))
	}
	if n := len(p.take()["PJM"]); n-backfillHours != hours {
		t.Errorf("%d values published, one window twice: want %d", n, hours+backfillHours)
	}
}

const backfillHours = int(backfillWindow / time.Hour)

// counting is a store of cursors whose Put may fail.
type counting struct {
	Cursors
	fail func() error
}

func (c counting) Put(ctx context.Context, key string, value []byte) error {
	if err := c.fail(); err != nil {
		return err
	}
	return c.Cursors.Put(ctx, key, value)
}

// One request does not hold up refreshes: it ends when its time is over, with what it did.
func TestBackfillEndsInTime(t *testing.T) {
	const hours = 20000
	r, _ := newRunner(t, testConfig("PJM", "TVA"), history(hours))
	r.spec.Concurrency = 1
	now := at(0)
	r.deps.Now = func() time.Time { now = now.Add(3 * time.Second); return now }
	for _, again := range []bool{false, true} { // again it is all of it too, not what the first request comes to
		var done []int
		fetched, req := uint64(0), asked(hours)
		req.Again = again
		for {
			got, err := r.Backfill(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			req.Again = false
			fetched += got.Fetched
			if done = append(done, got.Done); got.Done == got.Hours {
				break
			}
			if len(done) > 1 && done[len(done)-2] >= got.Done {
				t.Fatalf("no progress: %v", done)
			}
		}
		if len(done) < 2 || fetched != 2*hours {
			t.Errorf("again %t: %d rows in steps of %v, want %d in several", again, fetched, done, 2*hours)
		}
	}
}

// Trouble with the source is said in the answer, with what was done in spite of it.
func TestBackfillOfASourceThatIsDown(t *testing.T) {
	src := history(100)
	r, p := newRunner(t, testConfig("PJM"), src)
	src.err = source.Errorf(ErrUnavailable, "down")
	got, err := r.Backfill(t.Context(), asked(100))
	if err != nil || !slices.Equal(got.Errors, []string{"down"}) || got.Done != 0 || p.raised[CodeUnavailable].Message != "down" {
		t.Errorf("answer %+v, error %v, raised %v", got, err, p.raised)
	}
	if run := p.runs[0]; run.Status != "failed" || run.ErrorClass != string(event.DataIntegrity) {
		t.Errorf("refresh log %+v", run)
	}
}

func TestBackfillRefuses(t *testing.T) {
	r, _ := newRunner(t, testConfig("PJM"), history(10))
	for name, tc := range map[string]struct {
		change func(*BackfillRequest)
		want   string
	}{
		"in the future": {func(b *BackfillRequest) { b.To = at(1000) }, "to: 2024-04-11T16:00:00Z is in the future; "},
		"exchanged":     {func(b *BackfillRequest) { b.From, b.To = b.To, b.From }, "to: 2024-02-29T14:00:00Z is before from"},
		"not a series":  {func(b *BackfillRequest) { b.Series = []string{"PMJ"} }, `series: "PMJ" is not a series of eia; use some of PJM`},
		"no from":       {func(b *BackfillRequest) { b.From = time.Time{} }, "from: 0001-01-01 is before 1970; "},
	} {
		t.Run(name, func(t *testing.T) {
			req := asked(10)
			tc.change(&req)
			if _, err := r.Backfill(t.Context(), req); !errors.Is(err, ErrConfig) || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	g, _ := pushed(t, pushSpec(t, "a"), 3)
	_, err := g.answerBackfill(t.Context(), []byte(`{"source":"meters","from":"2024-01-01T00:00:00Z","to":"2024-01-02T00:00:00Z"}`))
	if !errors.Is(err, stage.ErrPermanent) || !strings.Contains(err.Error(), "meters is sent its observations") {
		t.Errorf("error %v", err)
	}
	if _, err = g.answerBackfill(t.Context(), []byte(`{"source":"eia"}`)); !errors.Is(err, stage.ErrPermanent) || !strings.Contains(err.Error(), "use one of meters") {
		t.Errorf("error %v", err)
	}
	if _, err := g.Refresh(t.Context(), "", time.Time{}); !errors.Is(err, ErrConfig) {
		t.Errorf("error %v", err)
	}
}

// Series of other types are expected at the age that is normal for them.
func TestLagByType(t *testing.T) {
	s := Defaults(KindEIA)
	s.Name, s.Series, s.EIA.Types, s.EIA.Lags = "eia", []string{"PJM", "MISO-0027"}, []string{"D", "TI"}, map[string]time.Duration{"TI": 30 * time.Hour}
	s.EIA.key = "k"
	src := &table{}
	src.set("PJM", 0, 1)
	src.set("PJM.TI", 0, 1)
	p := &pipe{cursors: map[string][]byte{}, raised: map[string]event.Error{}}
	g, err := OpenSpecs([]Spec{s}, Deps{Publisher: p, Sink: p, Cursors: p, Reporter: p, Source: src})
	if err != nil {
		t.Fatal(err)
	}
	run, err := g.Refresh(t.Context(), "eia", at(2))
	if err != nil || run.Series != 3 {
		t.Fatalf("run %+v, error %v", run, err)
	}
	expected := map[string]time.Duration{}
	for _, l := range p.lags {
		expected[l.Series.Key] = l.ExpectedAge
	}
	want := map[string]time.Duration{"PJM": 2*time.Hour + 5*time.Minute, "PJM.TI": 31*time.Hour + 5*time.Minute}
	if diff := cmp.Diff(want, expected); diff != "" {
		t.Errorf("expected ages (-want +got):\n%s", diff)
	}
	if z := p.batches[0].Zone; z != "America/New_York" {
		t.Errorf("zone %s", z)
	}
}

// A step that fails is an error event with the input of the first row, until a refresh without it; the row itself goes
// to quarantine with its input.
func TestStepFailureIsAnEvent(t *testing.T) {
	s := Defaults(KindCSV)
	s.Name, s.Series, s.CSV.Path = "plant", []string{"sum"}, "x.csv"
	s.Steps = []StepSpec{{Total: &TotalSpec{Key: "sum", Of: []string{"a", "b"}}}}
	src := &table{}
	src.set("a", 0, 1, 2, 3)
	src.set("b", 0, 10)
	src.set("b", 2, 30)
	p := &pipe{cursors: map[string][]byte{}, raised: map[string]event.Error{}}
	pipeline, err := s.pipeline()
	if err != nil {
		t.Fatal(err)
	}
	g, err := OpenSpecs([]Spec{s}, Deps{Publisher: p, Sink: p, Cursors: p, Reporter: p, Source: pipeline.Wrap(src)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Refresh(t.Context(), "", at(2)); err != nil {
		t.Fatal(err)
	}
	e := p.raised[CodeStep]
	if e.Class != event.DataIntegrity || e.Subject != "plant" || !strings.HasPrefix(e.Message, "1 rows could not be prepared; the first: total of sum at 2024-03-01T01:00:00Z: no value of [b]") ||
		e.Attributes["payload"] != `[{"ts":"2024-03-01T01:00:00Z","key":"a","value":2},{"ts":"2024-03-01T01:00:00Z","key":"b","value":null}]` {
		t.Errorf("raised %+v", e)
	}
	if m := p.batches[0].Malformed; len(m) != 1 || m[0].Payload != e.Attributes["payload"] || m[0].Reason != "total: no value of [b]" {
		t.Errorf("malformed %+v", m)
	}
	if diff := cmp.Diff(map[string][]string{"sum": {"0=11", "2=33"}}, p.take()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	src.set("b", 1, 20)
	if _, err := g.Refresh(t.Context(), "", at(3)); err != nil || len(p.raised) != 0 {
		t.Errorf("error %v, still raised: %v", err, p.raised)
	}
}
