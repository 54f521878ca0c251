package prep_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/prep"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

var nan = math.NaN()

func minute(m int) time.Time { return time.Date(2024, 3, 1, 0, m, 0, 0, time.UTC) }

// from returns observations from the period that ends at minute m on, every step minutes.
func from(m, step int, values ...float64) source.Rows {
	var r source.Rows
	for i, v := range values {
		r.Obs = append(r.Obs, series.Observation{TS: minute(m + i*step), Value: v})
	}
	return r
}

// Oracle: NIST SP 811, appendix B: 1 Wh = 3600 J, t/C = T/K - 273.15, t/C = (t/F - 32)/1.8.
func TestConvert(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to string
		period   time.Duration
		in, want float64
	}{
		"kW to MW":             {"kW", "MW", time.Hour, 2500, 2.5},
		"GW to MW":             {"GW", "MW", time.Hour, 0.5, 500},
		"W to W":               {"W", "W", time.Hour, -3, -3},
		"MWh to GJ":            {"MWh", "GJ", time.Hour, 1, 3.6},
		"TJ to GWh":            {"TJ", "GWh", time.Hour, 3.6, 1},
		"MW over half an hour": {"MW", "MWh", 30 * time.Minute, 10, 5},
		"MWh in half an hour":  {"MWh", "MW", 30 * time.Minute, 5, 10},
		"F to C":               {"F", "C", time.Hour, 212, 100},
		"C to K":               {"C", "K", time.Hour, 25, 298.15},
		"K to F":               {"K", "F", time.Hour, 273.15, 32},
	} {
		t.Run(name, func(t *testing.T) {
			var p prep.Pipeline
			if err := p.Convert(tc.from, tc.to, tc.period, nil); err != nil {
				t.Fatal(err)
			}
			rows := from(0, 60, tc.in, nan)
			rows.Twins = from(0, 60, tc.in).Obs
			got := p.Apply(map[string]source.Rows{"A": rows}, []string{"A"})["A"]
			for _, o := range []series.Observation{got.Obs[0], got.Twins[0]} {
				if math.Abs(o.Value-tc.want) > 1e-9*math.Max(1, math.Abs(tc.want)) {
					t.Errorf("%g %s = %g %s, want %g", tc.in, tc.from, o.Value, tc.to, tc.want)
				}
			}
			if !math.IsNaN(got.Obs[1].Value) || len(got.Failed) != 0 {
				t.Errorf("a missing value became %v, failures %v", got.Obs[1], got.Failed)
			}
		})
	}
	for _, bad := range [][2]string{{"MW", "C"}, {"mW", "MW"}, {"MW", ""}, {"kWh", "F"}} {
		if err := new(prep.Pipeline).Convert(bad[0], bad[1], time.Hour, nil); err == nil || !strings.Contains(err.Error(), "; use ") {
			t.Errorf("%s to %s: error %v without a fix", bad[0], bad[1], err)
		}
	}
}

func TestConvertOnlySomeAndOverflow(t *testing.T) {
	var p prep.Pipeline
	if err := p.Convert("TW", "W", time.Hour, []string{"A"}); err != nil {
		t.Fatal(err)
	}
	in := map[string]source.Rows{"A": from(0, 60, 1e300, 1), "B": from(0, 60, 1)}
	got := p.Apply(in, []string{"A", "B"})
	if a := got["A"]; len(a.Obs) != 1 || a.Obs[0].Value != 1e12 || len(a.Failed) != 1 || len(a.Malformed) != 1 ||
		a.Failed[0].Input != `[{"ts":"2024-03-01T00:00:00Z","value":1e+300}]` || a.Failed[0].Step != "convert" {
		t.Errorf("A: %+v", a)
	}
	if got["B"].Obs[0].Value != 1 || in["A"].Obs[0].Value != 1e300 {
		t.Errorf("B %v, input %v: changed", got["B"], in["A"])
	}
}

// Oracle: means and sums by hand. Half hours are named by their ends, so 00:30 and 01:00 make the hour that ends at 01:00.
func TestResample(t *testing.T) {
	twin := from(30, 30, 1, 3)
	twin.Twins = from(30, 30, 9).Obs
	for name, tc := range map[string]struct {
		in     source.Rows
		how    string
		want   source.Rows
		failed []string
	}{
		"mean":                      {from(30, 30, 1, 3, 5, 7), "mean", from(60, 60, 2, 6), nil},
		"sum":                       {from(30, 30, 1, 3, 5, 7), "sum", from(60, 60, 4, 12), nil},
		"the newest hour waits":     {from(30, 30, 1, 3, 5), "sum", from(60, 60, 4), nil},
		"nothing reported":          {from(30, 30, nan, nan, 5, 7), "sum", from(60, 60, nan, 12), nil},
		"one of two is missing":     {from(30, 30, nan, 3, 5, 7), "sum", from(120, 60, 12), []string{"1 of 2 values"}},
		"one of two never came":     {from(60, 30, 3, 5, 7), "mean", from(120, 60, 6), []string{"1 of 2 values"}},
		"a gap of hours stays one":  {source.Rows{Obs: append(from(30, 30, 1, 3).Obs, from(210, 30, 5, 7).Obs...)}, "sum", source.Rows{Obs: append(from(60, 60, 4).Obs, from(240, 60, 12).Obs...)}, nil},
		"off the grid":              {from(20, 40, 1, 3), "sum", source.Rows{}, []string{"2024-03-01T00:20:00Z is not on a grid of 30m0s"}},
		"the source contradicts it": {twin, "sum", source.Rows{}, []string{"1 values are contradicted"}},
		"nothing":                   {source.Rows{}, "sum", source.Rows{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var p prep.Pipeline
			if err := p.Resample(30*time.Minute, time.Hour, tc.how); err != nil {
				t.Fatal(err)
			}
			got := p.Apply(map[string]source.Rows{"A": tc.in}, []string{"A"})["A"]
			check(t, got, tc.want.Obs, tc.failed)
		})
	}
}

// check compares observations and the reasons of failures, each of which has its input as a malformed row.
func check(t *testing.T, got source.Rows, want []series.Observation, failed []string) {
	t.Helper()
	if diff := cmp.Diff(want, got.Obs, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
	var reasons []string
	for _, f := range got.Failed {
		reasons = append(reasons, f.Reason)
		if f.Input == "" || f.Period == "" {
			t.Errorf("failure without its input: %+v", f)
		}
	}
	if !slices.Equal(reasons, failed) {
		t.Errorf("failures %q, want %q", reasons, failed)
	}
}

func TestTotal(t *testing.T) {
	total := prep.Total{Key: "S", Of: []string{"A", "B"}, Check: "W", Tolerance: 0.01}
	twin := from(0, 60, 10)
	twin.Twins = from(0, 60, 11).Obs
	for name, tc := range map[string]struct {
		a, b, w   source.Rows
		want      source.Rows
		failed    []string
		malformed int
	}{
		"adds up":                     {from(0, 60, 1, 2), from(0, 60, 10, 20), from(0, 60, 11, 22), from(0, 60, 11, 22), nil, 0},
		"no check has come":           {from(0, 60, 1, 2), from(0, 60, 10, 20), source.Rows{}, from(0, 60, 11, 22), nil, 0},
		"within the tolerance":        {from(0, 60, 50), from(0, 60, 50.9), from(0, 60, 100), from(0, 60, 100.9), nil, 0},
		"beyond it":                   {from(0, 60, 50), from(0, 60, 51.1), from(0, 60, 100), from(0, 60, 101.1), []string{"parts add up to 101.1, W says 100"}, 0},
		"a part is late":              {from(0, 60, 1, 2, 3), from(0, 60, 10), source.Rows{}, from(0, 60, 11), nil, 0},
		"a part has no value":         {from(0, 60, 1, 2), from(0, 60, nan, 20), source.Rows{}, from(60, 60, 22), []string{"no value of [B]"}, 1},
		"a part begins later":         {from(0, 60, 1, 2), from(60, 60, 20), source.Rows{}, from(60, 60, 22), nil, 0},
		"a part has a gap":            {from(0, 60, 1, 2, 3), from(0, 120, 10, 30), source.Rows{}, from(0, 120, 11, 33), []string{"no value of [B]"}, 1},
		"no part has one":             {from(0, 60, nan, 2), from(0, 60, nan, 20), from(0, 60, nan, 22), from(0, 60, nan, 22), nil, 0},
		"a part contradicts itself":   {twin, from(0, 60, 1), source.Rows{}, source.Rows{}, []string{"no value of [A]"}, 1},
		"a part is silent altogether": {from(0, 60, 1), source.Rows{}, source.Rows{}, source.Rows{}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var p prep.Pipeline
			p.Total(total)
			got := p.Apply(map[string]source.Rows{"A": tc.a, "B": tc.b, "W": tc.w}, []string{"S"})["S"]
			check(t, got, tc.want.Obs, tc.failed)
			if len(got.Malformed) != tc.malformed {
				t.Errorf("malformed %+v, want %d", got.Malformed, tc.malformed)
			}
		})
	}
}

// table is a source that remembers what it was asked for.
type table struct {
	rows  map[string]source.Rows
	asked []source.Window
}

func (s *table) Fetch(_ context.Context, w source.Window) (source.Fetched, error) {
	s.asked = append(s.asked, w)
	f := source.Fetched{Keys: map[string]source.Rows{}}
	for _, k := range w.Keys {
		var r source.Rows
		for _, o := range s.rows[k].Obs {
			if !o.TS.Before(w.From) && !o.TS.After(w.To) {
				r.Obs = append(r.Obs, o)
			}
		}
		f.Keys[k] = r
	}
	return f, nil
}

func (s *table) Unknown(_ context.Context, keys []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { _, ok := s.rows[k]; return ok }), nil
}

// Steps together: quarter hours of kW become hourly MWh, and totals of totals. The window asked for is widened so that its
// first hour is whole.
func TestSource(t *testing.T) {
	src := &table{rows: map[string]source.Rows{
		"A": from(15, 15, 1000, 2000, 3000, 4000, 4000, 4000, 4000, 4000),
		"B": from(15, 15, 1000, 1000, 1000, 1000, 2000, 2000, 2000, 2000),
	}}
	var p prep.Pipeline
	for _, err := range []error{p.Convert("kW", "MWh", 15*time.Minute, nil), p.Resample(15*time.Minute, time.Hour, "sum")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Total(prep.Total{Key: "A+B", Of: []string{"A", "B"}})
	p.Total(prep.Total{Key: "twice", Of: []string{"A+B", "A"}})
	s := p.Wrap(src)
	got, err := s.Fetch(t.Context(), source.Window{From: minute(120), To: minute(120), Keys: []string{"A", "A+B", "twice"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]source.Rows{"A": from(120, 60, 4), "A+B": from(120, 60, 6), "twice": from(120, 60, 10)}
	if diff := cmp.Diff(want, got.Keys, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	ask := source.Window{From: minute(75), To: minute(120), Keys: []string{"A", "B"}}
	if diff := cmp.Diff([]source.Window{ask}, src.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	delete(src.rows, "B")
	unknown, err := s.Unknown(t.Context(), []string{"A", "A+B", "twice"})
	if want := []string{"A+B", "twice"}; err != nil || !slices.Equal(unknown, want) {
		t.Errorf("unknown %q, error %v, want %q", unknown, err, want)
	}
}
