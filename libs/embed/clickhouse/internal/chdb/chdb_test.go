package chdb

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/engine"
)

// connect opens a connection to an engine of the test's own.
func connect(t *testing.T) *Conn {
	t.Helper()
	path, err := engine.Path()
	if err != nil {
		t.Fatal(err)
	}
	lib, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := lib.Connect("--path=" + t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		c.Close() // idempotent
	})
	return c
}

func text(t *testing.T, c *Conn, sql string, list ...Param) string {
	t.Helper()
	r, err := c.Query(sql, "TSV", list)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer r.Close()
	return string(r.Bytes())
}

func code(err error) int {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

func TestQuery(t *testing.T) {
	c := connect(t)
	for name, tc := range map[string]struct {
		sql    string
		params []Param
		want   string
	}{
		"plain":            {sql: "SELECT 1, 'a'", want: "1\ta\n"},
		"parameters":       {sql: "SELECT {n:UInt8} + {n:UInt8}, {s:String}", params: []Param{{Name: "n", Value: "21"}, {Name: "s", Value: `a\tb`}}, want: "42\ta\\tb\n"},
		"empty parameter":  {sql: "SELECT length({s:String})", params: []Param{{Name: "s"}}, want: "0\n"},
		"zero byte":        {sql: "SELECT length('a\x00b'), length({s:String})", params: []Param{{Name: "s", Value: "\x00"}}, want: "3\t1\n"},
		"no result":        {sql: "SELECT 1 WHERE 0", want: ""},
		"format of clause": {sql: "SELECT 'a' FORMAT CSV", want: "\"a\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text(t, c, tc.sql, tc.params...); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if _, err := c.Query("SELECT nosuch", "TSV", nil); code(err) != 47 || !strings.HasPrefix(err.Error(), "Code: 47. DB::Exception: ") {
		t.Errorf("unknown identifier: %v, want code 47", err)
	}
	if _, err := c.Query("SELECT {n:UInt8}", "TSV", nil); code(err) != 456 {
		t.Errorf("parameter of an earlier query: %v, want code 456", err)
	}
}

func TestStream(t *testing.T) {
	c := connect(t)
	for name, tc := range map[string]struct {
		sql    string
		blocks int // at least
		bytes  int
		code   int
	}{
		"several blocks": {sql: "SELECT 'x' FROM numbers(100000) SETTINGS max_block_size = 10000", blocks: 2, bytes: 200_000},
		"no rows":        {sql: "SELECT 1 WHERE 0"},
		"late error":     {sql: "SELECT throwIf(number = 50000) FROM numbers(100000) SETTINGS max_block_size = 1000, max_threads = 1", blocks: 1, code: 395},
	} {
		t.Run(name, func(t *testing.T) {
			blocks, bytes, err := readAll(c, tc.sql)
			if code(err) != tc.code || tc.code == 0 && (err != nil || bytes != tc.bytes) || blocks < tc.blocks {
				t.Errorf("%d blocks of %d bytes, error %v; want %d blocks or more, %d bytes, code %d", blocks, bytes, err, tc.blocks, tc.bytes, tc.code)
			}
		})
	}
	// A stream that is closed early leaves the connection usable.
	s, err := c.Stream("SELECT number FROM numbers(1000000000000)", "TSV", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	s.Close()
	s.Close()
	if got := text(t, c, "SELECT 1"); got != "1\n" {
		t.Errorf("after an early close SELECT 1 is %q", got)
	}
	if _, err := c.Stream("SHOW TABLES", "TSV", nil); code(err) != 36 {
		t.Errorf("streaming SHOW: %v, want code 36", err)
	}
}

func readAll(c *Conn, sql string) (blocks, bytes int, err error) {
	s, err := c.Stream(sql, "TSV", nil)
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	for {
		r, err := s.Next()
		if errors.Is(err, io.EOF) {
			return blocks, bytes, nil
		}
		if err != nil {
			return blocks, bytes, err
		}
		blocks, bytes = blocks+1, bytes+len(r.Bytes())
		r.Close()
	}
}

func TestInsert(t *testing.T) {
	c := connect(t)
	text(t, c, "CREATE TABLE t (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
	insert := func(data ...string) (Stats, error) {
		i, err := c.Insert("INSERT INTO t (a, b)", "CSV", nil)
		if err != nil {
			return Stats{}, err
		}
		defer i.Close()
		for _, d := range data {
			if _, err := i.Write([]byte(d)); err != nil {
				return Stats{}, err
			}
		}
		return i.Finish()
	}
	stats, err := insert("1,x\n2,", "y\n", "")
	if err != nil || stats.RowsWritten != 2 {
		t.Errorf("wrote %+v, error %v; want 2 rows", stats, err)
	}
	if _, err := insert(); err != nil {
		t.Errorf("insert without data: %v", err)
	}
	if _, err := insert("3,x\nz,y\n"); code(err) == 0 {
		t.Errorf("bad data: %v, want an exception", err)
	}
	abandoned, err := c.Insert("INSERT INTO t (a, b)", "CSV", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := abandoned.Write([]byte("4,x\n")); err != nil {
		t.Fatal(err)
	}
	abandoned.Close()
	abandoned.Close()
	if diff := cmp.Diff("1\tx\n2\ty\n", text(t, c, "SELECT * FROM t ORDER BY a")); diff != "" {
		t.Errorf("rows mismatch (-want +got):\n%s", diff)
	}
	if _, err := c.Insert("INSERT INTO nosuch", "CSV", nil); code(err) != 60 {
		t.Errorf("unknown table: %v, want code 60", err)
	}
}

func TestConnectFails(t *testing.T) {
	c := connect(t)
	if _, err := c.lib.Connect("--path=" + t.TempDir()); !errors.Is(err, ErrConnect) {
		t.Errorf("second path in one process: %v, want ErrConnect", err)
	}
	if _, err := c.lib.Connect("--nosuch=1"); !errors.Is(err, ErrConnect) {
		t.Errorf("unknown argument: %v, want ErrConnect", err)
	}
	if _, err := Load("/nosuch.so"); err == nil || !strings.Contains(err.Error(), "/nosuch.so") {
		t.Errorf("absent library: %v, want an error that names it", err)
	}
}

func TestError(t *testing.T) {
	for in, want := range map[string]Error{
		"Code: 60. DB::Exception: no table": {Code: 60, Message: "Code: 60. DB::Exception: no table"},
		"closed connection":                 {Message: "closed connection"},
	} {
		if diff := cmp.Diff(&want, newError(in)); diff != "" {
			t.Errorf("%q mismatch (-want +got):\n%s", in, diff)
		}
	}
}
