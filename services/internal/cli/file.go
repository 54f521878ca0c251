package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// file resolves flags from a YAML file, in which keys are flags, and sections may stand for prefixes:
//
//	nats-url: nats://nats:4222
//	ingestor:
//	  areas: [PJM, MISO]
//
// One file can serve several commands: each takes what it has a flag for. kong asks files before the environment; file
// leaves a flag whose variable is set to the environment.
type file struct{ values map[string]any }

func loadFile(r io.Reader) (kong.Resolver, error) {
	var f file
	if err := yaml.NewDecoder(r).Decode(&f.values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("config: not a YAML mapping of flags to values: %w", err)
	}
	return f, nil
}

// Resolve implements kong.Resolver.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return find(f.values, flag.Name), nil
}

// find returns the value of a flag: under its name, or in a section named like the beginning of it.
func find(values map[string]any, name string) any {
	if v, ok := values[name]; ok {
		return v
	}
	for i := range len(name) {
		if name[i] != '-' {
			continue
		}
		if section, ok := values[name[:i]].(map[string]any); ok {
			if v := find(section, name[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// Validate implements kong.Resolver: it refuses keys that no command has as a flag, with the nearest that there is.
func (f file) Validate(app *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range unknown("", f.values, known) {
		errs = append(errs, fmt.Errorf("config: %q is not a flag%s", key, nearest(key, known)))
	}
	return errors.Join(errs...)
}

// unknown returns the names in values that are not known.
func unknown(prefix string, values map[string]any, known map[string]bool) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		name := prefix + k
		if known[name] {
			continue
		}
		if section, ok := values[k].(map[string]any); ok {
			out = append(out, unknown(name+"-", section, known)...)
			continue
		}
		out = append(out, name)
	}
	return out
}

// nearest says which flag shares most with key, or nothing when none is near.
func nearest(key string, known map[string]bool) string {
	best, most := "", len(key)/2
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if n := shared(key, k); n > most {
			best, most = k, n
		}
	}
	if best == "" {
		return "; --help lists them"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// shared returns the length of the common beginning and end of two names.
func shared(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	a, b = a[n:], b[n:]
	for len(a) > 0 && len(b) > 0 && strings.HasSuffix(a, b[len(b)-1:]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
		n++
	}
	return n
}
