package sqltext

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func formats() Formats {
	return Formats{"csv": {}, "native": {}, "jsoneachrow": {}, "values": {}, "tsv": {}}
}

// The oracle is ClickHouse's grammar.
func TestParse(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want Statement
		err  error
	}{
		"select":                 {in: "SELECT 1", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT 1"}},
		"lower case":             {in: "select 1;", want: Statement{Kind: Query, ReadOnly: true, Text: "select 1"}},
		"comment first":          {in: "-- x\n/* y; */ # z\n#!w\nWITH 1 AS a SELECT a", want: Statement{Kind: Query, ReadOnly: true, Text: "-- x\n/* y; */ # z\n#!w\nWITH 1 AS a SELECT a"}},
		"brackets first":         {in: "((SELECT 1))", want: Statement{Kind: Query, ReadOnly: true, Text: "((SELECT 1))"}},
		"semicolons at the end":  {in: "SELECT 1 ;; -- end", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT 1 "}},
		"two":                    {in: "SELECT 1; SELECT 2", err: ErrMulti},
		"two in brackets":        {in: "SELECT (1; SELECT 2)", err: ErrMulti},
		"quoted semicolons":      {in: "SELECT ';', \";\", `;`, 'a'';', '\\';', $$;$$, $t$;$t$", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT ';', \";\", `;`, 'a'';', '\\';', $$;$$, $t$;$t$"}},
		"open quote":             {in: "SELECT '; SELECT 2", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT '; SELECT 2"}},
		"open comment":           {in: "SELECT 1 /* ; SELECT 2", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT 1 /* ; SELECT 2"}},
		"format":                 {in: "SELECT 1 FORMAT CSV;", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT 1 FORMAT CSV", Format: "CSV"}},
		"format before settings": {in: "SELECT 1 FORMAT CSV SETTINGS a = 1", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT 1 FORMAT CSV SETTINGS a = 1", Format: "CSV"}},
		"column named format":    {in: "SELECT format FROM t ORDER BY format DESC", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT format FROM t ORDER BY format DESC"}},
		"format of a subquery":   {in: "SELECT (SELECT 1 FORMAT CSV)", want: Statement{Kind: Query, ReadOnly: true, Text: "SELECT (SELECT 1 FORMAT CSV)"}},
		"out file":               {in: "SELECT 1 INTO OUTFILE 'x'", err: ErrOutfile},
		"show":                   {in: "SHOW TABLES FORMAT TSV", want: Statement{Kind: Other, ReadOnly: true, Text: "SHOW TABLES FORMAT TSV", Format: "TSV"}},
		"set":                    {in: "SET a = 1", want: Statement{Kind: Session, Text: "SET a = 1"}},
		"use":                    {in: "use x", want: Statement{Kind: Session, Text: "use x"}},
		"temporary table":        {in: "CREATE OR REPLACE TEMPORARY TABLE t (x UInt8)", want: Statement{Kind: Session, Text: "CREATE OR REPLACE TEMPORARY TABLE t (x UInt8)"}},
		"table":                  {in: "CREATE TABLE t (temporary UInt8)", want: Statement{Kind: Other, Text: "CREATE TABLE t (temporary UInt8)"}},
		"empty":                  {in: " -- nothing", want: Statement{Kind: Other, Text: " -- nothing"}},

		"insert":                     {in: "INSERT INTO t (format, values)", want: Statement{Kind: Insert, Text: "INSERT INTO t (format, values)", Format: "Values", Head: "INSERT INTO t (format, values)"}},
		"insert with a format":       {in: "INSERT INTO t SETTINGS a = 'FORMAT CSV' FORMAT Native", want: Statement{Kind: Insert, Text: "INSERT INTO t SETTINGS a = 'FORMAT CSV' FORMAT Native", Format: "Native", Head: "INSERT INTO t SETTINGS a = 'FORMAT CSV' "}},
		"insert with data":           {in: "INSERT INTO t FORMAT CSV \r\n\n1;2\n", want: Statement{Kind: Insert, Text: "INSERT INTO t FORMAT CSV \r\n\n1;2\n", Format: "CSV", Head: "INSERT INTO t ", Data: "\n1;2\n"}},
		"insert with data behind ;":  {in: "INSERT INTO t FORMAT CSV;\n1", want: Statement{Kind: Insert, Text: "INSERT INTO t FORMAT CSV;\n1", Format: "CSV", Head: "INSERT INTO t ", Data: "1"}},
		"insert values":              {in: "INSERT INTO t VALUES (1, ';'), (2, 'x');\n", want: Statement{Kind: Insert, Text: "INSERT INTO t VALUES (1, ';'), (2, 'x')", Format: "Values", Head: "INSERT INTO t ", Data: "(1, ';'), (2, 'x')"}},
		"insert values, two":         {in: "INSERT INTO t VALUES (1); DROP TABLE t", err: ErrMulti},
		"insert from select":         {in: "INSERT INTO t (a) SELECT 1 FORMAT Null", want: Statement{Kind: Other, Text: "INSERT INTO t (a) SELECT 1 FORMAT Null"}},
		"insert from select, two":    {in: "INSERT INTO t SELECT 1; SELECT 2", err: ErrMulti},
		"insert with an end":         {in: "INSERT INTO t (a);", want: Statement{Kind: Insert, Text: "INSERT INTO t (a);", Format: "Values", Head: "INSERT INTO t (a)"}},
		"insert into a table format": {in: "INSERT INTO format FORMAT CSV", want: Statement{Kind: Insert, Text: "INSERT INTO format FORMAT CSV", Format: "CSV", Head: "INSERT INTO format "}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(tc.in, formats())
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); err == nil && diff != "" {
				t.Errorf("Parse(%q) mismatch (-want +got):\n%s", tc.in, diff)
			}
		})
	}
}

// Whatever the text is, the parts are parts of it, and a statement that was
// accepted stays one statement when it is parsed again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"SELECT 1; SELECT 2", "INSERT INTO t VALUES ('a;", "$a$;$a$ FORMAT CSV", "/*", "((INSERT", "'\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := Parse(in, formats())
		if err != nil {
			return
		}
		if !strings.HasPrefix(in, got.Text) || !strings.HasPrefix(in, got.Head) || !strings.Contains(in, got.Data) {
			t.Errorf("Parse(%q) returned %+v, which is not in the text", in, got)
		}
		if _, err := Parse(got.Text, formats()); err != nil {
			t.Errorf("Parse(%q) accepted %q, which it refuses: %v", in, got.Text, err)
		}
	})
}
