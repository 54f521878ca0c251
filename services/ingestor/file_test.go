package ingestor

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the schema and the tables of docs/sources.md anew")

const (
	docsFile    = "../../docs/sources.md"
	exampleFile = "../../docs/sources.example.yaml"
)

// schema is the JSON schema as it follows from the Go types.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.For[File](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Duration](): {Type: "string", Pattern: `^([0-9.]+(ns|us|ms|s|m|h))+$`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.Schema, s.Title = "https://json-schema.org/draft/2020-12/schema", "Bellwether's file of sources"
	source := s.Properties["sources"].Items
	source.Properties["kind"].Enum = []any{KindEIA, KindCSV, KindPush, KindNATS}
	for _, kind := range []string{KindCSV, KindPush, KindNATS} {
		when := source.Properties[kind].Properties["time"]
		when.Properties["label"].Enum = []any{"ending", "beginning"}
		when.Properties["marked"].Enum = []any{"first", "second"}
	}
	source.Properties["eia"].Properties["types"].Items.Enum = []any{"D", "DF", "NG", "TI"}
	source.Properties["steps"].Items.Properties["resample"].Properties["how"].Enum = []any{"mean", "sum"}
	return s
}

// The schema that is shipped is that of the types.
func TestSchemaAgreesWithTheTypes(t *testing.T) {
	text, err := json.MarshalIndent(schema(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile("sources.schema.json", text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(text, Schema) {
		t.Error("sources.schema.json does not agree with the types; write it anew with: go test ./ingestor -run 'Schema|Document' -update")
	}
}

// The tables of docs/sources.md are made of the descriptions of the fields.
func TestSourcesDocument(t *testing.T) {
	var want strings.Builder
	var table func(title string, of reflect.Type)
	var later []func()
	table = func(title string, of reflect.Type) {
		fmt.Fprintf(&want, "### %s\n\n| field | value | what it says |\n|---|---|---|\n", title)
		for f := range of.Fields() {
			name := f.Tag.Get("yaml")
			if name == "" {
				continue
			}
			fmt.Fprintf(&want, "| `%s` | %s | %s |\n", name, valueOf(f.Type), f.Tag.Get("jsonschema"))
			inner := f.Type
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && name != "sources" && (name != "time" || title == "`csv`") {
				at := strings.Trim(title, "`") + "." + name
				at = strings.TrimPrefix(strings.ReplaceAll(at, "A source.", ""), "A source.")
				later = append(later, func() { table("`"+at+"`", inner) })
			}
		}
		want.WriteString("\n")
	}
	table("A source", reflect.TypeFor[Spec]())
	for len(later) > 0 {
		next := later
		later = nil
		for _, f := range next {
			f()
		}
	}
	doc, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- fields: begin -->\n", "<!-- fields: end -->"
	head, rest, ok := strings.Cut(string(doc), begin)
	got, tail, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatalf("%s has no %s and %s", docsFile, begin, end)
	}
	text := "\n" + want.String()
	if *update {
		if err := os.WriteFile(docsFile, []byte(head+begin+text+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, got); diff != "" {
		t.Errorf("%s is not up to date, write it anew with -update (-want +got):\n%s", docsFile, diff)
	}
}

func valueOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Struct:
		return "section"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return "list of sections"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "duration by type"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

// valid reports whether the schema takes a YAML text.
func valid(t *testing.T, resolved *jsonschema.Resolved, text []byte) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(plain, &v); err != nil {
		t.Fatal(err)
	}
	return resolved.Validate(v)
}

func TestExample(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFile(text)
	if err != nil || len(f.Sources) != 5 {
		t.Fatalf("%d sources, error %v", len(f.Sources), err)
	}
	resolved, err := schema(t).Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := valid(t, resolved, text); err != nil {
		t.Errorf("the schema refuses the example: %v", err)
	}
	var names []string
	for _, s := range f.Summaries() {
		names = append(names, fmt.Sprintf("%s %s %d %s", s.Name, s.Kind, s.Series, s.Expected))
	}
	want := []string{
		"eia eia 29 31h5m0s", "ercot csv 4 2h5m0s", "plant csv 2 3h30m0s", "meters push 0 2h5m0s", "scada nats 2 2h5m0s",
	}
	if !slices.Equal(names, want) {
		t.Errorf("sources %q, want %q", names, want)
	}
	keys := f.Sources[0].keys()
	if !slices.Contains(keys, "PJM.TI") || slices.Contains(keys, "CISO-PGAE.NG") || slices.Contains(keys, "CISO.sum.NG") {
		t.Errorf("keys %q", keys)
	}
}

// The file that Kubernetes gets is valid.
func TestDeployedFile(t *testing.T) {
	f, err := LoadFile("../../deploy/k8s/base/ingestor/sources.yaml")
	if err != nil || len(f.Sources) != 1 || len(f.Sources[0].keys()) != 6 {
		t.Errorf("%+v, error %v", f, err)
	}
}

// Every error names line, field and fix, and all of them come at once. What the schema can say, it says too.
func TestErrorsOfTheFile(t *testing.T) {
	resolved, err := schema(t).Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("EIA_API_KEY_FILE", "")
	source := func(s string) string { return "sources:\n- name: a\n  kind: eia\n  series: [PJM]\n" + s }
	csv := func(s string) string {
		return "sources:\n- name: a\n  kind: csv\n  series: [x, y]\n  csv:\n    path: a.csv\n" + s
	}
	for name, tc := range map[string]struct {
		text   string
		want   []string
		schema bool // the schema refuses it too
	}{
		"nothing":                {"", []string{"sources: none given; "}, false},
		"no sources":             {"sources: []\n", []string{"line 1: sources: none given; "}, false},
		"not YAML":               {"sources: [", []string{"line 1: did not find"}, false},
		"unknown field":          {source("  pol: 5m\n"), []string{"line 5: sources[0].pol: no such field; did you mean poll?"}, true},
		"unknown deep field":     {source("  eia:\n    rates: 1\n    xyz: 1\n"), []string{"line 6: sources[0].eia.rates: no such field; did you mean rate?", "line 7: sources[0].eia.xyz: no such field; use one of "}, true},
		"kebab case":             {csv("    series-column: x\n"), []string{"line 7: sources[0].csv.series-column: no such field; did you mean series_column?"}, true},
		"not a duration":         {source("  poll: often\n"), []string{"line 5: sources[0].poll: `often` is of another type; write a duration such as 5m or 48h"}, true},
		"not a number":           {source("  backfill: all\n"), []string{"line 5: sources[0].backfill: `all` is of another type; write a whole number such as 4"}, true},
		"not a list":             {"sources:\n- name: a\n  kind: eia\n  series: PJM\n", []string{"line 4: sources[0].series: not a list; write [a, b]"}, true},
		"not a section":          {source("  eia: 5\n"), []string{"line 5: sources[0].eia: not a mapping; "}, true},
		"not a kind":             {"sources:\n- name: a\n  kind: sql\n  series: [x]\n", []string{`line 3: sources[0].kind: "sql" is not a kind; set eia, csv, push, nats`}, true},
		"two of a name":          {source("- name: a\n  kind: nats\n  series: [x]\n"), []string{`line 5: sources[1].name: "a" is also the name of sources[0]; `}, false},
		"a dot in the name":      {"sources:\n- name: a.b\n  kind: nats\n  series: [x]\n", []string{`line 2: sources[0].name: "a.b" is not a name; `}, false},
		"section of another":     {source("  csv: {path: x}\n"), []string{"line 5: sources[0].csv: belongs to another kind; "}, false},
		"bad keys":               {"sources:\n- name: a\n  kind: eia\n  series: [PJM, PJM, PJM.D, '*', ' x']\n", []string{`line 4: sources[0].series[1]: "PJM" is given twice; `, `line 4: sources[0].series[2]: "PJM.D" is demand; `, "line 4: sources[0].series[3]: * stands alone", `line 4: sources[0].series[4]: " x" is empty`}, false},
		"bad numbers":            {source("  poll: -5m\n  repull: 1m\n  backfill: 0\n  concurrency: 0\n  unit: ''\n  zone: Mars\n  eia: {rate: 0, tries: 0, url: x}\n"), []string{"line 11: sources[0].eia.url: ", "line 11: sources[0].eia.rate: 0 is not positive; set 2", "line 11: sources[0].eia.tries: ", "line 9: sources[0].unit: empty; ", `line 10: sources[0].zone: "Mars" is not a time zone; `, "line 5: sources[0].poll: -5m0s is negative; ", "line 6: sources[0].repull: ", "line 7: sources[0].backfill: ", "line 8: sources[0].concurrency: "}, false},
		"no file":                {"sources:\n- name: a\n  kind: csv\n  series: [x]\n", []string{"line 2: sources[0].csv.path: path and url: want one of them; "}, false},
		"bad time":               {csv("    time:\n      zone: Nowhere\n      layout: 15:04\n      label: start\n      period: 7m\n"), []string{`line 8: sources[0].csv.time.zone: "Nowhere"`, "line 9: sources[0].csv.time.layout: ", `line 10: sources[0].csv.time.label: "start"`, "line 11: sources[0].csv.time.period: 7m0s does not divide an hour; ", "line 2: sources[0].steps: values come every 7m0s"}, true},
		"no token":               {"sources:\n- name: a\n  kind: push\n  series: ['*']\n", []string{"line 2: sources[0].push.token_env: token_env and token_file: want one of them; "}, false},
		"steps for what is sent": {"sources:\n- name: a\n  kind: nats\n  series: [x]\n  steps:\n  - resample: {from: 30m, how: sum}\n", []string{"line 6: sources[0].steps[0]: needs all values of an hour at once", "line 6: sources[0].steps[0].resample.from: 30m0s, but values come every 1h0m0s; "}, false},
		"bad steps":              {csv("  steps:\n  - convert: {from: kW, to: C}\n  - {}\n  - resample: {from: 1h, how: max}\n  - total: {key: x, of: [x], check: z, tolerance: 2}\n"), []string{"line 8: sources[0].steps[0].convert: to: C is temperature and kW is power; ", "line 9: sources[0].steps[1]: 0 steps in one; ", "line 10: sources[0].steps[2].resample: from: 1h0m0s does not divide 1h0m0s; ", "line 11: sources[0].steps[3].total.of: 1 parts; ", `line 11: sources[0].steps[3].total.key: "x" is also a part`, "line 11: sources[0].steps[3].total.tolerance: 2 is not a share", `line 2: sources[0].unit: "MWh", but the steps convert to "C"; `}, true},
		"unit of another step":   {csv("  steps:\n  - convert: {from: kW, to: MW}\n"), []string{`line 2: sources[0].unit: "MWh", but the steps convert to "MW"; set unit to MW`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFile([]byte(tc.text))
			var got []string
			for _, e := range split(err) {
				got = append(got, e.Error())
				if !errors.Is(e, ErrConfig) || strings.Contains(e.Error(), "\n") || !strings.Contains(e.Error(), ";") {
					t.Errorf("error %q is not one line of a bad configuration with its fix", e)
				}
			}
			slices.Sort(got)
			slices.Sort(tc.want)
			if len(got) != len(tc.want) || slices.ContainsFunc(got, func(g string) bool {
				return !slices.ContainsFunc(tc.want, func(w string) bool { return strings.HasPrefix(g, w) })
			}) {
				t.Errorf("errors\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.want, "\n  "))
			}
			if tc.schema {
				if err := valid(t, resolved, []byte(tc.text)); err == nil {
					t.Error("the schema takes it")
				}
			}
		})
	}
}

func TestLoadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(path, []byte("sources:\n- name: a\n  kind: nats\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadFile(path)
	if err == nil || !strings.HasPrefix(err.Error(), path+": line 2: sources[0].series: none given; ") {
		t.Errorf("error %v", err)
	}
	c := parse(t, "--sources="+path)
	if got := c.Validate(); got == nil || got.Error() != err.Error() {
		t.Errorf("Validate() = %v, want %v", got, err)
	}
	if _, err := LoadFile(path + "x"); !errors.Is(err, ErrConfig) {
		t.Errorf("error %v", err)
	}
}

// ParseFile never panics, and what it takes is valid.
func FuzzParseFile(f *testing.F) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("sources:\n- name: a\n  kind: csv\n  series: [x]\n  csv: &c {path: a}\n  steps: [*c]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if file, err := ParseFile(text); err == nil {
			if err := file.Validate(); err != nil {
				t.Errorf("a file that is taken is not valid: %v", err)
			}
		}
	})
}
