package csvfile_test

import (
	"compress/gzip"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/csvfile"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

const good = `series,period,raw_mw,category
AEC,2020-01-01T00,525,OKAY
AEC,2020-01-01T01,MISSING,MISSING
TVA,2020-01-01T00,18000,OKAY
AEC,2020-01-01T02,561.5,OKAY
`

func hour(h int) time.Time { return time.Date(2020, 1, 1, h, 0, 0, 0, time.UTC) }

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		text = b.String()
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func config(path string) csvfile.Config {
	return csvfile.Config{Path: path, Series: "series", Period: "period", Value: "raw_mw", Keys: []string{"AEC", "TVA"}}
}

func window(keys ...string) source.Window {
	return source.Window{From: hour(0), To: hour(23), Keys: keys}
}

func TestFetch(t *testing.T) {
	for name, file := range map[string]string{
		"plain":                  write(t, "a.csv", good),
		"gzipped":                write(t, "a.csv.gz", good),
		"byte order mark, CR LF": write(t, "b.csv", "\ufeff"+strings.ReplaceAll(good, "\n", "\r\n")),
		"RFC 3339":               write(t, "c.csv", strings.ReplaceAll(good, ",2020-01-01T00,", ",2019-12-31T19:00:00-05:00,")),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := csvfile.New(config(file)).Fetch(t.Context(), window("AEC"))
			if err != nil {
				t.Fatal(err)
			}
			want := source.Fetched{Pages: 1, Count: 3, Keys: map[string]source.Rows{"AEC": {Obs: []series.Observation{
				{TS: hour(0), Value: 525}, {TS: hour(1), Value: math.NaN()}, {TS: hour(2), Value: 561.5},
			}}}}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("fetched (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWindowIsInclusive(t *testing.T) {
	f := csvfile.New(config(write(t, "a.csv", good)))
	got, err := f.Fetch(t.Context(), source.Window{From: hour(1), To: hour(2), Keys: []string{"AEC", "TVA"}})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := len(got.Keys["AEC"].Obs), len(got.Keys["TVA"].Obs); a != 2 || b != 0 {
		t.Errorf("%d and %d observations, want 2 and 0", a, b)
	}
}

func TestBadCellsAreMalformed(t *testing.T) {
	text := `series,period,raw_mw
AEC,yesterday,1
AEC,2020-01-01T00,abc
AEC,2020-01-01T01
AEC,2020-01-01T02,Inf
AEC,2020-01-01T03,7
AEC,2020-01-01T03,8
`
	got, err := csvfile.New(config(write(t, "a.csv", text))).Fetch(t.Context(), window("AEC"))
	if err != nil {
		t.Fatal(err)
	}
	want := source.Rows{
		Obs:   []series.Observation{{TS: hour(3), Value: 7}},
		Twins: []series.Observation{{TS: hour(3), Value: 8}},
		Malformed: []series.Malformed{
			{Period: "yesterday", Payload: "AEC,yesterday,1", Reason: `period: "yesterday", want RFC 3339 or YYYY-MM-DDTHH`},
			{Period: "2020-01-01T00", Payload: "AEC,2020-01-01T00,abc", Reason: `value: "abc" is not a number`},
			{Period: "2020-01-01T01", Payload: "AEC,2020-01-01T01", Reason: "value: field missing"},
			{Period: "2020-01-01T02", Payload: "AEC,2020-01-01T02,Inf", Reason: `value: "Inf" is not a number`},
		},
	}
	if diff := cmp.Diff(want, got.Keys["AEC"]); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestOperatorErrors(t *testing.T) {
	dir := t.TempDir()
	plain := write(t, "plain.csv.gz.csv", good)
	fake := filepath.Join(dir, "fake.csv.gz")
	if err := os.WriteFile(fake, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*csvfile.Config)
		want   string
	}{
		"no file":    {func(c *csvfile.Config) { c.Path = filepath.Join(dir, "none.csv") }, "csv path: stat "},
		"not a gzip": {func(c *csvfile.Config) { c.Path = fake }, "rename the file if it is not gzipped"},
		"no series column": {
			func(c *csvfile.Config) { c.Series = "area" },
			`has no column "area", it has series, period, raw_mw, category; set csv-series-column`,
		},
		"no period column": {func(c *csvfile.Config) { c.Period = "ts" }, `has no column "ts", it has series, period, raw_mw, category; set csv-period-column`},
		"no value column":  {func(c *csvfile.Config) { c.Value = "mw" }, `has no column "mw", it has series, period, raw_mw, category; set csv-value-column`},
		"empty file":       {func(c *csvfile.Config) { c.Path = write(t, "empty.csv", "") }, "header: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(plain)
			tc.change(&cfg)
			_, err := csvfile.New(cfg).Fetch(t.Context(), window("AEC"))
			if !errors.Is(err, source.ErrConfig) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tc.want)
			}
		})
	}
}

func TestFileWithOneSeries(t *testing.T) {
	cfg := config(write(t, "a.csv", "when,mw\n2020-01-01T00,5\n"))
	cfg.Series, cfg.Period, cfg.Value, cfg.Keys = "", "when", "mw", []string{"load"}
	got, err := csvfile.New(cfg).Fetch(t.Context(), window("load"))
	if err != nil || len(got.Keys["load"].Obs) != 1 {
		t.Errorf("fetched %+v, error %v", got, err)
	}
}

func TestUnknownAndChangedFile(t *testing.T) {
	path := write(t, "a.csv", good)
	cfg := config(path)
	cfg.Keys = []string{"AEC", "XYZ"}
	f := csvfile.New(cfg)
	unknown, err := f.Unknown(t.Context(), cfg.Keys)
	if diff := cmp.Diff([]string{"XYZ"}, unknown); diff != "" || err != nil {
		t.Errorf("unknown (-want +got), error %v:\n%s", err, diff)
	}
	if err := os.WriteFile(path, []byte(good+"XYZ,2020-01-01T00,1,OKAY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if unknown, err = f.Unknown(t.Context(), cfg.Keys); len(unknown) != 0 || err != nil {
		t.Errorf("after the file changed: unknown %q, error %v", unknown, err)
	}
}
