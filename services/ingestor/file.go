package ingestor

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bellwether-forecast/bellwether/services/ingestor/internal/source"
)

// LoadFile reads a file of sources. Its error names every field that cannot be used, with its line.
func LoadFile(path string) (File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return File{}, source.Errorf(source.ErrConfig, "sources: %v; name a file that this process may read", err)
	}
	f, err := ParseFile(data)
	if err != nil {
		var lines []error
		for _, e := range split(err) {
			lines = append(lines, fmt.Errorf("%s: %w", path, e))
		}
		err = errors.Join(lines...)
	}
	return f, err
}

// ParseFile reads the text of a file of sources: YAML 1.2, one document. What a source leaves out has its default.
func ParseFile(data []byte) (File, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return File{}, source.Errorf(source.ErrConfig, "%s; correct the YAML", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) == 0 {
		return File{}, File{}.Validate()
	}
	doc := document{root.Content[0]}
	if errs := doc.unknown(doc.node, reflect.TypeFor[File](), ""); len(errs) > 0 {
		return File{}, errors.Join(errs...)
	}
	var f File
	var errs []error
	if list := child(doc.node, "sources"); list != nil && list.Kind == yaml.SequenceNode {
		for i, item := range list.Content {
			var kind struct{ Kind string }
			_ = item.Decode(&kind) // what is wrong with it shows below
			s := Defaults(kind.Kind)
			if err := item.Decode(&s); err != nil {
				errs = append(errs, doc.types(err, fmt.Sprintf("sources[%d]", i))...)
				continue
			}
			f.Sources = append(f.Sources, s)
		}
	}
	if len(errs) == 0 {
		errs = split(f.Validate())
	}
	for _, err := range errs {
		if e, ok := errors.AsType[*FieldError](err); ok && e.Line == 0 {
			e.Line = doc.line(e.Field)
		}
	}
	return f, errors.Join(errs...)
}

// split returns the errors that err joins.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// document finds fields in a file.
type document struct{ node *yaml.Node }

func child(node *yaml.Node, name string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return node.Content[i+1]
		}
	}
	return nil
}

// line returns the line of a field, or of the nearest thing around it that the file has.
func (d document) line(field string) int {
	node, line := d.node, d.node.Line
	for part := range strings.SplitSeq(strings.ReplaceAll(field, "[", ".["), ".") {
		var next *yaml.Node
		if index, ok := strings.CutPrefix(part, "["); ok {
			if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil && node.Kind == yaml.SequenceNode && i < len(node.Content) {
				next = node.Content[i]
			}
		} else {
			next = child(node, part)
		}
		if next == nil {
			break
		}
		node, line = next, next.Line
	}
	return line
}

// unknown returns an error for each key of node that t has no field for.
func (d document) unknown(node *yaml.Node, t reflect.Type, path string) []error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var errs []error
	switch {
	case t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		for i, item := range node.Content {
			errs = append(errs, d.unknown(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case t.Kind() == reflect.Struct && node.Kind == yaml.MappingNode:
		fields := map[string]reflect.Type{}
		var names []string
		for f := range t.Fields() {
			if name := f.Tag.Get("yaml"); name != "" {
				fields[name] = f.Type
				names = append(names, name)
			}
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			if field, ok := fields[key.Value]; ok {
				errs = append(errs, d.unknown(node.Content[i+1], field, at)...)
				continue
			}
			errs = append(errs, &FieldError{Line: key.Line, Field: at, Text: "no such field; " + suggest(key.Value, names)})
		}
	case t.Kind() == reflect.Struct && node.Kind != yaml.MappingNode && node.Tag != "!!null":
		errs = append(errs, &FieldError{Line: node.Line, Field: path, Text: "not a mapping; write its fields below it, each as name: value"})
	case t.Kind() == reflect.Slice && node.Tag != "!!null":
		errs = append(errs, &FieldError{Line: node.Line, Field: path, Text: "not a list; write [a, b], or one item a line behind a dash"})
	}
	return errs
}

// suggest names the field that key may stand for.
func suggest(key string, names []string) string {
	squeeze := func(s string) string { return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s)) }
	best, most := "", 2 // letters that differ
	for _, n := range names {
		if d := distance(squeeze(key), squeeze(n)); d <= most {
			best, most = n, d-1
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	slices.Sort(names)
	return "use one of " + strings.Join(names, ", ")
}

// distance returns the number of letters to change, add or remove between two words (Levenshtein, 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// types words the errors of values of another type than their field's.
func (d document) types(err error, source string) []error {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return []error{&FieldError{Field: source, Text: err.Error() + "; correct the YAML"}}
	}
	var errs []error
	for _, text := range wrong.Errors {
		m := regexp.MustCompile("^line (\\d+): cannot unmarshal \\S+ (`.*`|into|.*) ?into (.*)$").FindStringSubmatch(text)
		if m == nil {
			errs = append(errs, &FieldError{Field: source, Text: text})
			continue
		}
		line, _ := strconv.Atoi(m[1])
		errs = append(errs, &FieldError{Line: line, Field: d.at(line, source), Text: fmt.Sprintf("%s is of another type; write %s", m[2], example(m[3]))})
	}
	return errs
}

// at returns the path of the field that stands on a line, within a source.
func (d document) at(line int, source string) string {
	found := source
	var walk func(node *yaml.Node, path string)
	walk = func(node *yaml.Node, path string) {
		if node.Line == line && node.Kind == yaml.ScalarNode {
			found = path
		}
		switch node.Kind {
		case yaml.SequenceNode:
			for i, item := range node.Content {
				walk(item, fmt.Sprintf("%s[%d]", path, i))
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(node.Content); i += 2 {
				walk(node.Content[i+1], strings.TrimPrefix(path+"."+node.Content[i].Value, "."))
			}
		}
	}
	walk(d.node, "")
	return found
}

// example shows how a value of a Go type is written.
func example(goType string) string {
	switch goType {
	case "time.Duration":
		return "a duration such as 5m or 48h"
	case "int", "uint", "int64":
		return "a whole number such as 4"
	case "float64":
		return "a number such as 0.5"
	}
	return "a value that fits"
}
