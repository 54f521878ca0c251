package bellwether

import (
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
	CSV   bool        `help:"Print CSV with a header, all rows, times in RFC 3339." xor:"format"`
	JSON  bool        `help:"Print JSON, one row a line." xor:"format"`
}

// maxTableRows is where a table ends: nobody reads on, and it is laid out in memory.
const maxTableRows = 1000

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
	columns, rows, err := store.Query(ctx, query)
	if err != nil {
		return errors.New(refusal(err))
	}
	if len(rows) == 0 {
		fmt.Fprintln(out.Err, "no rows")
		return nil
	}
	switch {
	case s.CSV:
		return writeCSV(out.Out, columns, rows)
	case s.JSON:
		return writeJSON(out.Out, columns, rows)
	}
	writeTable(out.Out, columns, rows)
	return nil
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

func writeTable(w io.Writer, columns []string, rows [][]any) {
	header := make([]any, len(columns))
	layouts := make([]string, len(columns))
	for i, c := range columns {
		header[i], layouts[i] = c, timeLayout(rows, i)
	}
	t := newTable(w, header...)
	t.Style().Format.Header = 0 // names as they are to be typed
	for _, row := range rows[:min(len(rows), maxTableRows)] {
		cells := make(table.Row, len(row))
		for i, v := range row {
			cells[i] = text(v, layouts[i])
		}
		t.AppendRow(cells)
	}
	t.Render()
	if len(rows) > maxTableRows {
		fmt.Fprintf(w, "the first %d of %d rows; --csv prints all\n", maxTableRows, len(rows))
	}
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

func writeCSV(w io.Writer, columns []string, rows [][]any) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns); err != nil {
		return err
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, v := range row {
			if !isNil(v) {
				cells[i] = text(v, time.RFC3339Nano)
			}
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeJSON(w io.Writer, columns []string, rows [][]any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, row := range rows {
		line := make(object, len(row))
		for i, v := range row {
			line[i] = member{columns[i], jsonValue(v)}
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

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
