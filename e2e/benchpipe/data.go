package benchpipe

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/eiasim"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

const (
	yearHours  = 365 * 24
	runID      = "bench-backfill"
	sourceName = "bench"
)

// first is the first hour of every series. known is when all of them became known.
func first() time.Time { return time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC) }

func known() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// demand is the hourly demand the series are made of.
type demand struct {
	kind   string // what the values are
	values [][]float64
}

// loadDemand reads the demand of every area in the file that data names, or generates it when there is none.
func loadDemand(data string) (demand, error) {
	path, err := eiasim.Locate(data)
	if err != nil {
		return demand{}, err
	}
	if path == "" {
		return generated(), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return demand{}, fmt.Errorf("data: %w", err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			return demand{}, fmt.Errorf("data: %s: %w", path, err)
		}
	}
	d, err := readDemand(in)
	if err != nil {
		return d, fmt.Errorf("data: %s: %w", path, err)
	}
	d.kind = fmt.Sprintf("real: EIA-930 hourly demand of %d areas, repeated", len(d.values))
	return d, nil
}

// readDemand reads lines of series,period,value,..., those of a series following each other hour by hour. The header and
// what is no number are missing values.
func readDemand(in io.Reader) (demand, error) {
	var d demand
	var last []byte
	lines := bufio.NewScanner(in)
	lines.Scan() // header
	for lines.Scan() {
		id, rest, _ := bytes.Cut(lines.Bytes(), []byte(","))
		_, rest, _ = bytes.Cut(rest, []byte(","))
		text, _, _ := bytes.Cut(rest, []byte(","))
		if !bytes.Equal(id, last) {
			d.values, last = append(d.values, nil), bytes.Clone(id)
		}
		v, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			v = math.NaN()
		}
		n := len(d.values) - 1
		d.values[n] = append(d.values[n], v)
	}
	if len(d.values) == 0 && lines.Err() == nil {
		return d, io.ErrUnexpectedEOF
	}
	return d, lines.Err()
}

// generated returns four years of demand of 58 areas with daily, weekly and yearly seasons and a few missing reports.
func generated() demand {
	d := demand{kind: "generated: daily, weekly and yearly seasons and noise of 58 areas"}
	for k := range 58 {
		rng := rand.New(rand.NewPCG(1, uint64(k)))
		values := make([]float64, 4*yearHours)
		for i := range values {
			wave := func(hours float64) float64 { return math.Sin(2 * math.Pi * float64(i) / hours) }
			values[i] = math.Round(float64(300*(k+1)) * (1 + .25*wave(24) + .08*wave(168) + .2*wave(8766) + .02*rng.NormFloat64()))
			if rng.Float64() < .001 {
				values[i] = math.NaN()
			}
		}
		d.values = append(d.values, values)
	}
	return d
}

// batch describes series k, without observations.
func batch(k int) series.Batch {
	return series.Batch{
		Series: series.ID{Source: sourceName, Key: fmt.Sprintf("S%04d", k)}, SchemaVersion: series.SchemaVersion, Unit: "MWh", Zone: "America/New_York",
		Step: time.Hour, KnownAt: known(), RunID: runID, Origin: series.Backfill,
	}
}

// observations appends n hours of series k to obs. Series that share an area begin at different hours of it.
func (d demand) observations(obs []series.Observation, k, n int) []series.Observation {
	values := d.values[k%len(d.values)]
	offset := k / len(d.values) * 24 * 7
	for i := range n {
		obs = append(obs, series.Observation{TS: first().Add(time.Duration(i) * time.Hour), Value: values[(offset+i)%len(values)]})
	}
	return obs
}
