// Package csvfile reads hourly series from one CSV file, gzipped or not.
package csvfile

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Config names the file and its columns.
type Config struct {
	Path   string   // gzipped when it ends in .gz
	Series string   // column with the key of the series; empty when the file holds one series alone
	Period string   // column with the time: RFC 3339, or YYYY-MM-DDTHH in UTC
	Value  string   // column with the value
	Keys   []string // keys to read; all others are passed over
}

// File reads the file again only when it changed. It is safe for concurrent use.
type File struct {
	cfg Config

	mu    sync.Mutex
	size  int64
	mtime time.Time
	lines map[string][]line // by key, in file order; nil before the first read
}

// line is one line of the file: an observation, or a malformed row at the time of the row before it.
type line struct {
	ts     time.Time
	val    float64
	period string // as written
	raw    string // the whole line
	bad    string // what is wrong; empty for an observation
}

// New returns a source that reads cfg.Path.
func New(cfg Config) *File { return &File{cfg: cfg} }

// Fetch returns the rows of w.
func (f *File) Fetch(_ context.Context, w source.Window) (source.Fetched, error) {
	lines, err := f.read()
	if err != nil {
		return source.Fetched{}, err
	}
	rows := source.NewCollector(w)
	count := 0
	for _, key := range w.Keys {
		for _, l := range lines[key] {
			// A row before any readable period has no place in time; it is part of every answer.
			if !l.ts.IsZero() && (l.ts.Before(w.From) || l.ts.After(w.To)) {
				continue
			}
			count++
			if l.bad != "" {
				rows.AddMalformed(key, series.Malformed{Period: l.period, Payload: l.raw, Reason: l.bad}, false)
				continue
			}
			rows.Add(key, series.Observation{TS: l.ts, Value: l.val})
		}
	}
	out := rows.Fetched()
	out.Pages, out.Count = 1, count
	return out, nil
}

// Unknown returns those of keys that the file does not hold.
func (f *File) Unknown(_ context.Context, keys []string) ([]string, error) {
	lines, err := f.read()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return len(lines[k]) > 0 }), nil
}

// read returns the lines of the file as it is now.
func (f *File) read() (map[string][]line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.cfg.Path)
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv path: %v; name a file that this process may read", err)
	}
	if f.lines != nil && info.Size() == f.size && info.ModTime().Equal(f.mtime) {
		return f.lines, nil
	}
	in, err := os.Open(f.cfg.Path)
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv path: %v; name a file that this process may read", err)
	}
	defer in.Close()
	var r io.Reader = bufio.NewReaderSize(in, 1<<16)
	if strings.HasSuffix(f.cfg.Path, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, source.Errorf(source.ErrConfig, "csv path: %s: %v; rename the file if it is not gzipped", f.cfg.Path, err)
		}
	}
	lines, err := f.parse(r)
	if err != nil {
		return nil, err
	}
	f.lines, f.size, f.mtime = lines, info.Size(), info.ModTime()
	return lines, nil
}

// columns are the indices of the columns; series is -1 when the file holds one series alone.
type columns struct{ series, period, value int }

func (f *File) parse(in io.Reader) (map[string][]line, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	header, err := r.Read()
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv path: %s: header: %v", f.cfg.Path, err)
	}
	at, err := f.columns(header)
	if err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(f.cfg.Keys))
	for _, k := range f.cfg.Keys {
		wanted[k] = true
	}
	out := map[string][]line{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		// A bare quote spoils its line alone; anything else is the file.
		if _, quoting := errors.AsType[*csv.ParseError](err); err != nil && !quoting {
			return nil, source.Errorf(source.ErrUnavailable, "csv path: %s: %v", f.cfg.Path, err)
		}
		key, ok := f.key(record, at)
		if !ok || !wanted[key] {
			continue
		}
		l := parseLine(record, at)
		if had := out[key]; l.ts.IsZero() && len(had) > 0 {
			l.ts = had[len(had)-1].ts
		}
		out[key] = append(out[key], l)
	}
}

func (f *File) columns(header []string) (columns, error) {
	names := make([]string, len(header))
	for i, h := range header {
		names[i] = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
	}
	at := columns{series: -1}
	for _, c := range []struct {
		name, flag string
		index      *int
	}{
		{f.cfg.Series, "csv-series-column", &at.series},
		{f.cfg.Period, "csv-period-column", &at.period},
		{f.cfg.Value, "csv-value-column", &at.value},
	} {
		if c.name == "" && c.index == &at.series {
			continue
		}
		i := slices.Index(names, c.name)
		if i < 0 {
			return at, source.Errorf(source.ErrConfig, "csv columns: %s has no column %q, it has %s; set %s",
				f.cfg.Path, c.name, strings.Join(names, ", "), c.flag)
		}
		*c.index = i
	}
	return at, nil
}

func (f *File) key(record []string, at columns) (string, bool) {
	if at.series < 0 {
		return f.cfg.Keys[0], true
	}
	if at.series >= len(record) {
		return "", false
	}
	return record[at.series], true
}

func parseLine(record []string, at columns) line {
	l := line{raw: strings.Join(record, ",")}
	if at.period >= len(record) {
		l.bad = "period: field missing"
		return l
	}
	l.period = strings.Clone(record[at.period])
	ts, err := parsePeriod(l.period)
	if err != nil {
		l.bad = err.Error()
		return l
	}
	l.ts = ts
	if at.value >= len(record) {
		l.bad = "value: field missing"
		return l
	}
	switch cell := strings.TrimSpace(record[at.value]); cell {
	case "", "NA", "NaN", "null", "MISSING", "EMPTY":
		l.val = math.NaN()
	default:
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			l.bad = fmt.Sprintf("value: %.40q is not a number", cell)
		}
		l.val = v
	}
	return l
}

func parsePeriod(cell string) (time.Time, error) {
	cell = strings.TrimSpace(cell)
	for _, layout := range []string{"2006-01-02T15", time.RFC3339} {
		if ts, err := time.Parse(layout, cell); err == nil {
			return ts.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("period: %.40q, want RFC 3339 or YYYY-MM-DDTHH", cell)
}
