package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
)

type object = map[string]any

// native returns the schemas of the kinds in Kubernetes' OpenAPI document, by file name.
func native(path string) (map[string]object, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc struct{ Definitions map[string]object }
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r := resolver{doc.Definitions}
	out := map[string]object{}
	for name, d := range doc.Definitions {
		kinds, _ := d["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			gvk, _ := k.(object)
			group, version, kind := gvk["group"].(string), gvk["version"].(string), gvk["kind"].(string)
			schema := r.resolve(d, []string{name})
			identify(schema, group, version, kind)
			out[fileName(group, version, kind)] = schema
		}
	}
	return out, nil
}

// identify fixes apiVersion and kind, which manifests must state.
func identify(schema object, group, version, kind string) {
	if group != "" {
		version = group + "/" + version
	}
	properties, ok := schema["properties"].(object)
	if !ok {
		return
	}
	properties["apiVersion"] = object{"type": "string", "enum": []any{version}}
	properties["kind"] = object{"type": "string", "enum": []any{kind}}
	schema["required"] = append(anySlice(schema["required"]), "apiVersion", "kind")
}

func anySlice(v any) []any {
	s, _ := v.([]any)
	return append([]any(nil), s...)
}

// resolver puts definitions in the place of references to them.
type resolver struct{ definitions map[string]object }

// resolve returns the strict form of a schema: what it does not list is not allowed, and null is, as the API server
// takes it for absent. A definition that contains itself is left open where it repeats.
func (r resolver) resolve(s object, within []string) object {
	if ref, ok := s["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		switch {
		case strings.HasSuffix(name, ".IntOrString"):
			return object{"oneOf": []any{object{"type": "string"}, object{"type": "integer"}}}
		case strings.HasSuffix(name, "resource.Quantity"):
			return object{"oneOf": []any{object{"type": "string"}, object{"type": "number"}}}
		}
		for _, w := range within {
			if w == name {
				return object{}
			}
		}
		return r.resolve(r.definitions[name], append(within[:len(within):len(within)], name))
	}
	out := object{}
	for _, key := range []string{"type", "enum", "required"} {
		if v, ok := s[key]; ok {
			out[key] = v
		}
	}
	if s["format"] == "int-or-string" {
		return object{"oneOf": []any{object{"type": "string"}, object{"type": "integer"}}}
	}
	if properties, ok := s["properties"].(object); ok {
		strict := object{}
		for k, v := range properties {
			strict[k] = nullable(r.resolve(v.(object), within))
		}
		out["properties"], out["additionalProperties"] = strict, false
	} else if more, ok := s["additionalProperties"].(object); ok {
		out["additionalProperties"] = nullable(r.resolve(more, within))
	}
	if items, ok := s["items"].(object); ok {
		out["items"] = nullable(r.resolve(items, within))
	}
	return out
}

func nullable(s object) object {
	t, ok := s["type"].(string)
	if !ok {
		return s
	}
	s = maps.Clone(s)
	s["type"] = []any{t, "null"}
	return s
}
