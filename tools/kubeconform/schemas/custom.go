package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"sigs.k8s.io/yaml"
)

// definition is what we need of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Group string
		Names struct{ Kind string }
		// Versions that are served, each with its schema.
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema object `json:"openAPIV3Schema"`
			}
		}
	}
}

// custom adds the schemas of the definitions in the files that match.
func custom(pattern string, all map[string]object) error {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("%s: no file, %w", pattern, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var d definition
		if err := yaml.Unmarshal(plain(data), &d); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, v := range d.Spec.Versions {
			schema := tighten(v.Schema.OpenAPIV3Schema)
			// Metadata is for the API server to check; definitions leave it open.
			if properties, ok := schema["properties"].(object); ok {
				properties["metadata"] = object{"type": "object"}
			}
			identify(schema, d.Spec.Group, v.Name, d.Spec.Names.Kind)
			all[fileName(d.Spec.Group, v.Name, d.Spec.Names.Kind)] = schema
		}
	}
	return nil
}

// plain drops the lines of a chart's template, which only decide whether and how the definition is installed.
func plain(chart []byte) []byte {
	return regexp.MustCompile(`(?m)^.*\{\{.*$\n?`).ReplaceAll(chart, nil)
}

// tighten forbids what a structural schema does not list, except where it keeps unknown fields.
func tighten(s object) object {
	out := resolver{}.resolve(s, nil)
	if s["x-kubernetes-preserve-unknown-fields"] == true {
		delete(out, "additionalProperties")
	}
	if s["x-kubernetes-int-or-string"] == true {
		return object{"oneOf": []any{object{"type": "string"}, object{"type": "integer"}}}
	}
	if properties, ok := s["properties"].(object); ok {
		strict := object{}
		for k, v := range properties {
			strict[k] = nullable(tighten(v.(object)))
		}
		out["properties"] = strict
	}
	if items, ok := s["items"].(object); ok {
		out["items"] = nullable(tighten(items))
	}
	if more, ok := s["additionalProperties"].(object); ok {
		out["additionalProperties"] = nullable(tighten(more))
	}
	return out
}
