package ingestor

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/eia"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/localtime"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/prep"
	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// Kinds of source.
const (
	KindEIA  = "eia"  // asks the EIA API v2
	KindCSV  = "csv"  // reads a file or a URL
	KindPush = "push" // is sent observations over HTTP
	KindNATS = "nats" // is sent observations over the bus
)

// keyVariable has the API key of the EIA, unless a source names another; with _FILE after it, the file that has it.
const keyVariable = "EIA_API_KEY"

// anyKey in place of the series of a source that is sent observations takes every key.
const anyKey = "*"

// File is the file of sources. The descriptions of its fields are also those of the JSON schema.
type File struct {
	Sources []Spec `yaml:"sources" json:"sources" jsonschema:"Where observations come from, each source under a name of its own."`
}

// Spec describes one source. What is left out has its default: see Defaults.
type Spec struct {
	Name   string   `yaml:"name" json:"name" jsonschema:"Name of the source, the first part of the name of every series: letters, digits, - and _."`
	Kind   string   `yaml:"kind" json:"kind" jsonschema:"eia, csv, push or nats. The section of the same name says more."`
	Series []string `yaml:"series" json:"series" jsonschema:"Keys of the series to publish. eia: PJM is demand, PJM.NG another type, MISO-0027 a sub-area. push and nats also take [\"*\"]: every key that is sent."`
	Unit   string   `yaml:"unit" json:"unit,omitempty" jsonschema:"Unit of the values as published, after all steps. Default MWh."`
	Zone   string   `yaml:"zone" json:"zone,omitempty" jsonschema:"IANA time zone in which the series have their days and weeks. Default: that of the balancing authority for kind eia and keys named like one, else UTC."`

	Poll        time.Duration `yaml:"poll" json:"poll,omitempty" jsonschema:"Time between two refreshes; 0s refreshes on request alone. push and nats: time between two lines of the refresh log. Default 5m."`
	Repull      time.Duration `yaml:"repull" json:"repull,omitempty" jsonschema:"How far back every refresh asks again for revised values, 1h to 744h. Default 48h."`
	Lag         time.Duration `yaml:"lag" json:"lag,omitempty" jsonschema:"Publication lag that is normal. Default 1h; for kind eia that of the type, see eia.lags."`
	Backfill    int           `yaml:"backfill" json:"backfill,omitempty" jsonschema:"Days of history to read first. Default 400."`
	Start       string        `yaml:"start" json:"start,omitempty" jsonschema:"First period of history in UTC (2023-01-01T00), in place of the number of days."`
	Concurrency int           `yaml:"concurrency" json:"concurrency,omitempty" jsonschema:"Series that are backfilled at the same time. Default 4."`

	EIA  *EIASpec  `yaml:"eia" json:"eia,omitempty" jsonschema:"How to ask the EIA API v2."`
	CSV  *CSVSpec  `yaml:"csv" json:"csv,omitempty" jsonschema:"How to read a CSV file."`
	Push *PushSpec `yaml:"push" json:"push,omitempty" jsonschema:"Who may send observations over HTTP."`
	NATS *NATSSpec `yaml:"nats" json:"nats,omitempty" jsonschema:"Where on the bus observations are sent."`

	Steps []StepSpec `yaml:"steps" json:"steps,omitempty" jsonschema:"What is done to the rows before they are published, in this order."`
}

// EIASpec says how to ask the EIA API v2. Which route is asked follows from the key.
type EIASpec struct {
	URL      string                   `yaml:"url" json:"url,omitempty" jsonschema:"Base URL. Default https://api.eia.gov."`
	KeyEnv   string                   `yaml:"key_env" json:"key_env,omitempty" jsonschema:"Environment variable with the API key. Default EIA_API_KEY."`
	KeyFile  string                   `yaml:"key_file" json:"key_file,omitempty" jsonschema:"File with the API key, in place of the variable. Default: what EIA_API_KEY_FILE names, if it is set."`
	Types    []string                 `yaml:"types" json:"types,omitempty" jsonschema:"Types to read of every key that names a balancing authority alone: D demand, DF day-ahead forecast, NG net generation, TI interchange. Default [D]."`
	Lags     map[string]time.Duration `yaml:"lags" json:"lags,omitempty" jsonschema:"Publication lag by type. Default D 1h, DF 4h, NG 5h, TI 28h."`
	Rate     float64                  `yaml:"rate" json:"rate,omitempty" jsonschema:"Most requests a second, shared by all sources with the same URL. The service asks for less than 5. Default 2."`
	Timeout  time.Duration            `yaml:"timeout" json:"timeout,omitempty" jsonschema:"Longest wait for one answer. Default 30s."`
	Tries    uint                     `yaml:"tries" json:"tries,omitempty" jsonschema:"Attempts for one page before the refresh gives up on it. Default 6."`
	Wait     time.Duration            `yaml:"wait" json:"wait,omitempty" jsonschema:"Pause before the second attempt; it grows. Default 500ms."`
	MaxWait  time.Duration            `yaml:"max_wait" json:"max_wait,omitempty" jsonschema:"Longest pause between two attempts. Default 30s."`
	Failures int                      `yaml:"failures" json:"failures,omitempty" jsonschema:"Failed requests in a row after which the API is left alone. Default 12."`
	Cooldown time.Duration            `yaml:"cooldown" json:"cooldown,omitempty" jsonschema:"How long it is left alone. Default 30s."`

	key   Secret // given by a flag, in place of variable and file
	plain string // type of a key without one; empty means D
}

// CSVSpec says how to read a CSV file. It has one row for each series and period.
type CSVSpec struct {
	Path         string   `yaml:"path" json:"path,omitempty" jsonschema:"File to read, gzipped when it ends in .gz; from where the process runs. One of path and url."`
	URL          string   `yaml:"url" json:"url,omitempty" jsonschema:"http or https URL to read, gzipped when its path ends in .gz. Asked again only for what changed (ETag, Last-Modified)."`
	SeriesColumn string   `yaml:"series_column" json:"series_column,omitempty" jsonschema:"Column with the key of the series; \"\" when the file holds one series alone. Default series."`
	PeriodColumn string   `yaml:"period_column" json:"period_column,omitempty" jsonschema:"Column with the time. Default period."`
	ValueColumn  string   `yaml:"value_column" json:"value_column,omitempty" jsonschema:"Column with the value. Default value."`
	Separator    string   `yaml:"separator" json:"separator,omitempty" jsonschema:"Character between columns. Default a comma."`
	Time         TimeSpec `yaml:"time" json:"time,omitzero" jsonschema:"How times are written."`
}

// TimeSpec says how a source writes times.
type TimeSpec struct {
	Zone   string        `yaml:"zone" json:"zone,omitempty" jsonschema:"IANA time zone of times without an offset. Default UTC."`
	Layout string        `yaml:"layout" json:"layout,omitempty" jsonschema:"Form of a time by the example of Go: 01/02/2006 15:04 is month/day/year hour:minute. Default: RFC 3339, YYYY-MM-DDTHH and YYYY-MM-DD HH:MM[:SS]."`
	Label  string        `yaml:"label" json:"label,omitempty" jsonschema:"ending: a time is the end of its period, as in hour-ending. beginning: it is the start. Default ending."`
	Period time.Duration `yaml:"period" json:"period,omitempty" jsonschema:"Length of a period as the source reports it. Default 1h."`
	Mark   string        `yaml:"mark" json:"mark,omitempty" jsonschema:"Text that marks an hour that is repeated when clocks go back, for example \" DST\" after the time. Without it the first of two equal times of a series is the earlier one."`
	Marked string        `yaml:"marked" json:"marked,omitempty" jsonschema:"Which of the two hours has the mark: first or second. Default second."`
}

// PushSpec says who may send observations over HTTP. One of the two fields is needed.
type PushSpec struct {
	TokenEnv  string   `yaml:"token_env" json:"token_env,omitempty" jsonschema:"Environment variable with the token that senders present as Authorization: Bearer TOKEN."`
	TokenFile string   `yaml:"token_file" json:"token_file,omitempty" jsonschema:"File with the token, in place of the variable. It is read again for each request."`
	MaxBytes  int64    `yaml:"max_bytes" json:"max_bytes,omitempty" jsonschema:"Largest body. Default 1048576."`
	Time      TimeSpec `yaml:"time" json:"time,omitzero" jsonschema:"How times are written."`
}

// NATSSpec says where on the bus observations are sent.
type NATSSpec struct {
	Stream  string   `yaml:"stream" json:"stream,omitempty" jsonschema:"JetStream stream that keeps the messages. Default BW_IN, which Bellwether lays out."`
	Subject string   `yaml:"subject" json:"subject,omitempty" jsonschema:"Subject to read, wildcards allowed. Default bw.in.<name of the source>."`
	Time    TimeSpec `yaml:"time" json:"time,omitzero" jsonschema:"How times are written."`
}

// StepSpec is one step. Exactly one of its fields is set.
type StepSpec struct {
	Convert  *ConvertSpec  `yaml:"convert" json:"convert,omitempty" jsonschema:"Converts units."`
	Resample *ResampleSpec `yaml:"resample" json:"resample,omitempty" jsonschema:"Brings shorter periods to the hourly grid. Kinds eia and csv alone."`
	Total    *TotalSpec    `yaml:"total" json:"total,omitempty" jsonschema:"Adds up series to one more, and may check the sum. Kinds eia and csv alone."`
}

// ConvertSpec converts units.
type ConvertSpec struct {
	From string   `yaml:"from" json:"from" jsonschema:"Unit of the values as they come: W, kW, MW, GW, TW, Wh, kWh, MWh, GWh, TWh, J, kJ, MJ, GJ, TJ, C, F or K."`
	To   string   `yaml:"to" json:"to" jsonschema:"Unit they get. From power to energy, or back, by the length of the period."`
	Only []string `yaml:"only" json:"only,omitempty" jsonschema:"Keys to convert. Default all."`
}

// ResampleSpec brings shorter periods to the hourly grid.
type ResampleSpec struct {
	From time.Duration `yaml:"from" json:"from" jsonschema:"Length of the periods as they come; a whole number of them makes an hour."`
	How  string        `yaml:"how" json:"how" jsonschema:"mean, for power and temperature, or sum, for energy."`
}

// TotalSpec adds up series.
type TotalSpec struct {
	Key       string   `yaml:"key" json:"key" jsonschema:"Key of the sum."`
	Of        []string `yaml:"of" json:"of" jsonschema:"Keys of the parts. They are fetched even if series does not name them."`
	Check     string   `yaml:"check" json:"check,omitempty" jsonschema:"Key that reports the same total: it is compared with the sum."`
	Tolerance float64  `yaml:"tolerance" json:"tolerance,omitempty" jsonschema:"Largest difference between the two, as a share of the total. Default 0.01."`
}

// Defaults returns a source of the kind with the default of every field.
func Defaults(kind string) Spec {
	s := Spec{
		Kind: kind, Unit: "MWh", Poll: 5 * time.Minute, Repull: 48 * time.Hour, Backfill: 400, Concurrency: 4,
	}
	when := TimeSpec{Label: "ending", Period: step, Marked: "second"}
	switch kind {
	case KindEIA:
		s.EIA = &EIASpec{
			URL: "https://api.eia.gov", KeyEnv: keyVariable, Rate: 2, Timeout: 30 * time.Second, Tries: 6,
			Wait: 500 * time.Millisecond, MaxWait: 30 * time.Second, Failures: 12, Cooldown: 30 * time.Second,
		}
	case KindCSV:
		s.CSV = &CSVSpec{SeriesColumn: "series", PeriodColumn: "period", ValueColumn: "value", Separator: ",", Time: when}
	case KindPush:
		s.Push = &PushSpec{MaxBytes: 1 << 20, Time: when}
	case KindNATS:
		s.NATS = &NATSSpec{Time: when}
	}
	return s
}

// pulled reports whether the source is asked, as against one that is sent observations.
func (s *Spec) pulled() bool { return s.Kind == KindEIA || s.Kind == KindCSV }

// keys returns the keys to publish, with types for those that stand for several.
func (s *Spec) keys() []string {
	if s.Kind != KindEIA || len(s.EIA.Types) == 0 {
		return s.Series
	}
	totals := map[string]bool{}
	for _, t := range s.totals() {
		totals[t.Key] = true
	}
	var out []string
	for _, key := range s.Series {
		kinds := s.EIA.Types
		if eia.Typed(key) || totals[key] {
			kinds = []string{eia.Demand}
		}
		for _, t := range kinds {
			if k := eia.Key(key, t); !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

func (s *Spec) totals() []TotalSpec {
	var out []TotalSpec
	for _, x := range s.Steps {
		if x.Total != nil {
			out = append(out, *x.Total)
		}
	}
	return out
}

// any reports whether the source takes every key it is sent.
func (s *Spec) any() bool { return len(s.Series) == 1 && s.Series[0] == anyKey }

// zone returns the time zone of a series.
func (s *Spec) zone(key string) string {
	if s.Zone != "" {
		return s.Zone
	}
	return Zone(key)
}

// lag returns the publication lag that is normal for a series.
func (s *Spec) lag(key string) time.Duration {
	if s.Kind == KindEIA && s.Lag == 0 {
		t := eia.TypeOf(key)
		if d, ok := s.EIA.Lags[t]; ok {
			return d
		}
		return eia.Lag(t)
	}
	if s.Lag == 0 {
		return time.Hour
	}
	return s.Lag
}

// expected returns the greatest age of the newest value of a series at which all is well. Just before the next period is
// published the newest one is a whole step older than just after.
func (s *Spec) expected(key string) time.Duration { return s.lag(key) + step + s.Poll }

// start returns the first period of a backfill that begins at asOf. Days begin at midnight UTC, so that a backfill that
// is begun again an hour later asks for the same windows.
func (s *Spec) start(asOf time.Time) (time.Time, error) {
	if s.Start == "" {
		return asOf.Add(-time.Duration(s.Backfill) * day).Truncate(day), nil
	}
	t, err := time.Parse(startForm, s.Start)
	if err != nil {
		return t, fmt.Errorf("start: %w: %w", err, ErrConfig)
	}
	return t, nil
}

// format returns how the source writes times.
func (t *TimeSpec) format() (localtime.Format, error) {
	f := localtime.Format{Layout: t.Layout, Beginning: t.Label == "beginning", Period: t.Period, Mark: t.Mark, MarkFirst: t.Marked == "first"}
	if t.Zone != "" {
		var err error
		if f.Zone, err = time.LoadLocation(t.Zone); err != nil {
			return f, fmt.Errorf("time zone: %w: %w", err, ErrConfig)
		}
	}
	return f, nil
}

// pipeline returns the steps of a valid source.
func (s *Spec) pipeline() (prep.Pipeline, error) {
	var p prep.Pipeline
	period := step
	if s.CSV != nil {
		period = s.CSV.Time.Period
	}
	for i, x := range s.Steps {
		var err error
		switch {
		case x.Convert != nil:
			err = p.Convert(x.Convert.From, x.Convert.To, period, x.Convert.Only)
		case x.Resample != nil:
			err = p.Resample(x.Resample.From, step, x.Resample.How)
			period = step
		case x.Total != nil:
			p.Total(prep.Total{Key: x.Total.Key, Of: x.Total.Of, Check: x.Total.Check, Tolerance: x.Total.tolerance()})
		}
		if err != nil {
			return p, source.Errorf(source.ErrConfig, "steps[%d].%v", i, err)
		}
	}
	return p, nil
}

func (t *TotalSpec) tolerance() float64 {
	if t.Tolerance == 0 {
		return 0.01
	}
	return t.Tolerance
}

// FieldError is what is wrong with one field of the file of sources, and what to do about it.
type FieldError struct {
	Line  int    // 0 when it is not known
	Field string // "sources[0].eia.rate"
	Text  string
}

// Error returns "line 3: sources[0].eia.rate: -1 is not positive; set 2".
func (e *FieldError) Error() string {
	text := e.Field + ": " + e.Text
	if e.Line > 0 {
		text = "line " + strconv.Itoa(e.Line) + ": " + text
	}
	return text
}

// Unwrap returns ErrConfig.
func (e *FieldError) Unwrap() error { return ErrConfig }

// refusals gathers the fields of one source that cannot be used.
type refusals struct {
	prefix string
	errs   []error
}

func (r *refusals) refuse(field, format string, args ...any) {
	r.errs = append(r.errs, &FieldError{Field: r.prefix + field, Text: fmt.Sprintf(format, args...)})
}

func (r *refusals) positive(field string, d time.Duration) {
	if d <= 0 {
		r.refuse(field, "%s is not positive; set a duration such as 5m", d)
	}
}

// Validate reports all fields that cannot be used, each as a FieldError.
func (f File) Validate() error {
	var errs []error
	if len(f.Sources) == 0 {
		errs = append(errs, &FieldError{Field: "sources", Text: "none given; name at least one, with name, kind and series"})
	}
	seen := map[string]int{}
	for i, s := range f.Sources {
		r := refusals{prefix: fmt.Sprintf("sources[%d].", i)}
		if first, twice := seen[s.Name]; twice && s.Name != "" {
			r.refuse("name", "%q is also the name of sources[%d]; give each its own", s.Name, first)
		}
		seen[s.Name] = i
		s.validate(&r)
		errs = append(errs, r.errs...)
	}
	return errors.Join(errs...)
}

// Validate reports all fields that cannot be used, each as a FieldError.
func (s Spec) Validate() error {
	var r refusals
	s.validate(&r)
	return errors.Join(r.errs...)
}

func (s *Spec) validate(r *refusals) {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(s.Name) {
		r.refuse("name", "%q is not a name; use letters, digits, - and _, such as eia", s.Name)
	}
	s.validateKind(r)
	s.validateSeries(r)
	if s.Unit == "" {
		r.refuse("unit", "empty; set the unit of the values as published, such as MWh")
	}
	if _, err := time.LoadLocation(s.Zone); err != nil {
		r.refuse("zone", "%q is not a time zone; use an IANA name such as America/New_York", s.Zone)
	}
	if s.Poll < 0 {
		r.refuse("poll", "%s is negative; set a duration such as 5m, or 0s to refresh only on request", s.Poll)
	}
	if s.Poll == 0 && !s.pulled() {
		r.refuse("poll", "0s would never write the refresh log; set 5m")
	}
	if s.Repull < step || s.Repull > longRepull {
		r.refuse("repull", "%s is out of range; set 1h to %s", s.Repull, longRepull)
	}
	if s.Lag < 0 {
		r.refuse("lag", "%s is negative; set the time the source needs to publish, such as 1h", s.Lag)
	}
	if s.Backfill < 1 && s.Start == "" {
		r.refuse("backfill", "%d days is no history; set at least 1, or set start", s.Backfill)
	}
	if _, err := time.Parse(startForm, s.Start); s.Start != "" && err != nil {
		r.refuse("start", "%q is not a period; write it as 2023-01-01T00, in UTC", s.Start)
	}
	if s.Concurrency < 1 {
		r.refuse("concurrency", "%d is below 1; set 4", s.Concurrency)
	}
	s.validateSteps(r)
}

func (s *Spec) validateKind(r *refusals) {
	kinds := []string{KindEIA, KindCSV, KindPush, KindNATS}
	if !slices.Contains(kinds, s.Kind) {
		r.refuse("kind", "%q is not a kind; set %s", s.Kind, strings.Join(kinds, ", "))
		return
	}
	for kind, given := range map[string]bool{KindEIA: s.EIA != nil, KindCSV: s.CSV != nil, KindPush: s.Push != nil, KindNATS: s.NATS != nil} {
		if given && kind != s.Kind {
			r.refuse(kind, "belongs to another kind; remove the section, or set kind to %s", kind)
		}
	}
	switch s.Kind {
	case KindEIA:
		s.EIA.validate(r)
	case KindCSV:
		s.CSV.validate(r)
	case KindPush:
		p := s.Push
		if (p.TokenEnv == "") == (p.TokenFile == "") {
			r.refuse("push.token_env", "token_env and token_file: want one of them; name where the token of the senders is")
		}
		if p.MaxBytes < 1<<10 || p.MaxBytes > 64<<20 {
			r.refuse("push.max_bytes", "%d is out of range; set 1024 to %d", p.MaxBytes, 64<<20)
		}
		p.Time.validate(r, "push.time.", false)
	case KindNATS:
		if s.NATS.Stream != "" && s.NATS.Subject == "" {
			r.refuse("nats.subject", "missing; name the subject of the stream %s to read", s.NATS.Stream)
		}
		s.NATS.Time.validate(r, "nats.time.", false)
	}
}

func (s *Spec) validateSeries(r *refusals) {
	if len(s.Series) == 0 {
		r.refuse("series", "none given; name at least one, for example [PJM, MISO, ERCO]")
	}
	if s.any() && !s.pulled() {
		return
	}
	totals := map[string]bool{}
	for _, t := range s.totals() {
		totals[t.Key] = true
	}
	seen := map[string]bool{}
	for i, key := range s.Series {
		field := fmt.Sprintf("series[%d]", i)
		switch {
		case key == "" || strings.TrimSpace(key) != key:
			r.refuse(field, "%q is empty or has spaces around it; write the key alone", key)
		case key == anyKey:
			r.refuse(field, "* stands alone, and for kinds push and nats; name the keys")
		case seen[key]:
			r.refuse(field, "%q is given twice; name it once", key)
		case s.Kind == KindEIA && !totals[key]:
			if err := eia.CheckKey(key); err != nil {
				r.refuse(field, "%v", err)
			}
		}
		seen[key] = true
	}
}

func (e *EIASpec) validate(r *refusals) {
	if u, err := url.Parse(e.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" {
		r.refuse("eia.url", "not a base URL; set one such as https://api.eia.gov")
	}
	if e.KeyEnv == "" && e.KeyFile == "" && e.key == "" {
		r.refuse("eia.key_env", "empty; name the environment variable with the API key, or set key_file")
	}
	for i, t := range e.Types {
		if eia.Lag(t) == 0 {
			r.refuse(fmt.Sprintf("eia.types[%d]", i), "%q is not a type; use D, DF, NG or TI", t)
		}
	}
	for t, d := range e.Lags {
		if eia.Lag(t) == 0 || d < 0 {
			r.refuse("eia.lags."+t, "%s: want the lag of D, DF, NG or TI, such as D: 1h", d)
		}
	}
	if e.Rate <= 0 {
		r.refuse("eia.rate", "%g is not positive; set 2", e.Rate)
	}
	if e.Tries < 1 {
		r.refuse("eia.tries", "0 never asks; set 6")
	}
	if e.Failures < 1 {
		r.refuse("eia.failures", "%d is below 1; set 12", e.Failures)
	}
	r.positive("eia.timeout", e.Timeout)
	r.positive("eia.wait", e.Wait)
	r.positive("eia.max_wait", e.MaxWait)
	r.positive("eia.cooldown", e.Cooldown)
}

func (c *CSVSpec) validate(r *refusals) {
	switch {
	case (c.Path == "") == (c.URL == ""):
		r.refuse("csv.path", "path and url: want one of them; name the file to read")
	case c.URL != "":
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			r.refuse("csv.url", "not an http or https URL; write it in full, such as https://example.org/load.csv")
		}
	}
	if c.PeriodColumn == "" {
		r.refuse("csv.period_column", "empty; name the column with the time")
	}
	if c.ValueColumn == "" {
		r.refuse("csv.value_column", "empty; name the column with the value")
	}
	if len([]rune(c.Separator)) != 1 || strings.ContainsAny(c.Separator, "\"\r\n") {
		r.refuse("csv.separator", `%q is not one character; set "," or ";"`, c.Separator)
	}
	c.Time.validate(r, "csv.time.", true)
}

func (t *TimeSpec) validate(r *refusals, prefix string, shorter bool) {
	if _, err := time.LoadLocation(t.Zone); err != nil {
		r.refuse(prefix+"zone", "%q is not a time zone; use an IANA name such as America/Chicago", t.Zone)
	}
	if t.Layout != "" {
		// A layout that leaves out the hour or the day reads back as another time.
		probe := time.Date(2021, 11, 23, 17, 0, 0, 0, time.UTC)
		if got, err := time.Parse(t.Layout, probe.Format(t.Layout)); err != nil || got.UTC().Format("2006-01-02T15") != probe.Format("2006-01-02T15") {
			r.refuse(prefix+"layout", "%q does not write year, month, day and hour by the example of 2006-01-02 15:04; for 31/12/2020 13:30 set 02/01/2006 15:04", t.Layout)
		}
	}
	if t.Label != "ending" && t.Label != "beginning" {
		r.refuse(prefix+"label", "%q is not a label; set ending or beginning", t.Label)
	}
	if t.Marked != "first" && t.Marked != "second" {
		r.refuse(prefix+"marked", "%q is not first or second; set which of two equal hours has the mark", t.Marked)
	}
	if t.Period <= 0 || t.Period > step || step%t.Period != 0 {
		r.refuse(prefix+"period", "%s does not divide an hour; set 1h, 30m, 15m or 5m", t.Period)
	} else if t.Period != step && !shorter {
		r.refuse(prefix+"period", "%s: what is sent is published as it comes; send hourly values and set 1h", t.Period)
	}
}

func (s *Spec) validateSteps(r *refusals) {
	period := step
	if s.Kind == KindCSV {
		period = s.CSV.Time.Period
	}
	unit := ""
	for i, x := range s.Steps {
		at := fmt.Sprintf("steps[%d].", i)
		given := 0
		for _, set := range []bool{x.Convert != nil, x.Resample != nil, x.Total != nil} {
			if set {
				given++
			}
		}
		if given != 1 {
			r.refuse(strings.TrimSuffix(at, "."), "%d steps in one; write convert, resample or total, each behind a dash of its own", given)
			continue
		}
		if (x.Resample != nil || x.Total != nil) && !s.pulled() {
			r.refuse(strings.TrimSuffix(at, "."), "needs all values of an hour at once, and what is sent comes as it comes; send hourly values and totals, or use kind csv")
		}
		switch {
		case x.Convert != nil:
			if err := new(prep.Pipeline).Convert(x.Convert.From, x.Convert.To, period, nil); err != nil {
				r.refuse(at+"convert", "%v", err)
			}
			if len(x.Convert.Only) == 0 {
				unit = x.Convert.To
			}
		case x.Resample != nil:
			if x.Resample.From != period {
				r.refuse(at+"resample.from", "%s, but values come every %s; set both alike, see csv.time.period", x.Resample.From, period)
			}
			if err := new(prep.Pipeline).Resample(x.Resample.From, step, x.Resample.How); err != nil {
				r.refuse(at+"resample", "%v", err)
			}
			period = step
		case x.Total != nil:
			x.Total.validate(r, at+"total.", s)
		}
	}
	if period != step {
		r.refuse("steps", "values come every %s and the grid is hourly; add resample: {from: %s, how: mean} for power, or how: sum for energy", period, period)
	}
	if unit != "" && unit != s.Unit {
		r.refuse("unit", "%q, but the steps convert to %q; set unit to %s", s.Unit, unit, unit)
	}
}

func (t *TotalSpec) validate(r *refusals, at string, s *Spec) {
	if t.Key == "" {
		r.refuse(at+"key", "empty; name the sum, such as CISO.sum")
	}
	if len(t.Of) < 2 {
		r.refuse(at+"of", "%d parts; name at least two keys", len(t.Of))
	}
	if slices.Contains(t.Of, t.Key) || t.Check == t.Key && t.Key != "" {
		r.refuse(at+"key", "%q is also a part or the check; give the sum a key of its own, such as %s.sum", t.Key, t.Key)
	}
	if t.Tolerance < 0 || t.Tolerance >= 1 {
		r.refuse(at+"tolerance", "%g is not a share of the total; set 0.01 for 1 %%", t.Tolerance)
	}
	earlier := map[string]bool{}
	for _, x := range s.totals() {
		if x.Key == t.Key {
			break
		}
		earlier[x.Key] = true
	}
	for i, key := range append(slices.Clone(t.Of), t.Check) {
		if s.Kind != KindEIA || key == "" || earlier[key] {
			continue
		}
		if err := eia.CheckKey(key); err != nil {
			field := at + "check"
			if i < len(t.Of) {
				field = fmt.Sprintf("%sof[%d]", at, i)
			}
			r.refuse(field, "%v", err)
		}
	}
}

// id returns the name of a series of the source.
func (s *Spec) id(key string) series.ID { return series.ID{Source: s.Name, Key: key} }
