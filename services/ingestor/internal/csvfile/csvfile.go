// Package csvfile reads series from one CSV file, on disk or behind a URL, gzipped or not.
package csvfile

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/localtime"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Config names the file and its columns.
type Config struct {
	Path      string           // gzipped when it ends in .gz; empty with a URL
	URL       string           // http or https, gzipped when its path ends in .gz; its query may hold a secret
	Series    string           // column with the key of the series; empty when the file holds one series alone
	Period    string           // column with the time
	Value     string           // column with the value
	Separator rune             // 0 means a comma
	Time      localtime.Format // how times are written
	Keys      []string         // keys to read; all others are passed over

	HTTP  *http.Client  // for URL; nil means one of its own
	Tries uint          // attempts to read URL; 0 means 4
	Wait  time.Duration // before the second attempt; it grows; 0 means a second
}

// File reads the file again only when it changed. It is safe for concurrent use.
type File struct {
	cfg Config

	mu    sync.Mutex
	was   version
	lines map[string][]line // by key, in file order; nil before the first read
}

// version tells whether a file has changed.
type version struct {
	size         int64
	mtime        time.Time
	etag, change string // as the server of a URL sends them
}

// line is one line of the file: an observation, or a malformed row at the time of the row before it.
type line struct {
	ts     time.Time
	val    float64
	period string // as written
	raw    string // the whole line
	bad    string // what is wrong; empty for an observation
	clock  bool   // what is wrong is that the clock never showed this time
}

// New returns a source that reads cfg.Path.
func New(cfg Config) *File { return &File{cfg: cfg} }

// Fetch returns the rows of w.
func (f *File) Fetch(ctx context.Context, w source.Window) (source.Fetched, error) {
	lines, err := f.read(ctx)
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
			if l.clock {
				rows.Fail(key, source.Failure{Step: "time", Period: l.period, Input: l.raw, Reason: l.bad})
				continue
			}
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
func (f *File) Unknown(ctx context.Context, keys []string) ([]string, error) {
	lines, err := f.read(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return len(lines[k]) > 0 }), nil
}

// read returns the lines of the file as it is now.
func (f *File) read(ctx context.Context) (map[string][]line, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cfg.URL != "" {
		return f.download(ctx)
	}
	info, err := os.Stat(f.cfg.Path)
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv path: %v; name a file that this process may read", err)
	}
	now := version{size: info.Size(), mtime: info.ModTime()}
	if f.lines != nil && now.size == f.was.size && now.mtime.Equal(f.was.mtime) {
		return f.lines, nil
	}
	in, err := os.Open(f.cfg.Path)
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv path: %v; name a file that this process may read", err)
	}
	defer in.Close()
	lines, err := f.unpack(in, strings.HasSuffix(f.cfg.Path, ".gz"))
	if err != nil {
		return nil, err
	}
	f.lines, f.was = lines, now
	return lines, nil
}

// name returns what the file is called in errors.
func (f *File) name() string { return cmp.Or(f.cfg.Path, Name(f.cfg.URL)) }

// Name returns a URL without its query, which may hold a secret.
func Name(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "URL"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

func (f *File) unpack(in io.Reader, zipped bool) (map[string][]line, error) {
	var r io.Reader = bufio.NewReaderSize(in, 1<<16)
	if zipped {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, source.Errorf(source.ErrConfig, "csv path: %s: %v; rename the file if it is not gzipped", f.name(), err)
		}
		r = z
	}
	return f.parse(r)
}

// columns are the indices of the columns; series is -1 when the file holds one series alone.
type columns struct{ series, period, value int }

func (f *File) parse(in io.Reader) (map[string][]line, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	if f.cfg.Separator != 0 {
		r.Comma = f.cfg.Separator
	}
	times := localtime.New(f.cfg.Time)
	header, err := r.Read()
	if err != nil {
		return nil, source.Errorf(source.ErrConfig, "csv path: %s: header: %v", f.name(), err)
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
			return nil, source.Errorf(source.ErrUnavailable, "csv path: %s: %v", f.name(), err)
		}
		key, ok := f.key(record, at)
		if !ok || !wanted[key] {
			continue
		}
		l := parseLine(times, key, record, at)
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
			return at, source.Errorf(source.ErrConfig, "csv columns: %s has no column %q, it has %s; set %s (%s in a file of sources)",
				f.name(), c.name, strings.Join(names, ", "), c.flag, strings.ReplaceAll(strings.TrimPrefix(c.flag, "csv-"), "-", "_"))
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

func parseLine(times *localtime.Reader, key string, record []string, at columns) line {
	l := line{raw: strings.Join(record, ",")}
	if at.period >= len(record) {
		l.bad = "period: field missing"
		return l
	}
	l.period = strings.Clone(record[at.period])
	ts, err := times.Time(key, l.period)
	if err != nil {
		l.bad, l.clock = err.Error(), errors.Is(err, localtime.ErrClock)
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
