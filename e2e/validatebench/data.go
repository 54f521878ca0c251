package validatebench

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/libs/series/seriestest"
)

// okay is the category of hours that the screening of Ruggles et al. (Scientific Data 7:155, 2020) left alone.
const okay = "OKAY"

// hour is one hour of one series.
type hour struct {
	raw      float64 // as published; NaN is missing
	cleaned  float64 // with what was missing or screened out filled in
	category string  // of the screening
}

// demand is one series, from the first hour of 2020 on.
type demand struct {
	id    series.ID
	zone  string
	start time.Time
	hours []hour
}

func (d *demand) time(i int) time.Time { return d.start.Add(time.Duration(i) * time.Hour) }

// index returns the index of an hour; it may lie outside.
func (d *demand) index(t time.Time) int { return int(t.Sub(d.start) / time.Hour) }

// SeriesIDs implements validator.History.
func (d *demand) SeriesIDs(context.Context) ([]series.ID, error) { return []series.ID{d.id}, nil }

// Tail implements validator.History: it is the record before the measured years.
func (d *demand) Tail(_ context.Context, id series.ID, n int) (series.Series, error) {
	y := series.Series{ID: id, Unit: "MWh", Start: d.start, Step: time.Hour}
	if id != d.id {
		return series.Series{ID: id}, nil
	}
	for _, h := range d.hours[:min(d.index(measured()), len(d.hours))] {
		y.Values = append(y.Values, h.cleaned)
	}
	return y.Tail(n), nil
}

// Reports implements validator.History: the record of before was filled at once.
func (d *demand) Reports(context.Context, series.ID, time.Time) ([]series.Report, error) {
	return nil, nil
}

// SourceReports implements validator.History.
func (d *demand) SourceReports(context.Context, time.Time) (map[string][]time.Time, error) {
	return nil, nil
}

// Newest implements validator.History: each value became known with its hour.
func (d *demand) Newest(ctx context.Context, id series.ID, from, to time.Time) ([]series.Revision, error) {
	y, err := d.Tail(ctx, id, math.MaxInt)
	var out []series.Revision
	for i, v := range y.Values {
		if ts := y.Time(i); v == v && !ts.Before(from) && !ts.After(to) { // v is not NaN
			out = append(out, series.Revision{TS: ts, KnownAt: ts.Add(y.Step), Value: v})
		}
	}
	return out, err
}

// measured is where the measured years begin. Everything before is for learning.
func measured() time.Time { return time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC) }

// read returns the demand of all series in the data folder, or generated demand, and says which.
func read(dir string) ([]*demand, string, error) {
	path := filepath.Join(dir, seriestest.DemandFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err := generate()
		return data, "generated demand (" + seriestest.DemandFile + " is not at hand)", err
	}
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, "", err
	}
	bySeries := map[string]*demand{}
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		if err := add(bySeries, strings.Split(lines.Text(), ",")); err != nil {
			return nil, "", fmt.Errorf("%s: %w", path, err)
		}
	}
	var out []*demand
	for _, d := range bySeries {
		d.cutTail()
		if len(d.hours) > d.index(measured())+365*24 {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *demand) int { return cmp.Compare(a.id.Key, b.id.Key) })
	return out, "real demand, EIA-930 as cleaned by Ruggles et al., " + seriestest.DemandFile, lines.Err()
}

var errColumns = errors.New("want the columns series, period, raw_mw, category, cleaned_mw")

func add(bySeries map[string]*demand, col []string) error {
	if len(col) != 5 {
		return errColumns
	}
	if col[0] == "series" {
		return nil
	}
	d, ok := bySeries[col[0]]
	if !ok {
		zone, err := eiasim.Zone(col[0])
		if err != nil {
			return err
		}
		start, err := time.Parse("2006-01-02T15", col[1])
		if err != nil {
			return err
		}
		d = &demand{id: series.ID{Source: "eia", Key: col[0]}, zone: zone, start: start}
		bySeries[col[0]] = d
	}
	raw, err := strconv.ParseFloat(col[2], 64)
	if err != nil {
		raw = math.NaN() // "MISSING" or "EMPTY"
	}
	cleaned, err := strconv.ParseFloat(col[4], 64)
	if err != nil {
		return err
	}
	d.hours = append(d.hours, hour{raw: raw, cleaned: cleaned, category: col[3]})
	return nil
}

// cutTail drops the hours after a respondent stopped for good, which the cleaning filled with zeros.
func (d *demand) cutTail() {
	for n := len(d.hours); n > 0 && d.hours[n-1].cleaned == 0; n-- {
		d.hours = d.hours[:n-1]
	}
}

// generate returns four years of as many generated series.
func generate() ([]*demand, error) {
	var out []*demand
	for i := range 58 {
		d := &demand{id: series.ID{Source: "eia", Key: fmt.Sprintf("G%02d", i)}, zone: "America/Chicago", start: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
		zone, err := time.LoadLocation(d.zone)
		if err != nil {
			return nil, err
		}
		y := seriestest.Generate(series.Series{Start: d.start, Step: time.Hour, Zone: zone}, 35064, uint64(i))
		for _, v := range y.Values {
			v = math.Round(v * float64(i+1) / 20)
			d.hours = append(d.hours, hour{raw: v, cleaned: v, category: okay})
		}
		out = append(out, d)
	}
	return out, nil
}
