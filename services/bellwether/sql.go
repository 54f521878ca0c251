package bellwether

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/bellwether-forecast/bellwether/libs/chio"
)

// SQL asks the record a question.
type SQL struct {
	Store chio.Config `embed:"" prefix:"clickhouse-" envprefix:"BELLWETHER_CLICKHOUSE_"`
	Query string      `arg:"" optional:"" help:"Query, in ClickHouse's SQL; without it, or as '-', standard input is read. It can read but not change anything."`
	CSV   bool        `help:"Print CSV with a header, all rows as they come, times in RFC 3339." xor:"format"`
	JSON  bool        `help:"Print JSON, one row a line, all rows as they come." xor:"format"`
}

// Help implements kong.HelpProvider.
func (SQL) Help() string {
	return `The views, whose names begin with v_, show each row once and in its newest version. The most asked for:

  v_observations       what happened          v_forecasts_latest  the newest forecast of every series
  v_revisions          as it became known     v_scores_daily      errors by series, day and model
  v_quarantine         what was kept back     v_models            which model serves, and why
  v_backtests          why it was chosen      v_alerts_open       what is wrong now
  v_queries            what the embedded store was asked, and what it cost

Look around:

  bellwether sql "SHOW TABLES"
  bellwether sql "DESCRIBE v_scores_daily"

Ask:

  bellwether sql "SELECT target_ts, mean, p05, p95 FROM v_forecasts_latest WHERE series = 'eia.PJM'"
  bellwether sql "SELECT series, avg(mape) AS mape FROM v_scores_daily WHERE day >= today() - 7 GROUP BY series ORDER BY mape"

Take data elsewhere, however much; it is passed on as it comes:

  bellwether sql --csv "SELECT * FROM v_observations" > observations.csv
  bellwether sql --json "SELECT * FROM v_quarantine" | jq .reason
  bellwether sql --clickhouse-query-timeout=1h --csv - < long.sql | zstd > result.csv.zst

A table ends after 1,000 rows. An error names ClickHouse's code, such as 60 for a table that does not exist.`
}

// maxTableRows is where a table ends: nobody reads on, and it is laid out in memory.
const maxTableRows = 1000

// errEnough ends a query whose further rows nobody sees.
var errEnough = errors.New("enough rows")

// Run implements the command.
func (s *SQL) Run(ctx context.Context, out Output) error {
	query, err := queryText(s.Query, os.Stdin)
	if err != nil {
		return err
	}
	store, err := Connection{Store: s.Store}.store(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	printer := s.printer(out.Out)
	rows := 0
	err = store.Each(ctx, query, func(columns []string, values []any) error {
		rows++
		return printer.row(columns, values)
	})
	if rows == 0 && err == nil {
		fmt.Fprintln(out.Err, "no rows")
		return nil
	}
	// What came before an error is worth seeing, too.
	if e := printer.end(); e != nil && (err == nil || errors.Is(err, errEnough)) {
		return e
	}
	if err != nil && !errors.Is(err, errEnough) {
		return errors.New(refusal(err))
	}
	return nil
}

// printer writes rows in one format.
type printer interface {
	row(columns []string, values []any) error
	end() error
}

func (s *SQL) printer(w io.Writer) printer {
	switch {
	case s.CSV:
		return &csvPrinter{out: csv.NewWriter(w)}
	case s.JSON:
		return newJSONPrinter(w)
	}
	return &tablePrinter{w: w}
}

// queryText returns the argument, or what in has when it stands for that.
func queryText(arg string, in io.Reader) (string, error) {
	if arg == "" || arg == "-" {
		data, err := io.ReadAll(in)
		if err != nil {
			return "", fmt.Errorf("read the query: %w", err)
		}
		arg = string(data)
	}
	query := strings.TrimRight(strings.TrimSpace(arg), "; \t\n")
	if query == "" {
		return "", errors.New("no query: give it as the argument, or on standard input")
	}
	if regexp.MustCompile(`(?i)\sFORMAT\s+\w+$`).MatchString(query) {
		return "", errors.New("query: leave out FORMAT; it is a table, or what --csv or --json says")
	}
	return query, nil
}

// refusal is an error of the store in one line: what the engine says, with its code, if it is of the engine.
func refusal(err error) string {
	line := strings.Join(strings.Fields(err.Error()), " ")
	// What stands before and behind is about the installation, not about the query.
	if said := regexp.MustCompile(`code: \d+, message: .*\([A-Z0-9_]+\)`).FindString(line); said != "" {
		return "query: " + said
	}
	return line
}

// tablePrinter lays the rows out when it has them all.
type tablePrinter struct {
	w       io.Writer
	columns []string
	rows    [][]any
	more    bool
}

func (p *tablePrinter) row(columns []string, values []any) error {
	if len(p.rows) == maxTableRows {
		p.more = true
		return errEnough
	}
	p.columns, p.rows = columns, append(p.rows, values)
	return nil
}

func (p *tablePrinter) end() error {
	if len(p.rows) == 0 {
		return nil
	}
	header := make([]any, len(p.columns))
	layouts := make([]string, len(p.columns))
	for i, c := range p.columns {
		header[i], layouts[i] = c, timeLayout(p.rows, i)
	}
	t := newTable(p.w, header...)
	t.Style().Format.Header = 0 // names as they are to be typed
	for _, row := range p.rows {
		cells := make(table.Row, len(row))
		for i, v := range row {
			cells[i] = text(v, layouts[i])
		}
		t.AppendRow(cells)
	}
	t.Render()
	if p.more {
		fmt.Fprintf(p.w, "the first %d rows; --csv prints all\n", maxTableRows)
	}
	return nil
}

// timeLayout is that of a date if every value of the column is one, or a time at midnight.
func timeLayout(rows [][]any, column int) string {
	for _, row := range rows {
		if t, ok := row[column].(time.Time); !ok || !t.Equal(t.Truncate(24*time.Hour)) {
			return "2006-01-02 15:04:05.999999999"
		}
	}
	return time.DateOnly
}

type csvPrinter struct {
	out   *csv.Writer
	cells []string
}

func (p *csvPrinter) row(columns []string, values []any) error {
	if p.cells == nil {
		p.cells = make([]string, len(columns))
		if err := p.out.Write(columns); err != nil {
			return err
		}
	}
	for i, v := range values {
		p.cells[i] = ""
		if !isNil(v) {
			p.cells[i] = text(v, time.RFC3339Nano)
		}
	}
	return p.out.Write(p.cells)
}

func (p *csvPrinter) end() error {
	p.out.Flush()
	return p.out.Error()
}

type jsonPrinter struct {
	buf *bufio.Writer
	enc *json.Encoder
}

func newJSONPrinter(w io.Writer) *jsonPrinter {
	p := &jsonPrinter{buf: bufio.NewWriter(w)}
	p.enc = json.NewEncoder(p.buf)
	p.enc.SetEscapeHTML(false)
	return p
}

func (p *jsonPrinter) row(columns []string, values []any) error {
	line := make(object, len(values))
	for i, v := range values {
		line[i] = member{columns[i], jsonValue(v)}
	}
	return p.enc.Encode(line)
}

func (p *jsonPrinter) end() error { return p.buf.Flush() }

// text is a value for people. Arrays and maps look as they do in a query; what is not known is NULL.
func text(v any, layout string) string {
	if isNil(v) {
		return "NULL"
	}
	switch x := v.(type) {
	case string:
		return x
	case time.Time:
		return x.UTC().Format(layout)
	case *big.Int:
		return x.String()
	}
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		return text(r.Elem().Interface(), layout)
	}
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	switch r.Kind() {
	case reflect.Float32, reflect.Float64:
		return number(r.Float(), r.Type().Bits())
	case reflect.Slice, reflect.Array:
		items := make([]string, r.Len())
		for i := range items {
			items[i] = quoted(r.Index(i).Interface(), layout)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		var items []string
		for _, k := range sortedKeys(r) {
			items = append(items, quoted(k.Interface(), layout)+": "+quoted(r.MapIndex(k).Interface(), layout))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// quoted is a value within an array or a map.
func quoted(v any, layout string) string {
	switch v.(type) {
	case string, time.Time:
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text(v, layout)) + "'"
	}
	return text(v, layout)
}

// number writes a float with the digits it needs, without an exponent unless it is very long.
func number(x float64, bits int) string {
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e15) {
		return strconv.FormatFloat(x, 'g', -1, bits)
	}
	return strconv.FormatFloat(x, 'f', -1, bits)
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || (r.Kind() == reflect.Pointer || r.Kind() == reflect.Interface) && r.IsNil()
}

func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		return cmp.Compare(text(a.Interface(), time.RFC3339Nano), text(b.Interface(), time.RFC3339Nano))
	})
	return keys
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonValue makes v something JSON has: NaN, the infinities and times that are not set become null.
func jsonValue(v any) any {
	if isNil(v) {
		return nil
	}
	switch x := v.(type) {
	case time.Time:
		if x.IsZero() {
			return nil
		}
		return x.UTC()
	case *big.Int:
		return x
	}
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		return jsonValue(r.Elem().Interface())
	}
	if s, ok := v.(fmt.Stringer); ok {
		return s.String()
	}
	switch r.Kind() {
	case reflect.Float32, reflect.Float64:
		if x := r.Float(); math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
	case reflect.Slice, reflect.Array:
		items := make([]any, r.Len())
		for i := range items {
			items[i] = jsonValue(r.Index(i).Interface())
		}
		return items
	case reflect.Map:
		o := make(object, 0, r.Len())
		for _, k := range sortedKeys(r) {
			o = append(o, member{text(k.Interface(), time.RFC3339Nano), jsonValue(r.MapIndex(k).Interface())})
		}
		return o
	case reflect.Struct:
		return fields(r)
	}
	return v
}

// fields returns the exported fields of a struct that are set.
func fields(r reflect.Value) object {
	o := object{}
	for i := range r.NumField() {
		if f := r.Type().Field(i); f.IsExported() && !r.Field(i).IsZero() {
			o = append(o, member{f.Name, jsonValue(r.Field(i).Interface())})
		}
	}
	return o
}
