package driftbench

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Files of the data folder.
const (
	earlierFile = "eia930_hourly_demand_2015_2020.csv.gz"
	laterFile   = "eia930_hourly_demand_2020_2023.csv.gz"
)

// fewest is how many hours in order a series needs to take part: the others stopped reporting.
const fewest = 3 * 365 * 24

// demand reads the hourly demand of one file, in MW. An hour counts where the screening of Ruggles et al. (Scientific
// Data 7:155, 2020) found it in order, as the validator would have kept the others back; elsewhere it is NaN.
func demand(dir, file string) ([]series.Series, error) {
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		return nil, fmt.Errorf("the demand is not at hand (BELLWETHER_DATA names its folder): %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out []series.Series
	lines := bufio.NewScanner(z)
	lines.Scan()
	for n := 2; lines.Scan(); n++ {
		v := strings.Split(lines.Text(), ",")
		if len(v) < 5 {
			return nil, fmt.Errorf("%s: line %d has %d fields, want 5 or more", file, n, len(v))
		}
		at, err := time.Parse("2006-01-02T15", v[1])
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", file, n, err)
		}
		if len(out) == 0 || out[len(out)-1].ID.Key != v[0] {
			zone, err := time.LoadLocation(zoneOf(v[0]))
			if err != nil {
				return nil, fmt.Errorf("%s: line %d: %w", file, n, err)
			}
			out = append(out, series.Series{ID: series.ID{Source: "eia", Key: v[0]}, Unit: "MW", Zone: zone, Start: at, Step: time.Hour})
		}
		s := &out[len(out)-1]
		if !at.Equal(s.Time(s.Len())) {
			return nil, fmt.Errorf("%s: line %d: period %s out of order", file, n, v[1])
		}
		s.Values = append(s.Values, screened(v[2], v[3]))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	kept := out[:0]
	for _, s := range out {
		if s.Observed() >= fewest {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

func screened(raw, category string) float64 {
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil || category != "OKAY" || !(v > 0) {
		return math.NaN()
	}
	return v
}

// zoneOf returns the time zone of a balancing authority, or of the one that a subregion is part of.
func zoneOf(key string) string {
	area, _, _ := strings.Cut(key, "-")
	switch area {
	case "CPLE", "FMPP", "FPL", "GVL", "ISNE", "NSB", "NYIS", "PJM", "SC", "TEC":
		return "America/New_York"
	case "EPE", "PSCO":
		return "America/Denver"
	case "WALC":
		return "America/Phoenix"
	case "AVA", "BANC", "CHPD", "CISO", "DOPD", "IID", "LDWP", "PACW", "SCL", "TIDC":
		return "America/Los_Angeles"
	}
	return "America/Chicago"
}
