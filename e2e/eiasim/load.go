package eiasim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	dataFile    = "eia930_hourly_demand_2020_2023.csv"
	defaultData = "../shared/data/" + dataFile + ".gz"
	hourLayout  = "2006-01-02T15"
)

// defaultAreas are large balancing authorities with few missing reports in 2021 to 2023.
func defaultAreas() []string {
	return []string{"AVA", "BANC", "CPLE", "FMPP", "FPL", "LDWP", "PACW", "PSCO", "SC", "SCL", "TEC", "TVA"}
}

// Locate returns the data file that data names, or "" for generated data. data is the path of a CSV file, gzipped or
// not, the path of a directory that holds it, or "generated". Empty means the default file when it is there, else
// generated data.
func Locate(data string) (string, error) {
	switch data {
	case KindGenerated:
		return "", nil
	case "":
		if _, err := os.Stat(defaultData); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return defaultData, nil
	}
	info, err := os.Stat(data)
	if err != nil {
		return "", fmt.Errorf("data: %w: %w", err, ErrConfig)
	}
	if !info.IsDir() {
		return data, nil
	}
	for _, name := range []string{dataFile + ".gz", dataFile} {
		path := filepath.Join(data, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("data: %s holds no %s or %[2]s.gz: %w", data, dataFile, ErrConfig)
}

// load reads the chosen areas from a CSV file with the columns series, period and raw_mw in front.
func load(path string, ids []string) ([]area, error) {
	if len(ids) == 0 {
		ids = defaultAreas()
	}
	areas, err := newAreas(ids)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w: %w", err, ErrConfig)
	}
	defer f.Close()
	var in io.Reader = bufio.NewReaderSize(f, 1<<16)
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("data: %s: %w: %w", path, err, ErrConfig)
		}
	}
	if err := readAreas(in, areas); err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return areas, nil
}

// readAreas fills areas from CSV lines. It looks at the series name of a line before anything else: most lines belong
// to areas that nobody asked for.
func readAreas(in io.Reader, areas []area) error {
	byID := make(map[string]*area, len(areas))
	for i := range areas {
		byID[areas[i].ID] = &areas[i]
	}
	lines := bufio.NewScanner(in)
	if !lines.Scan() || !bytes.HasPrefix(lines.Bytes(), []byte("series,period,raw_mw")) {
		return fmt.Errorf("header %q, want series,period,raw_mw: %w", lines.Text(), ErrConfig)
	}
	for n := 2; lines.Scan(); n++ {
		id, rest, _ := bytes.Cut(lines.Bytes(), []byte(","))
		a, ok := byID[string(id)]
		if !ok {
			continue
		}
		period, rest, _ := bytes.Cut(rest, []byte(","))
		raw, _, _ := bytes.Cut(rest, []byte(","))
		if err := a.append(string(period), string(raw)); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	for _, a := range areas {
		if len(a.values) == 0 {
			return fmt.Errorf("no lines for area %q: %w", a.ID, ErrConfig)
		}
	}
	return nil
}

// append adds one line of the file, which must continue the grid.
func (a *area) append(period, raw string) error {
	ts, err := time.Parse(hourLayout, period)
	if err != nil {
		return fmt.Errorf("period: %w: %w", err, ErrConfig)
	}
	if len(a.values) == 0 {
		a.first = ts
	}
	if want := a.time(len(a.values)); !ts.Equal(want) {
		return fmt.Errorf("%s: period %s, want %s: %w", a.ID, period, want.Format(hourLayout), ErrConfig)
	}
	v := math.NaN()
	if raw != "MISSING" && raw != "EMPTY" && raw != "" {
		if v, err = strconv.ParseFloat(raw, 64); err != nil {
			return fmt.Errorf("raw_mw: %w: %w", err, ErrConfig)
		}
	}
	a.values = append(a.values, v)
	return nil
}
