package chio

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// typeCases are values of every column type of the record, an ordinary and an extreme one each.
func typeCases() map[string][2]any {
	at := time.Date(2026, 3, 1, 12, 34, 56, 789e6, time.UTC)
	last := time.Date(2261, 12, 31, 23, 59, 59, 999e6, time.UTC)
	const text = "it's a \t tab, \"quotes\", \\ and ünïcode\n"
	return map[string][2]any{
		"String":                              {text, "\x00\xff binary"},
		"LowCardinality(String)":              {text, ""},
		"Float64":                             {-0.1, math.Inf(1)},
		"Bool":                                {true, false},
		"UInt8":                               {uint8(1), uint8(math.MaxUint8)},
		"UInt16":                              {uint16(1), uint16(math.MaxUint16)},
		"UInt32":                              {uint32(1), uint32(math.MaxUint32)},
		"UInt64":                              {uint64(1), uint64(math.MaxUint64)},
		"Int64":                               {int64(-1), int64(math.MinInt64)},
		"Date":                                {at.Truncate(24 * time.Hour), time.Unix(0, 0).UTC()},
		"DateTime('UTC')":                     {at.Truncate(time.Second), time.Unix(0, 0).UTC()},
		"DateTime64(3, 'UTC')":                {at, last},
		"Array(String)":                       {[]string{text, "", "x"}, []string{}},
		"Array(LowCardinality(String))":       {[]string{"pass", text, "pass"}, []string{}},
		"Array(Float64)":                      {[]float64{1.5, math.NaN(), math.Inf(-1)}, []float64{}},
		"Map(LowCardinality(String), String)": {map[string]string{"k": text, "": ""}, map[string]string{}},
	}
}

// allColumns are those of a table that has all types, with two rows.
type allColumns struct {
	names  []string
	types  []string
	values [2][]any
}

// allTypes returns a table with a column of every type that the migrations make, and rows of it. The types are asked
// of the store after it was migrated: one that has no case fails the test.
func allTypes(t *testing.T, s *Store) (string, allColumns) {
	t.Helper()
	_, rows, err := s.Query(t.Context(), "SELECT DISTINCT type FROM system.columns WHERE database = currentDatabase() ORDER BY type")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, row := range rows {
		found = append(found, row[0].(string))
	}
	cases := typeCases()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(cases)), found); diff != "" {
		t.Fatalf("column types of the migrations need values to be tested with (-cases +migrations):\n%s", diff)
	}
	c := allColumns{names: []string{"id"}, types: []string{"UInt8"}, values: [2][]any{{uint8(0)}, {uint8(1)}}}
	definition := "`id` UInt8"
	for i, typ := range found {
		name := fmt.Sprintf("c%02d", i)
		definition += fmt.Sprintf(", `%s` %s", name, typ)
		c.names, c.types = append(c.names, name), append(c.types, typ)
		for row := range c.values {
			c.values[row] = append(c.values[row], cases[typ][row])
		}
	}
	if err := s.conn.Exec(t.Context(), "CREATE OR REPLACE TABLE conformance ("+definition+") ENGINE = MergeTree ORDER BY id"); err != nil {
		t.Fatal(err)
	}
	return "conformance", c
}

func (c allColumns) list() string { return "`" + strings.Join(c.names, "`, `") + "`" }

// targets are where a row is scanned to; values are what it was scanned to.
func (c allColumns) targets() []any {
	out := make([]any, len(c.types))
	for i := range out {
		out[i] = reflect.New(reflect.TypeOf(c.values[0][i])).Interface()
	}
	return out
}

func values(targets []any) []any {
	out := make([]any, len(targets))
	for i, target := range targets {
		out[i] = reflect.ValueOf(target).Elem().Interface()
	}
	return out
}

func (c allColumns) check(t *testing.T, got [][]any) {
	t.Helper()
	if diff := cmp.Diff([][]any{c.values[0], c.values[1]}, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("values mismatch (-sent +received), columns %v:\n%s", c.types, diff)
	}
}

// compressions are the ways in which clickhouse-go packs bodies over HTTP.
func compressions() map[string]clickhouse.CompressionMethod {
	return map[string]clickhouse.CompressionMethod{
		"plain": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD,
		"gzip": clickhouse.CompressionGZIP, "deflate": clickhouse.CompressionDeflate, "br": clickhouse.CompressionBrotli,
	}
}

func clientOptions(t *testing.T, method clickhouse.CompressionMethod) *clickhouse.Options {
	t.Helper()
	o, err := config(t).options(config(t).Database)
	if err != nil {
		t.Fatal(err)
	}
	o.Compression = &clickhouse.Compression{Method: method, Level: 3}
	return o
}

// The oracle of these tests is what was sent.
func TestConformanceOfNativeAPI(t *testing.T) {
	table, c := allTypes(t, open(t))
	for name, method := range compressions() {
		conn, err := clickhouse.Open(clientOptions(t, method))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
			t.Fatal(err)
		}
		batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table+" ("+c.list()+")")
		if err != nil {
			t.Fatal(err)
		}
		defer batch.Close()
		for _, row := range c.values {
			if err := batch.Append(row...); err != nil {
				t.Fatal(err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := conn.Query(t.Context(), "SELECT "+c.list()+" FROM "+table+" ORDER BY id")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got [][]any
		for rows.Next() {
			targets := c.targets()
			if err := rows.Scan(targets...); err != nil {
				t.Fatal(err)
			}
			got = append(got, values(targets))
		}
		if err := errors.Join(rows.Err(), rows.Close(), conn.Close()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.check(t, got)
	}
}

func TestConformanceOfDatabaseSQL(t *testing.T) {
	table, c := allTypes(t, open(t))
	for name, method := range compressions() {
		db := clickhouse.OpenDB(clientOptions(t, method))
		if _, err := db.ExecContext(t.Context(), "TRUNCATE TABLE "+table); err != nil {
			t.Fatal(err)
		}
		if err := insertBySQL(t.Context(), db, table, c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := db.QueryContext(t.Context(), "SELECT "+c.list()+" FROM "+table+" WHERE id < ? ORDER BY id", 9)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got [][]any
		for rows.Next() {
			targets := c.targets()
			if err := rows.Scan(targets...); err != nil {
				t.Fatal(err)
			}
			got = append(got, values(targets))
		}
		if err := errors.Join(rows.Err(), rows.Close(), db.Close()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.check(t, got)
	}
}

func insertBySQL(ctx context.Context, db *sql.DB, table string, c allColumns) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	stmt, err := tx.PrepareContext(ctx, "INSERT INTO "+table+" ("+c.list()+")")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, row := range c.values {
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Every type as a parameter of a query: the values go by URL and come back.
func TestConformanceOfParameters(t *testing.T) {
	s := open(t)
	_, c := allTypes(t, s)
	for i, typ := range c.types {
		for row := range c.values {
			want := c.values[row][i]
			if reflect.TypeOf(want).Kind() == reflect.Slice || reflect.TypeOf(want).Kind() == reflect.Map || want == "\x00\xff binary" {
				continue // clickhouse-go writes these into the statement
			}
			text := fmt.Sprint(want)
			if at, ok := want.(time.Time); ok {
				text = at.Format(map[string]string{"Date": time.DateOnly, "DateTime('UTC')": time.DateTime}[typ])
				if typ == "DateTime64(3, 'UTC')" {
					text = at.Format("2006-01-02 15:04:05.000")
				}
			}
			target := reflect.New(reflect.TypeOf(want))
			// The parameter has the bare type: LowCardinality is how a column is stored.
			query := fmt.Sprintf("SELECT CAST({p:%s}, $$%s$$)", strings.TrimSuffix(strings.TrimPrefix(typ, "LowCardinality("), strings.Repeat(")", strings.Count(typ, "LowCardinality("))), typ)
			if err := s.conn.QueryRow(t.Context(), query, clickhouse.Named("p", text)).Scan(target.Interface()); err != nil {
				t.Errorf("%s: %v", query, err)
			} else if diff := cmp.Diff(want, target.Elem().Interface(), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%s (-sent +received):\n%s", query, diff)
			}
		}
	}
}

// byCurl posts data with curl, as a person does, or the same by net/http where there is no curl.
func byCurl(t *testing.T, query string, data []byte, args ...string) []byte {
	t.Helper()
	address := "http://" + engine.Addr() + "/?" + url.Values{"database": {config(t).Database}, "query": {query}}.Encode()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Log("curl is not installed: the request is made with net/http")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v\n%s", query, res.Status, err, body)
		}
		return body
	}
	cmd := exec.CommandContext(t.Context(), curl, append([]string{"--silent", "--show-error", "--fail-with-body", "--data-binary", "@-", address}, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("curl of %s: %v\n%s", query, err, out)
	}
	return out
}

// A dump in any format, put back in the same format, is the table.
func TestConformanceOfCurl(t *testing.T) {
	s := open(t)
	table, c := allTypes(t, s)
	db := clickhouse.OpenDB(clientOptions(t, clickhouse.CompressionNone))
	defer db.Close()
	if err := insertBySQL(t.Context(), db, table, c); err != nil {
		t.Fatal(err)
	}
	if err := s.conn.Exec(t.Context(), "CREATE TABLE again AS "+table); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"TSV", "TSVWithNames", "CSVWithNamesAndTypes", "JSONEachRow", "JSONCompactEachRowWithNamesAndTypes", "RowBinaryWithNamesAndTypes", "Native", "Values", "Parquet", "Arrow"} {
		var args []string
		if format != "Values" { // both ways are tried
			args = append(args, "--compressed")
		}
		// JSON has neither bytes that are not UTF-8 nor, without being asked, numbers that are not finite.
		settings := " SETTINGS output_format_json_quote_denormals = 1"
		order := fmt.Sprintf("SELECT * FROM %s ORDER BY id", table)
		if strings.HasPrefix(format, "JSON") {
			order = fmt.Sprintf("SELECT * REPLACE (toValidUTF8(%s) AS %[1]s) FROM %s ORDER BY id", c.nameOf("String"), table)
		}
		dump := byCurl(t, order+settings+" FORMAT "+format, nil, args...)
		byCurl(t, "TRUNCATE TABLE again", nil)
		byCurl(t, "INSERT INTO again FORMAT "+format, dump)
		if got, want := byCurl(t, "SELECT * FROM again ORDER BY id FORMAT TSV", nil), byCurl(t, order+" FORMAT TSV", nil); !bytes.Equal(got, want) {
			t.Errorf("%s: the table after a dump and its return\n%s\nwant\n%s", format, got, want)
		}
	}
}

func (c allColumns) nameOf(typ string) string { return c.names[slices.Index(c.types, typ)] }
