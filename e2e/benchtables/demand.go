package benchtables

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
)

const defaultFolder = "../shared/data"

// source is the demand of one area as its operator reported it, hour by hour.
type source struct {
	key    string
	values []float64 // NaN is a missing report
	odd    []bool    // whether the data set's makers found the report implausible
}

type demand struct {
	kind    string // "real" or "generated"
	sources []source
}

// loadDemand reads the EIA-930 files in the folder, or generates demand when there are none.
func loadDemand(folder string) (demand, error) {
	if folder == eiasim.KindGenerated {
		return generated()
	}
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		folder = filepath.Dir(folder) // BELLWETHER_DATA may name the one file that other programs read
	}
	named := folder != ""
	if !named {
		folder = defaultFolder
	}
	d := demand{kind: eiasim.KindReal}
	for _, years := range []string{"2015_2020", "2020_2023"} {
		s, err := readFile(filepath.Join(folder, "eia930_hourly_demand_"+years+".csv.gz"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return d, err
		}
		d.sources = append(d.sources, s...)
	}
	switch {
	case len(d.sources) > 0:
		return d, nil
	case named:
		return d, fmt.Errorf("data: %s holds no eia930_hourly_demand_*.csv.gz: %w", folder, fs.ErrNotExist)
	}
	return generated()
}

func generated() (demand, error) {
	d := demand{kind: eiasim.KindGenerated}
	sim, err := eiasim.New(eiasim.Config{Data: eiasim.KindGenerated})
	if err != nil {
		return d, err
	}
	for _, a := range sim.Info().Areas {
		_, values, _ := sim.Truth(a.ID)
		d.sources = append(d.sources, source{key: a.ID, values: values, odd: make([]bool, len(values))})
	}
	return d, nil
}

func readFile(path string) ([]source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	out, err := readSources(z)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", path, err)
	}
	return out, nil
}

// readSources reads lines series,period,raw_mw,category,... that are sorted by series and hour without gaps. It leaves
// out the areas that fell silent for good: nobody would keep asking for them.
func readSources(in io.Reader) ([]source, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	if _, err := r.Read(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var all []source
	for {
		line, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		if len(all) == 0 || all[len(all)-1].key != line[0] {
			all = append(all, source{key: line[0]})
		}
		s := &all[len(all)-1]
		v := math.NaN()
		if line[2] != "MISSING" && line[2] != "EMPTY" {
			if v, err = strconv.ParseFloat(line[2], 64); err != nil {
				return nil, fmt.Errorf("raw_mw: %w", err)
			}
		}
		s.values = append(s.values, v)
		s.odd = append(s.odd, line[3] != "OKAY" && !math.IsNaN(v))
	}
	out := all[:0]
	for _, s := range all {
		if len(s.values) >= hours && missing(s.values) < len(s.values)/10 {
			out = append(out, s)
		}
	}
	return out, nil
}

func missing(values []float64) (n int) {
	for _, v := range values {
		if math.IsNaN(v) {
			n++
		}
	}
	return n
}
