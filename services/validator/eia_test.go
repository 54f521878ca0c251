package validator

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/record"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/stage"
)

const eiaFile = "eia930_hourly_demand_2020_2023.csv.gz"

// labelled is one hour of one area with the category that an offline screening gave it
// (Ruggles et al., Scientific Data 7:155, 2020). "OKAY" is clean.
type labelled struct {
	ts       time.Time
	value    float64 // NaN is missing
	category string
}

// areas are large and small, clean and troubled ones.
func areas() []string {
	return []string{
		"BANC", "CISO-PGAE", "CPLE", "ERCO-WEST", "FMPP", "FPL", "LDWP", "PJM-AEP", "SPA", "SWPP-GRDA", "TIDC", "WALC",
	}
}

// TestEIA runs hourly demand of twelve areas, 2021-2022, through the handler a day at a time, as a refresh would bring
// it. Thresholds were chosen on 2021; 2022 is the figure to believe. The oracle are the labels of Ruggles et al.
func TestEIA(t *testing.T) {
	t.Parallel()
	data := labelledDemand(t)
	tallies := map[int]tally{2021: {}, 2022: {}}
	for _, area := range slices.Sorted(maps.Keys(data)) {
		judgeArea(t, area, data[area], tallies)
	}
	for _, year := range []int{2021, 2022} {
		got := tallies[year]
		t.Logf("%d:\n%s", year, got)
		ok := got["OKAY"]
		// 1: the target of the design is a false quarantine of at most 0.05 % of clean points.
		if rate := float64(ok.quarantined) / float64(ok.n); rate > 0.0005 {
			t.Errorf("%d: %d of %d clean points quarantined", year, ok.quarantined, ok.n)
		}
		// 2: gross errors never pass.
		for _, category := range []string{"NEG_OR_ZERO", "GLOBAL_DEM"} {
			if c := got[category]; c.quarantined != c.n {
				t.Errorf("%d: %d of %d %s points quarantined", year, c.quarantined, c.n, category)
			}
		}
		// 3: what the source did not report is never an observation.
		if c := got["MISSING"]; c.flagged != c.n {
			t.Errorf("%d: %d of %d missing points flagged", year, c.flagged, c.n)
		}
	}
}

// count says what became of the points of one category.
type count struct{ n, quarantined, flagged int }

type tally map[string]count

func (t tally) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(t)) {
		c := t[k]
		fmt.Fprintf(&b, "%-22s %7d points  quarantined %5d (%7.4f %%)  flagged %5d (%7.4f %%)\n", k, c.n,
			c.quarantined, 100*float64(c.quarantined)/float64(c.n), c.flagged, 100*float64(c.flagged)/float64(c.n))
	}
	return b.String()
}

func judgeArea(t *testing.T, area string, rows []labelled, tallies map[int]tally) {
	t.Helper()
	h, s := New(DefaultConfig(), newStore()), newStore()
	for i := 0; i < len(rows); i += 24 {
		day := rows[i:min(i+24, len(rows))]
		b := batch(area+strconv.Itoa(i), observationsOf(day)...)
		b.Series.Key = area
		b.KnownAt = day[len(day)-1].ts.Add(time.Hour)
		deliver(t, h, s, message(b))
	}
	verdicts := make(map[int64]record.Verdict)
	for _, v := range s.verdicts {
		// A level shift gives a point a second verdict; the first is what was known at the time.
		if old, ok := verdicts[v.TS.Unix()]; !ok || v.KnownAt.Before(old.KnownAt) {
			verdicts[v.TS.Unix()] = v
		}
	}
	for _, row := range rows {
		c := tallies[row.ts.Year()][row.category]
		v := verdicts[row.ts.Unix()]
		c.n++
		switch {
		case v.Outcome == "quarantine":
			c.quarantined++
		case v.Outcome == "flag" && !slices.Equal(v.Checks, []string{"gap"}): // a gap is said of the point after it
			c.flagged++
		}
		tallies[row.ts.Year()][row.category] = c
	}
}

func observationsOf(rows []labelled) []series.Observation {
	obs := make([]series.Observation, len(rows))
	for i, r := range rows {
		obs[i] = series.Observation{TS: r.ts, Value: r.value}
	}
	return obs
}

// labelledDemand reads 2021-2022 of the areas, or generates twelve series with planted errors when there is no file.
// BELLWETHER_DATA names the file or its folder; the default is shared/data beside the checkout.
func labelledDemand(tb testing.TB) map[string][]labelled {
	tb.Helper()
	path, ok := dataFile(tb)
	if !ok {
		tb.Logf("%s not found (set BELLWETHER_DATA): using generated data", eiaFile)
		return generated()
	}
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	want := areas()
	data := make(map[string][]labelled)
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		col := strings.Split(lines.Text(), ",")
		if !slices.Contains(want, col[0]) || col[1] < "2021" || col[1] >= "2023" {
			continue
		}
		ts, err := time.Parse("2006-01-02T15", col[1])
		if err != nil {
			tb.Fatal(err)
		}
		v, err := strconv.ParseFloat(col[2], 64)
		if err != nil {
			v = math.NaN()
		}
		data[col[0]] = append(data[col[0]], labelled{ts, v, col[3]})
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return data
}

func dataFile(tb testing.TB) (string, bool) {
	tb.Helper()
	path := os.Getenv("BELLWETHER_DATA")
	if path == "" {
		dir, err := os.Getwd()
		if err != nil {
			tb.Fatal(err)
		}
		for dir != filepath.Dir(dir) && !exists(filepath.Join(dir, "shared", "data", eiaFile)) {
			dir = filepath.Dir(dir)
		}
		path = filepath.Join(dir, "shared", "data")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, eiaFile)
	}
	return path, exists(path)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// generated returns two years of twelve series with daily, weekly and yearly seasons and planted errors.
func generated() map[string][]labelled {
	data := make(map[string][]labelled)
	for k, area := range areas() {
		rnd := rand.New(rand.NewPCG(1, uint64(k)))
		from := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
		for ts := from; ts.Year() < 2023; ts = ts.Add(time.Hour) {
			i := ts.Sub(from).Hours()
			v := float64(500*(k+1)) * (1 + 0.25*math.Sin(2*math.Pi*i/24) + 0.08*math.Sin(2*math.Pi*i/168) +
				0.2*math.Sin(2*math.Pi*i/8766) + 0.02*rnd.NormFloat64())
			row := labelled{ts, v, "OKAY"}
			switch p := rnd.Float64(); {
			case i < 100: // a clean start
			case p < 0.0005:
				row.value, row.category = -v*float64(rnd.IntN(2)), "NEG_OR_ZERO"
			case p < 0.001:
				row.value, row.category = 1000*v, "GLOBAL_DEM"
			case p < 0.01:
				row.value, row.category = math.NaN(), "MISSING"
			}
			data[area] = append(data[area], row)
		}
	}
	return data
}

// BenchmarkHandle measures refreshes of a day and backfills of a thousand hours of one area, from message to rows and
// messages.
func BenchmarkHandle(b *testing.B) {
	rows := labelledDemand(b)["FPL"]
	for size, origin := range map[int]series.Origin{24: series.Refresh, 1000: series.Backfill} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			var in []stage.Message
			for i := 0; i+size <= len(rows); i += size {
				x := batch(strconv.Itoa(i), observationsOf(rows[i:i+size])...)
				x.KnownAt, x.Origin = rows[i+size-1].ts.Add(time.Hour), origin
				in = append(in, message(x))
			}
			h := New(DefaultConfig(), newStore())
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if n%len(in) == 0 {
					h.Forget()
				}
				if _, err := h.Handle(b.Context(), in[n%len(in)]); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*size), "ns/obs")
		})
	}
}
