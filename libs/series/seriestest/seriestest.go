// Package seriestest gives tests of numeric code series to work on: real ones where they are at hand, generated ones
// elsewhere, and says in the test log which.
package seriestest

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Env names the environment variable with the place of the data: a folder, or the demand file itself. When it is not
// set, a folder shared/data beside the working directory or one of its parents is used.
const Env = "BELLWETHER_DATA"

// Files of the data folder that tests use.
const (
	DemandFile  = "eia930_hourly_demand_2020_2023.csv.gz"
	M4TrainFile = "m4_hourly_train.csv.gz"
	M4TestFile  = "m4_hourly_test.csv.gz"
)

// Path returns where the named data file is, and whether it is there.
func Path(t testing.TB, name string) (string, bool) {
	t.Helper()
	if at := os.Getenv(Env); at != "" {
		if filepath.Base(at) == name {
			return at, exists(at)
		}
		at = filepath.Join(at, name)
		return at, exists(at)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		parent := filepath.Dir(dir)
		if at := filepath.Join(parent, "shared", "data", name); exists(at) {
			return at, true
		}
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Lines calls each with every line of a gzip text file until it returns false.
func Lines(t testing.TB, path string, each func(line string) bool) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	s := bufio.NewScanner(io.Reader(z))
	s.Buffer(nil, 1<<20)
	for s.Scan() && each(s.Text()) {
	}
	if err := errors.Join(s.Err(), f.Close()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Demand returns the hourly demand of 2020 to 2023 in MW of the areas in keys, which must ascend, in the time zone
// given with each; where the file is not at hand, generated series of the same length.
func Demand(t testing.TB, keys []string, zones map[string]string) []series.Series {
	t.Helper()
	out := make([]series.Series, len(keys))
	for i, key := range keys {
		zone, err := time.LoadLocation(zones[key])
		if err != nil {
			t.Fatal(err)
		}
		out[i] = series.Series{
			ID: series.ID{Source: "eia", Key: key}, Unit: "MW", Zone: zone, Step: time.Hour,
			Start: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		}
	}
	path, ok := Path(t, DemandFile)
	if !ok {
		t.Logf("%s is not at hand: generated series", DemandFile)
		for i := range out {
			out[i] = Generate(out[i], 35064, uint64(i))
		}
		return out
	}
	t.Logf("real series from %s", DemandFile)
	at := 0
	Lines(t, path, func(line string) bool {
		key, rest, _ := strings.Cut(line, ",")
		for at < len(keys) && len(out[at].Values) > 0 && key != keys[at] {
			at++
		}
		if at == len(keys) {
			return false
		}
		if key == keys[at] {
			_, rest, _ = strings.Cut(rest, ",")
			raw, _, _ := strings.Cut(rest, ",")
			v, err := strconv.ParseFloat(raw, 64)
			if err != nil {
				v = math.NaN() // "MISSING" or "EMPTY"
			}
			out[at].Values = append(out[at].Values, v)
		}
		return true
	})
	return out
}

// Generate returns proto with n values that behave like demand: a daily profile that differs at weekends, a yearly
// season, and weather that keeps for some days. The same seed gives the same values.
func Generate(proto series.Series, n int, seed uint64) series.Series {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := proto
	out.Values = make([]float64, n)
	slow, fast := 0.0, 0.0
	for i := range out.Values {
		t := out.Time(i).In(out.Location())
		hour := float64(t.Hour()) + float64(t.Minute())/60
		day := 0.15*math.Sin(2*math.Pi*(hour-9)/24) + 0.05*math.Sin(4*math.Pi*(hour-7)/24)
		if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
			day = 0.7*day - 0.08
		}
		year := 0.1 * math.Cos(4*math.Pi*float64(t.YearDay()-15)/365.25)
		slow = 0.99*slow + 0.007*rng.NormFloat64()
		fast = 0.8*fast + 0.008*rng.NormFloat64()
		out.Values[i] = 5000 * math.Exp(day+year+slow+fast)
	}
	return out
}
