package check_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// noon is a grid point of an hourly series.
func noon() time.Time { return time.Date(2024, 3, 10, 12, 0, 0, 0, time.UTC) }

// expect compares what a check found with want; a nil want means that it found nothing. The oracle of all tables here
// is arithmetic by hand.
func expect(t *testing.T, want *check.Finding, got check.Finding, found bool) {
	t.Helper()
	if want == nil {
		if found {
			t.Errorf("found %+v, want nothing", got)
		}
		return
	}
	if !found {
		t.Fatalf("found nothing, want %+v", *want)
	}
	if diff := cmp.Diff(*want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("finding mismatch (-want +got):\n%s", diff)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	for o, want := range map[check.Outcome]string{check.Pass: "pass", check.Flag: "flag", check.Quarantine: "quarantine"} {
		if got := o.String(); got != want {
			t.Errorf("Outcome(%d) = %q, want %q", o, got, want)
		}
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	sound := series.Batch{
		Series: series.ID{Source: "eia", Key: "PJM"}, SchemaVersion: series.SchemaVersion, Step: time.Hour, KnownAt: noon(),
	}
	for name, tc := range map[string]struct {
		change func(*series.Batch)
		known  time.Duration
		want   string
	}{
		"sound":           {func(*series.Batch) {}, 0, ""},
		"same step":       {func(*series.Batch) {}, time.Hour, ""},
		"another step":    {func(*series.Batch) {}, time.Minute, "step 1h0m0s, the series has 1m0s"},
		"version 0":       {func(b *series.Batch) { b.SchemaVersion = 0 }, 0, "schema_version 0, want 1"},
		"newer version":   {func(b *series.Batch) { b.SchemaVersion = 2 }, 0, "schema_version 2, want 1"},
		"no source":       {func(b *series.Batch) { b.Series.Source = "" }, 0, `series ".PJM" has no source or no key`},
		"negative step":   {func(b *series.Batch) { b.Step = -time.Hour }, 0, "step -1h0m0s is not positive"},
		"no time":         {func(b *series.Batch) { b.KnownAt = time.Time{} }, 0, "known_at is missing"},
		"all of it wrong": {func(b *series.Batch) { *b = series.Batch{} }, 0, `schema_version 0, want 1; series "." has no source or no key; step 0s is not positive; known_at is missing`},
	} {
		b := sound
		tc.change(&b)
		if got := check.Batch(b, tc.known); got != tc.want {
			t.Errorf("%s: Batch = %q, want %q", name, got, tc.want)
		}
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ unit, known string }{{"MWh", "MWh"}, {"", "MWh"}, {"MWh", ""}} {
		if f, bad := check.Unit(tc.unit, tc.known); bad {
			t.Errorf("Unit(%q, %q) = %+v, want nothing", tc.unit, tc.known, f)
		}
	}
	f, found := check.Unit("kWh", "MWh")
	expect(t, &check.Finding{Check: check.Schema, Outcome: check.Flag, Detail: `unit is "kWh", was "MWh"`}, f, found)
}

func TestAhead(t *testing.T) {
	t.Parallel()
	c := check.Ahead{Tolerance: time.Hour}
	for name, tc := range map[string]struct {
		ahead time.Duration
		want  *check.Finding
	}{
		"past":         {-time.Hour, nil},
		"at tolerance": {time.Hour, nil},
		"beyond": {2 * time.Hour, &check.Finding{
			Check: check.Future, Outcome: check.Quarantine, Observed: 7200, Threshold: 3600,
			Detail: "2h0m0s after it became known, tolerance 1h0m0s",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, found := c.Check(noon().Add(tc.ahead), noon())
			expect(t, tc.want, f, found)
		})
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ts   time.Time
		step time.Duration
		want *check.Finding
	}{
		"hour":      {noon(), time.Hour, nil},
		"half hour": {noon().Add(30 * time.Minute), 30 * time.Minute, nil},
		"between": {noon().Add(30 * time.Minute), time.Hour, &check.Finding{
			Check: check.OffGrid, Outcome: check.Quarantine, Observed: 1800, Threshold: 3600,
			Detail: "30m0s past a grid point of step 1h0m0s",
		}},
		"before the epoch": {time.Unix(-3600, 0), time.Hour, &check.Finding{
			Check: check.OffGrid, Outcome: check.Quarantine, Observed: -3600, Detail: "before 1970",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, found := check.Grid(tc.ts, tc.step)
			expect(t, tc.want, f, found)
		})
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	f, found := check.Missing(0)
	expect(t, nil, f, found)
	f, found = check.Missing(math.NaN())
	expect(t, &check.Finding{Check: check.Null, Outcome: check.Flag, Observed: math.NaN(), Detail: "reported without a value"}, f, found)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	c := check.Bounds{Min: 0, Max: 200000}
	below := func(v float64, detail string) *check.Finding {
		return &check.Finding{Check: check.Range, Outcome: check.Quarantine, Observed: v, Detail: detail}
	}
	for name, tc := range map[string]struct {
		c    check.Bounds
		v    float64
		want *check.Finding
	}{
		"inside":   {c, 1, nil},
		"max":      {c, 200000, nil},
		"zero":     {c, 0, below(0, "0 is not above 0")},
		"negative": {c, -1210, below(-1210, "-1210 is not above 0")},
		"above": {c, 330000, &check.Finding{
			Check: check.Range, Outcome: check.Quarantine, Observed: 330000, Threshold: 200000, Detail: "330000 is above 200000",
		}},
		"no max":      {check.Bounds{}, 1e12, nil},
		"signed":      {check.Bounds{Min: -100}, -50, nil},
		"infinite":    {check.Bounds{}, math.Inf(1), &check.Finding{Check: check.Type, Outcome: check.Quarantine, Observed: math.Inf(1), Detail: "not finite"}},
		"-infinite":   {check.Bounds{Min: math.Inf(-1)}, math.Inf(-1), &check.Finding{Check: check.Type, Outcome: check.Quarantine, Observed: math.Inf(-1), Detail: "not finite"}},
		"denormal":    {c, math.SmallestNonzeroFloat64, nil},
		"minus zero":  {c, math.Copysign(0, -1), below(math.Copysign(0, -1), "-0 is not above 0")},
		"wide signed": {check.Bounds{Min: -100, Max: 100}, 100, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, found := tc.c.Check(tc.v)
			expect(t, tc.want, f, found)
		})
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	c := check.Relative{Low: 0.15, High: 3.5, Need: 72}
	week := check.Level{Median: 1900, Recent: 2000, N: 168}
	for name, tc := range map[string]struct {
		v    float64
		l    check.Level
		want *check.Finding
	}{
		"level":        {1900, week, nil},
		"doubled":      {3800, week, nil},
		"high bound":   {7000, week, nil}, // 3.5 x the recent 2000
		"low bound":    {285, week, nil},  // 0.15 x 1900
		"young series": {3297048, check.Level{Median: 1900, Recent: 1900, N: 71}, nil},
		"no level":     {10, check.Level{Median: -3, Recent: 0, N: 168}, nil},
		"new level":    {190, check.Level{Median: 1900, Recent: 200, N: 168}, nil},
		"spike of BANC": {3297048, week, &check.Finding{
			Check: check.Range, Outcome: check.Quarantine, Observed: 3297048, Expected: 1900, Threshold: 6650,
			Detail: "3.297048e+06 is above 3.5 x the median 1900 of 168 values",
		}},
		"collapse": {200, week, &check.Finding{
			Check: check.Range, Outcome: check.Quarantine, Observed: 200, Expected: 1900, Threshold: 285,
			Detail: "200 is below 0.15 x the median 1900 of 168 values",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, found := c.Check(tc.v, tc.l)
			expect(t, tc.want, f, found)
		})
	}
}

func TestShift(t *testing.T) {
	t.Parallel()
	c := check.Shift{Need: 3, Spread: 3.5, Limit: 30}
	for name, tc := range map[string]struct {
		values []float64
		want   *check.Finding
	}{
		"too few":               {[]float64{100, 110}, nil},
		"disagreement":          {[]float64{100, 110, 1000, 900}, nil},
		"a unit":                {[]float64{1e6, 1.1e6, 1.2e6, 1e6}, nil}, // 1000 x
		"a collapse to nothing": {[]float64{1, 1, 1}, nil},
		"a tenth": {[]float64{50, 100, 100}, &check.Finding{
			Check: check.LevelShift, Outcome: check.Flag, Observed: math.Sqrt(5000), Expected: 1000, Threshold: 3,
			Detail: "3 points in a row between 50 and 100: the level is 0.0707 x what it was",
		}},
		"agreement at last": {[]float64{9000, 100, 100, 100}, &check.Finding{
			Check: check.LevelShift, Outcome: check.Flag, Observed: 100, Expected: 1000, Threshold: 3,
			Detail: "3 points in a row between 100 and 100: the level is 0.1 x what it was",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r check.Run
			for _, v := range tc.values {
				r = c.Extend(r, v)
			}
			f, found := c.Check(r, 1000)
			expect(t, tc.want, f, found)
		})
	}
	anything := check.Shift{Need: 3, Spread: 3.5}
	if _, found := anything.Check(check.Run{N: 3, Min: 1e6, Max: 1e6}, 1000); !found {
		t.Error("without a limit, 1000 x is not accepted")
	}
}

func TestTwin(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		second float64
		want   check.Finding
	}{
		"same":    {7, check.Finding{Check: check.Duplicate, Outcome: check.Flag, Observed: 7, Expected: 7, Detail: "reported twice with the same value"}},
		"null":    {math.NaN(), check.Finding{Check: check.Duplicate, Outcome: check.Flag, Observed: math.NaN(), Expected: 7, Detail: "reported again without a value"}},
		"another": {8, check.Finding{Check: check.Duplicate, Outcome: check.Quarantine, Observed: 8, Expected: 7, Detail: "reported as 7 and again as 8"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, &tc.want, check.Twin(7, tc.second), true)
		})
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	c := check.Change{Limit: 0.2}
	finding := func(o check.Outcome, old, v float64, detail string) *check.Finding {
		return &check.Finding{Check: check.Revision, Outcome: o, Observed: v, Expected: old, Threshold: 0.2, Detail: detail}
	}
	for name, tc := range map[string]struct {
		old, v float64
		want   *check.Finding
	}{
		"same":      {100, 100, nil},
		"small":     {100, 110, finding(check.Pass, 100, 110, "100 -> 110 (+10.0 %)")},
		"limit":     {100, 80, finding(check.Pass, 100, 80, "100 -> 80 (-20.0 %)")},
		"large":     {100, 50, finding(check.Flag, 100, 50, "100 -> 50 (-50.0 %)")},
		"negative":  {-100, -150, finding(check.Flag, -100, -150, "-100 -> -150 (-50.0 %)")},
		"from zero": {0, 1, finding(check.Flag, 0, 1, "0 -> 1 (+Inf %)")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, found := c.Check(tc.old, tc.v)
			expect(t, tc.want, f, found)
		})
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		v     float64
		known time.Time
		want  *check.Finding
	}{
		"newer":     {8, noon().Add(-time.Hour), nil},
		"same time": {8, noon(), nil},
		"unknown":   {8, time.Time{}, nil},
		"no change": {7, noon().Add(time.Hour), nil},
		"older": {8, noon().Add(time.Hour), &check.Finding{
			Check: check.Outdated, Outcome: check.Flag, Observed: 8, Expected: 7,
			Detail: "known since 2024-03-10T12:00:00Z, and as 7 since 2024-03-10T13:00:00Z",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, found := check.Stale(7, tc.v, tc.known, noon())
			expect(t, tc.want, f, found)
		})
	}
}

func TestHole(t *testing.T) {
	t.Parallel()
	f, found := check.Hole(0)
	expect(t, nil, f, found)
	f, found = check.Hole(3)
	expect(t, &check.Finding{Check: check.Gap, Outcome: check.Flag, Observed: 3, Detail: "3 grid points before it have no value"}, f, found)
}

func TestDelay(t *testing.T) {
	t.Parallel()
	c := check.Delay{Limit: 24 * time.Hour}
	f, found := c.Check(noon(), noon().Add(24*time.Hour))
	expect(t, nil, f, found)
	f, found = check.Delay{}.Check(noon(), noon().Add(1000*time.Hour))
	expect(t, nil, f, found)
	f, found = c.Check(noon(), noon().Add(25*time.Hour))
	expect(t, &check.Finding{
		Check: check.Late, Outcome: check.Flag, Observed: 90000, Threshold: 86400,
		Detail: "became known 25h0m0s after its time, limit 24h0m0s",
	}, f, found)
}

func TestFlatline(t *testing.T) {
	t.Parallel()
	c := check.Flatline{Need: 6}
	f, found := c.Check(7, 5, check.Equal{})
	expect(t, nil, f, found)
	f, found = check.Flatline{}.Check(7, 100, check.Equal{})
	expect(t, nil, f, found)
	f, found = c.Check(7, 6, check.Equal{})
	expect(t, &check.Finding{
		Check: check.Flat, Outcome: check.Flag, Observed: 6, Expected: 7, Threshold: 6, Detail: "7 for 6 points or more",
	}, f, found)
}

// TestFlatlineLearns: the chance that n - 1 values in a row repeat the one before must be below the rate. A share of
// 0.001 needs two repetitions for 1e-5, a share of 0.2 eight, of which the most allowed is taken.
func TestFlatlineLearns(t *testing.T) {
	t.Parallel()
	c := check.Flatline{Need: 6, Rate: 1e-5}
	for _, tc := range []struct {
		equal check.Equal
		need  int
	}{{check.Equal{Share: 0.001, N: 1e6}, 3}, {check.Equal{}, 4}, {check.Equal{Share: 0.2, N: 1e6}, 6}} {
		if _, found := c.Check(7, tc.need-1, tc.equal); found {
			t.Errorf("%v: %d equal points flagged, want %d to be needed", tc.equal, tc.need-1, tc.need)
		}
		if _, found := c.Check(7, tc.need, tc.equal); !found {
			t.Errorf("%v: %d equal points not flagged", tc.equal, tc.need)
		}
	}
}
