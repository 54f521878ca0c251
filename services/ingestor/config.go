package ingestor

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/eia"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Secret is text that does not print.
type Secret string

// String returns "REDACTED", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "REDACTED"
}

// GoString returns the same as String.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns the same as String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the secret as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(text)
	return nil
}

// Config says what to read and how often. Its fields are flags, environment variables and keys of the configuration
// file.
type Config struct {
	Source string   `help:"Name of the source, the first part of every series name." default:"eia" env:"BELLWETHER_SOURCE"`
	Areas  []string `help:"Keys to read: balancing authorities such as PJM, sub-areas such as MISO-0027, or series of the CSV file." env:"BELLWETHER_AREAS"`

	Poll        time.Duration `help:"Time between two refreshes; 0 refreshes only on request." default:"5m" env:"BELLWETHER_POLL"`
	Repull      time.Duration `help:"How far back every refresh asks again for revised values." default:"48h" env:"BELLWETHER_REPULL"`
	Lag         time.Duration `help:"Publication lag that is normal for the source." default:"1h" env:"BELLWETHER_LAG"`
	Backfill    int           `help:"Days of history to read first." default:"400" env:"BELLWETHER_BACKFILL"`
	Start       string        `help:"First period of history (2023-01-01T00), in place of the number of days." env:"BELLWETHER_START"`
	Unit        string        `help:"Unit of the values." default:"MWh"`
	Concurrency int           `help:"Backfills at the same time." default:"4"`

	Sources string `help:"File of sources, in place of the one source that the other flags describe; see docs/sources.md." env:"BELLWETHER_SOURCES" placeholder:"FILE"`
	Push    string `help:"Address at which observations are taken over HTTP, when a source of kind push is in the file of sources." default:"127.0.0.1:8091" env:"BELLWETHER_PUSH"`

	EIA EIAConfig `embed:"" prefix:"eia-"`
	CSV CSVConfig `embed:"" prefix:"csv-"`
}

// EIAConfig says how to read the EIA API v2.
type EIAConfig struct {
	URL      string        `help:"Base URL of the API." default:"https://api.eia.gov" env:"EIA_URL"`
	Key      Secret        `help:"API key. Give it by environment or file, not on the command line." env:"EIA_API_KEY" placeholder:"KEY"`
	KeyFile  string        `help:"File that holds the API key." env:"EIA_API_KEY_FILE"`
	Route    string        `help:"region-data, or region-sub-ba-data when all areas are sub-areas." default:"region-data" env:"EIA_ROUTE"`
	Type     string        `help:"Data type of region-data: D is demand." default:"D"`
	Rate     float64       `help:"Most requests a second. The service asks for less than 5." default:"2" env:"EIA_RATE"`
	Timeout  time.Duration `help:"Longest wait for one answer." default:"30s"`
	Tries    uint          `help:"Attempts for one page before the refresh gives up on it." default:"6"`
	Wait     time.Duration `help:"Pause before the second attempt; it grows." default:"500ms"`
	MaxWait  time.Duration `help:"Longest pause between two attempts." default:"30s"`
	Failures int           `help:"Failed requests in a row after which the API is left alone." default:"12"`
	Cooldown time.Duration `help:"How long it is left alone." default:"30s"`
}

// CSVConfig says how to read a CSV file in place of the API.
type CSVConfig struct {
	Path         string `help:"CSV file to read in place of the API, gzipped when it ends in .gz." env:"BELLWETHER_CSV"`
	SeriesColumn string `help:"Column with the key of the series." default:"series"`
	PeriodColumn string `help:"Column with the time, RFC 3339 or YYYY-MM-DDTHH in UTC." default:"period"`
	ValueColumn  string `help:"Column with the value." default:"value"`
}

const (
	day        = 24 * time.Hour
	startForm  = "2006-01-02T15"
	longRepull = 31 * day // more does not fit a cursor
)

// Validate reports all fields that cannot be used, one line each with what to do about it.
func (c Config) Validate() error {
	if c.Sources != "" {
		_, err := LoadFile(c.Sources)
		return errors.Join(err, c.validatePush())
	}
	var bad []error
	refuse := func(field, format string, args ...any) {
		bad = append(bad, source.Errorf(source.ErrConfig, field+": "+format, args...))
	}
	if c.Source == "" || strings.Contains(c.Source, ".") {
		refuse("source", "%q is not a name; use letters and digits without a dot, such as eia", c.Source)
	}
	c.validateAreas(refuse)
	positive := func(field string, d time.Duration) {
		if d <= 0 {
			refuse(field, "%s is not positive; set a duration such as 5m", d)
		}
	}
	if c.Poll < 0 {
		refuse("poll", "%s is negative; set a duration such as 5m, or 0 to refresh only on request", c.Poll)
	}
	if c.Repull < step || c.Repull > longRepull {
		refuse("repull", "%s is out of range; set 1h to %s", c.Repull, longRepull)
	}
	if c.Lag < 0 {
		refuse("lag", "%s is negative; set the time the source needs to publish, such as 1h", c.Lag)
	}
	if c.Backfill < 1 && c.Start == "" {
		refuse("backfill", "%d days is no history; set at least 1, or set start", c.Backfill)
	}
	if _, err := time.Parse(startForm, c.Start); c.Start != "" && err != nil {
		refuse("start", "%q is not a period; write it as 2023-01-01T00, in UTC", c.Start)
	}
	if c.Concurrency < 1 {
		refuse("concurrency", "%d is below 1; set 4", c.Concurrency)
	}
	if c.CSV.Path == "" {
		c.EIA.validate(refuse, positive)
	}
	return errors.Join(bad...)
}

func (c *Config) validateAreas(refuse func(field, format string, args ...any)) {
	if len(c.Areas) == 0 {
		refuse("areas", "none given; name at least one, for example PJM,MISO,ERCO")
	}
	seen := map[string]bool{}
	for _, a := range c.Areas {
		switch {
		case strings.TrimSpace(a) != a || a == "":
			refuse("areas", "%q is empty or has spaces; separate names by a comma alone", a)
		case seen[a]:
			refuse("areas", "%q is given twice; name it once", a)
		case c.CSV.Path == "" && c.EIA.Route == eia.RouteSubBA && !strings.Contains(a, "-"):
			refuse("areas", "%q is not a sub-area; write parent and sub-area as MISO-0027, or set eia-route to region-data", a)
		}
		seen[a] = true
	}
}

func (c *EIAConfig) validate(refuse func(field, format string, args ...any), positive func(string, time.Duration)) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" {
		refuse("eia-url", "not a base URL; set one such as https://api.eia.gov")
	}
	switch {
	case c.Key == "" && c.KeyFile == "":
		refuse("eia-key", "missing; set EIA_API_KEY to the key from your registration e-mail (https://www.eia.gov/opendata/register.php)")
	case c.Key != "" && c.KeyFile != "":
		refuse("eia-key", "given twice; set EIA_API_KEY or EIA_API_KEY_FILE, not both")
	}
	if c.Route != eia.RouteRegion && c.Route != eia.RouteSubBA {
		refuse("eia-route", "%q is not read; set %s or %s", c.Route, eia.RouteRegion, eia.RouteSubBA)
	}
	if c.Route == eia.RouteRegion && c.Type == "" {
		refuse("eia-type", "empty; set D for demand")
	}
	if c.Rate <= 0 {
		refuse("eia-rate", "%g is not positive; set 2", c.Rate)
	}
	if c.Tries < 1 {
		refuse("eia-tries", "0 never asks; set 6")
	}
	if c.Failures < 1 {
		refuse("eia-failures", "%d is below 1; set 12", c.Failures)
	}
	positive("eia-timeout", c.Timeout)
	positive("eia-wait", c.Wait)
	positive("eia-max-wait", c.MaxWait)
	positive("eia-cooldown", c.Cooldown)
}

// validatePush checks the address of the push port.
func (c *Config) validatePush() error {
	if _, _, err := net.SplitHostPort(c.Push); err != nil {
		return source.Errorf(source.ErrConfig, "push: %q is not host:port; set 127.0.0.1:8091", c.Push)
	}
	return nil
}

// spec returns the one source that the flags describe. c is valid.
func (c *Config) spec() Spec {
	kind := KindEIA
	if c.CSV.Path != "" {
		kind = KindCSV
	}
	s := Defaults(kind)
	s.Name, s.Series, s.Unit = c.Source, c.Areas, c.Unit
	s.Poll, s.Repull, s.Lag, s.Backfill, s.Start, s.Concurrency = c.Poll, c.Repull, c.Lag, c.Backfill, c.Start, c.Concurrency
	if kind == KindCSV {
		s.CSV.Path, s.CSV.SeriesColumn, s.CSV.PeriodColumn, s.CSV.ValueColumn = c.CSV.Path, c.CSV.SeriesColumn, c.CSV.PeriodColumn, c.CSV.ValueColumn
		return s
	}
	s.EIA = &EIASpec{
		URL: c.EIA.URL, KeyFile: c.EIA.KeyFile, Rate: c.EIA.Rate, Timeout: c.EIA.Timeout, Tries: c.EIA.Tries, Wait: c.EIA.Wait,
		MaxWait: c.EIA.MaxWait, Failures: c.EIA.Failures, Cooldown: c.EIA.Cooldown, key: c.EIA.Key, plain: c.EIA.Type,
	}
	return s
}

// specs returns the sources of the file, or the one that the flags describe.
func (c *Config) specs() ([]Spec, error) {
	if c.Sources == "" {
		return []Spec{c.spec()}, nil
	}
	f, err := LoadFile(c.Sources)
	return f.Sources, err
}
