package eiasim_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture writes a file in the format of the recorded data: 90 days before and 10 days after start for each series,
// hour h has the value 1000 + h, and every hundredth hour is missing.
func fixture(t testing.TB, ids ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "eia930_hourly_demand_2020_2023.csv.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	fmt.Fprintln(z, "series,period,raw_mw,category,cleaned_mw")
	for _, id := range ids {
		for h := range 100 * 24 {
			raw := fmt.Sprint(1000 + h)
			if h%100 == 99 {
				raw = []string{"MISSING", "EMPTY"}[h/100%2]
			}
			ts := start().AddDate(0, 0, -90).Add(time.Duration(h) * time.Hour)
			fmt.Fprintf(z, "%s,%s,%s,OKAY,1\n", id, ts.Format("2006-01-02T15"), raw)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := fixture(t, "AVA", "MISO-0027", "TVA")
	for name, data := range map[string]string{"file": path, "directory": filepath.Dir(path)} {
		t.Run(name, func(t *testing.T) {
			s, err := eiasim.New(eiasim.Config{Data: data, Areas: []string{"TVA", "MISO-0027"}})
			if err != nil {
				t.Fatal(err)
			}
			info := s.Info()
			want := []eiasim.Area{
				{ID: "TVA", Name: "Tennessee Valley Authority", Zone: "America/Chicago", Route: "region-data"},
				{
					ID: "MISO-0027", Name: "Midcontinent Independent System Operator, Inc. - 0027", Zone: "America/Chicago",
					Route: "region-sub-ba-data",
				},
			}
			if info.Kind != eiasim.KindReal || !slices.Equal(info.Areas, want) {
				t.Errorf("info %+v", info)
			}
			first, values, ok := s.Truth("TVA")
			if !ok || !first.Equal(start().AddDate(0, 0, -90)) || len(values) != 2400 || values[5] != 1005 || !math.IsNaN(values[99]) {
				t.Errorf("truth of TVA: %d values from %s", len(values), first)
			}
			// Everything is visible until somebody sets the clock.
			if want := info.Last.Add(time.Hour); !info.Now.Equal(want) {
				t.Errorf("now %s, want %s", info.Now, want)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		path := filepath.Join(dir, fmt.Sprintf("%d.csv", len(text)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const header = "series,period,raw_mw\n"
	for name, tc := range map[string]struct {
		cfg  eiasim.Config
		want string
	}{
		"no such file":      {eiasim.Config{Data: filepath.Join(dir, "none")}, "data: stat"},
		"empty directory":   {eiasim.Config{Data: t.TempDir()}, "holds no eia930_hourly_demand_2020_2023.csv"},
		"another header":    {eiasim.Config{Data: write("a,b\n")}, "want series,period,raw_mw"},
		"area not in file":  {eiasim.Config{Data: write(header), Areas: []string{"TVA"}}, `no lines for area "TVA"`},
		"unknown area":      {eiasim.Config{Data: write(header), Areas: []string{"XYZ"}}, `"XYZ" is not a balancing authority`},
		"gap in the grid":   {eiasim.Config{Data: write(header + "TVA,2020-01-01T00,1\nTVA,2020-01-01T02,1\n"), Areas: []string{"TVA"}}, "line 3: TVA: period 2020-01-01T02, want 2020-01-01T01"},
		"bad value":         {eiasim.Config{Data: write(header + "TVA,2020-01-01T00,x\n"), Areas: []string{"TVA"}}, "line 2: raw_mw"},
		"bad period":        {eiasim.Config{Data: write(header + "TVA,2020,1\n"), Areas: []string{"TVA"}}, "line 2: period"},
		"not generated":     {eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"AEC"}}, `no generated data for "AEC"`},
		"too many revised":  {eiasim.Config{Data: eiasim.KindGenerated, Revised: 2}, "revised share 2 is above 1"},
		"the header column": {eiasim.Config{Data: eiasim.KindGenerated, Areas: []string{"id"}}, `"id" is not a balancing authority`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := eiasim.New(tc.cfg); !errors.Is(err, eiasim.ErrConfig) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// Oracle: what is known of demand. Days repeat, weekends and holidays are lower, hot and cold hours are high.
func TestGeneratedLooksLikeDemand(t *testing.T) {
	s, err := eiasim.New(twelve())
	if err != nil {
		t.Fatal(err)
	}
	same, err := eiasim.New(twelve())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Info().Areas) != 12 {
		t.Errorf("%d areas", len(s.Info().Areas))
	}
	for _, a := range s.Info().Areas {
		first, v, _ := s.Truth(a.ID)
		_, w, _ := same.Truth(a.ID)
		if !slices.EqualFunc(v, w, func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }) {
			t.Errorf("%s: two servers with one seed differ", a.ID)
		}
		zone, err := time.LoadLocation(a.Zone)
		if err != nil {
			t.Fatal(err)
		}
		var night, evening, workday, sunday mean
		lowest := math.Inf(1)
		missing := 0
		for i, x := range v {
			if math.IsNaN(x) {
				missing++
				continue
			}
			lowest = min(lowest, x)
			switch t := first.Add(time.Duration(i) * time.Hour).In(zone); {
			case t.Hour() == 4:
				night.add(x)
			case t.Hour() == 19:
				evening.add(x)
			case t.Hour() == 11 && t.Weekday() == time.Sunday:
				sunday.add(x)
			case t.Hour() == 11 && t.Weekday() == time.Wednesday:
				workday.add(x)
			}
		}
		if lowest <= 0 || missing == 0 || missing > len(v)/200 {
			t.Errorf("%s: lowest %g, %d of %d missing", a.ID, lowest, missing, len(v))
		}
		if evening.of() < 1.15*night.of() || workday.of() < 1.03*sunday.of() {
			t.Errorf("%s: night %.0f, evening %.0f, workday %.0f, Sunday %.0f", a.ID, night.of(), evening.of(), workday.of(), sunday.of())
		}
		// Seasonal naive by a week, the error that any forecaster must beat: real areas have 4 to 12 percent.
		var ape mean
		for i := 168; i < len(v); i++ {
			if e := math.Abs(v[i]-v[i-168]) / v[i]; !math.IsNaN(e) {
				ape.add(100 * e)
			}
		}
		if ape.of() < 3 || ape.of() > 14 {
			t.Errorf("%s: weekly naive MAPE %.1f %%", a.ID, ape.of())
		}
	}
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }
func (m *mean) of() float64   { return m.sum / float64(m.n) }
