package ingestor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parse reads flags as the service does.
func parse(t *testing.T, args ...string) Config {
	t.Helper()
	type flags Config // without Validate, which kong would call
	var f flags
	p, err := kong.New(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Config(f)
}

func TestDefaultsNeedAreasAndKey(t *testing.T) {
	t.Setenv("EIA_API_KEY", "")
	c := parse(t)
	want := []string{
		"areas: none given; name at least one, for example PJM,MISO,ERCO",
		"eia-key: missing; set EIA_API_KEY to the key from your registration e-mail (https://www.eia.gov/opendata/register.php)",
	}
	if got := strings.Split(fmt.Sprint(c.Validate()), "\n"); !slices.Equal(got, want) {
		t.Errorf("Validate() = %q, want %q", got, want)
	}
	t.Setenv("EIA_API_KEY", "secret")
	c = parse(t, "--areas=PJM,MISO")
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.Repull != 48*time.Hour || c.Backfill != 400 || c.EIA.URL != "https://api.eia.gov" || len(c.Areas) != 2 {
		t.Errorf("defaults %+v", c)
	}
	if _, err := New(c, Deps{}); err != nil {
		t.Error(err)
	}
}

// Every bad field is named at once, with what to do.
func TestValidateReportsAll(t *testing.T) {
	c := Config{
		Source: "a.b", Areas: []string{"PJM", "PJM", " X"}, Poll: -1, Repull: time.Minute, Lag: -1, Start: "tomorrow",
		EIA: EIAConfig{URL: "api.eia.gov", Key: "a", KeyFile: "b", Route: "fuel", Rate: -1},
	}
	err := c.Validate()
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("error %v", err)
	}
	var fields []string
	for line := range strings.Lines(err.Error()) {
		field, rest, _ := strings.Cut(line, ":")
		fields = append(fields, field)
		if !strings.Contains(rest, ";") {
			t.Errorf("no fix in %q", line)
		}
	}
	want := []string{
		"source", "areas", "areas", "poll", "repull", "lag", "start", "concurrency", "eia-url", "eia-key", "eia-route", "eia-rate",
		"eia-tries", "eia-failures", "eia-timeout", "eia-wait", "eia-max-wait", "eia-cooldown",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("fields %q, want %q in\n%v", fields, want, err)
	}
}

func TestCSVNeedsNoKey(t *testing.T) {
	t.Setenv("EIA_API_KEY", "")
	c := parse(t, "--areas=AEC", "--csv-path=demand.csv.gz", "--csv-value-column=raw_mw")
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.CSV.SeriesColumn != "series" || c.CSV.ValueColumn != "raw_mw" {
		t.Errorf("columns %+v", c.CSV)
	}
}

func TestSubAreasAreWrittenInFull(t *testing.T) {
	c := testConfig("MISO-0027", "PGAE")
	c.EIA.Route = "region-sub-ba-data"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), `"PGAE" is not a sub-area`) {
		t.Errorf("error %v", err)
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	c := testConfig("PJM")
	c.EIA.Key = "hunter2"
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(text), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c)} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("the key shows in %s", s)
		}
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	e := EIASpec{KeyFile: path}
	if _, err := e.apiKey(); !errors.Is(err, ErrConfig) {
		t.Errorf("error %v", err)
	}
	for text, want := range map[string]string{"abc\n": "abc", " \n": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := e.apiKey()
		if got != want || (err != nil) != (want == "") {
			t.Errorf("key of %q is %q, error %v", text, got, err)
		}
	}
}
