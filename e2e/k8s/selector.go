package k8s

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// selector chooses objects by their labels.
type selector struct {
	MatchLabels      map[string]string `yaml:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `yaml:"key"`
		Operator string   `yaml:"operator"`
		Values   []string `yaml:"values"`
	} `yaml:"matchExpressions"`
}

// UnmarshalYAML takes the selector of a Service, which is a plain map of labels, for what it means.
func (s *selector) UnmarshalYAML(n *yaml.Node) error {
	type plain selector
	if err := n.Decode((*plain)(s)); err != nil {
		return err
	}
	if s.MatchLabels == nil && s.MatchExpressions == nil {
		return n.Decode(&s.MatchLabels)
	}
	return nil
}

// all reports whether s chooses every object.
func (s selector) all() bool { return len(s.MatchLabels)+len(s.MatchExpressions) == 0 }

// matches reports whether s chooses an object with these labels. Of the operators only In is known; others match
// nothing, so that a rule fails loudly.
func (s selector) matches(labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if labels[k] != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		if e.Operator != "In" || !slices.Contains(e.Values, labels[e.Key]) {
			return false
		}
	}
	return true
}
