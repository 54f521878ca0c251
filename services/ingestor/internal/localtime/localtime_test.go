package localtime_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/localtime"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// Oracle: the offsets of the IANA time zone database, written out by hand: Chicago is UTC-6 and in summer UTC-5, and
// changed on 2020-03-08 and 2020-11-01 at 02:00.
func TestTime(t *testing.T) {
	chicago := zone(t, "America/Chicago")
	ercot := localtime.Format{Zone: chicago, Layout: "01/02/2006 15:04", Mark: " DST"}
	for name, tc := range map[string]struct {
		f    localtime.Format
		in   []string
		want []string // RFC 3339, or the start of the error after "!"
	}{
		"hour-ending in UTC": {localtime.Format{}, []string{"2020-01-02T05", "2020-01-02 05:00"}, []string{"2020-01-02T05:00:00Z", "2020-01-02T05:00:00Z"}},
		"hour-beginning":     {localtime.Format{Beginning: true}, []string{"2020-01-02T05", "2020-01-02T05:00:00+02:00"}, []string{"2020-01-02T06:00:00Z", "2020-01-02T04:00:00Z"}},
		"half-hour-beginning": {
			localtime.Format{Beginning: true, Period: 30 * time.Minute}, []string{"2020-01-02T05:30"}, []string{"2020-01-02T06:00:00Z"},
		},
		"24:00 is the next midnight": {
			ercot,
			[]string{"01/31/2020 24:00", "12/31/2020 24:00", "02/28/2020 23:00"},
			[]string{"2020-02-01T06:00:00Z", "2021-01-01T06:00:00Z", "2020-02-29T05:00:00Z"},
		},
		"the hour that is not there, by the start of hours": {ercot, []string{"03/08/2020 02:00", "03/08/2020 04:00"}, []string{"2020-03-08T08:00:00Z", "2020-03-08T09:00:00Z"}},
		"the hour that is not there, by the end of hours":   {ercot, []string{"03/08/2020 03:00"}, []string{"2020-03-08T08:00:00Z"}},
		"the repeated hour, marked": {
			ercot,
			[]string{"11/01/2020 02:00 DST", "11/01/2020 02:00", "11/01/2020 03:00"},
			[]string{"2020-11-01T08:00:00Z", "2020-11-01T07:00:00Z", "2020-11-01T09:00:00Z"},
		},
		"the repeated hour, first marked": {
			localtime.Format{Zone: chicago, Mark: "*", MarkFirst: true},
			[]string{"2020-11-01 02:00*", "2020-11-01 02:00"},
			[]string{"2020-11-01T07:00:00Z", "2020-11-01T08:00:00Z"},
		},
		"the repeated hour, by order": {
			localtime.Format{Zone: chicago},
			[]string{"2020-11-01 01:00", "2020-11-01 02:00", "2020-11-01 02:00", "2020-11-01 03:00"},
			[]string{"2020-11-01T06:00:00Z", "2020-11-01T07:00:00Z", "2020-11-01T08:00:00Z", "2020-11-01T09:00:00Z"},
		},
		"beginnings on both days": {
			localtime.Format{Zone: chicago, Beginning: true},
			[]string{"2020-03-08 01:00", "2020-03-08 02:00", "2020-03-08 03:00", "2020-11-01 01:00", "2020-11-01 01:00"},
			[]string{"2020-03-08T08:00:00Z", "!period: \"2020-03-08 02:00\" does not exist in America/Chicago", "2020-03-08T09:00:00Z", "2020-11-01T07:00:00Z", "2020-11-01T08:00:00Z"},
		},
		"a mark where no hour is repeated": {ercot, []string{"11/02/2020 02:00 DST"}, []string{`!period: "11/02/2020 02:00 DST" is marked as repeated`}},
		"an offset says it all":            {localtime.Format{Zone: chicago}, []string{"2020-11-01T02:00:00-06:00"}, []string{"2020-11-01T08:00:00Z"}},
		"nonsense": {
			localtime.Format{},
			[]string{"yesterday", "2020-01-02T25", "2020-02-30T01", "2020-01-02 24:30", ""},
			[]string{`!period: "yesterday", want RFC 3339`, `!period: "2020-01-02T25"`, `!period: "2020-02-30T01"`, `!period: "2020-01-02 24:30"`, `!period: ""`},
		},
		"a half-hour zone": {localtime.Format{Zone: zone(t, "Australia/Lord_Howe")}, []string{"2020-07-01 12:00"}, []string{"2020-07-01T01:30:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := localtime.New(tc.f)
			for i, in := range tc.in {
				got, err := r.Time("a", in)
				if text, bad := strings.CutPrefix(tc.want[i], "!"); bad {
					if err == nil || !strings.HasPrefix(err.Error(), text) {
						t.Errorf("%s: %s, error %v, want %s", in, got, err, text)
					}
					continue
				}
				if err != nil || got.Format(time.RFC3339) != tc.want[i] {
					t.Errorf("%s: %s, error %v, want %s", in, got.Format(time.RFC3339), err, tc.want[i])
				}
			}
		})
	}
}

// Every hour of a year is read back from what the clock on the wall shows at its start, in zones with and without
// summer time and on both sides of the equator. Oracle: package time in the other direction.
func TestEveryHourOfAYear(t *testing.T) {
	for _, name := range []string{"America/New_York", "Europe/Paris", "Australia/Sydney", "Asia/Kolkata", "America/Phoenix"} {
		z := zone(t, name)
		r := localtime.New(localtime.Format{Zone: z, Beginning: true})
		for h := range 366 * 24 {
			begin := time.Date(2020, 1, 1, h, 0, 0, 0, time.UTC)
			got, err := r.Time("a", begin.In(z).Format("2006-01-02 15:04"))
			if err != nil || !got.Equal(begin.Add(time.Hour)) {
				t.Fatalf("%s, hour from %s: %s, error %v", name, begin, got, err)
			}
		}
	}
}

// The hours of Texas from 2016 to 2025 as the operator published them, with 24:00, marks, an unmarked repetition in 2016
// and two habits on the day in spring, are every hour once, but for one that the file lacks: 00:00 on 7 November 2016.
// Oracle: the grid.
func TestERCOT(t *testing.T) {
	dir := os.Getenv("BELLWETHER_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	in, err := os.Open(filepath.Join(dir, "ercot_native_load_hourly_2016_2025.csv.gz"))
	if err != nil {
		t.Skip("no real data in BELLWETHER_DATA: TestTime covers the rules by hand")
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	r := localtime.New(localtime.Format{Zone: zone(t, "America/Chicago"), Layout: "01/02/2006 15:04", Mark: "DST"})
	last := map[string]time.Time{}
	rows, gaps := 0, 0
	for lines := bufio.NewScanner(z); lines.Scan(); {
		f := strings.Split(lines.Text(), ",")
		if f[0] == "zone" {
			continue
		}
		ts, err := r.Time(f[0], f[1])
		if err != nil {
			t.Fatalf("row %d: %v", rows, err)
		}
		if before, ok := last[f[0]]; ok && ts.Sub(before) != time.Hour && f[1] != "11/07/2016 01:00" {
			if gaps++; gaps < 5 {
				t.Errorf("%s: %q is %s, after %s", f[0], f[1], ts, before)
			}
		}
		last[f[0]] = ts
		rows++
	}
	if rows < 300_000 || len(last) != 4 || gaps > 0 {
		t.Errorf("%d rows of %d zones, %d steps that are not an hour", rows, len(last), gaps)
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2020-01-02T05", "11/01/2020 02:00 DST", "2020-01-02 24:00", "24", ""} {
		f.Add(s, "01/02/2006 15:04", true)
	}
	z := zone(f, "America/Chicago")
	f.Fuzz(func(t *testing.T, text, layout string, beginning bool) {
		r := localtime.New(localtime.Format{Zone: z, Layout: layout, Beginning: beginning, Mark: "DST"})
		if ts, err := r.Time("a", text); err == nil && ts.Location() != time.UTC {
			t.Errorf("%q with %q: %s is not UTC", text, layout, ts)
		}
	})
}
