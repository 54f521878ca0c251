// Package pipeline knows which part of Bellwether an alert is about, and which parts depend on which: the graph by which
// a dead upstream explains what goes wrong downstream of it.
package pipeline

import (
	"slices"
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Components beside the services, which go by their names.
const (
	NATS       = "nats"
	ClickHouse = "clickhouse"

	upstream = "upstream/" // and a source: the API or file that its observations come from
	data     = "data/"     // and a source: its observations as they arrive
)

// Component returns what an alert is about, or "" when that is not known.
func Component(a *event.Alert) string {
	switch a.Name {
	case "store_unavailable":
		return ClickHouse
	case "bus_unavailable":
		return NATS
	case "upstream_unavailable", "upstream_schema", "upstream_rejected":
		return upstream + sourceOf(a.Labels["subject"])
	case "source_silent":
		return data + sourceOf(a.Labels["subject"])
	}
	if source := a.Labels["source"]; source != "" {
		return data + source
	}
	if series := a.Labels["series"]; series != "" {
		return data + sourceOf(series)
	}
	return a.Labels["service"]
}

// sourceOf returns the source of a series, or the name itself when it is one of a source.
func sourceOf(name string) string {
	source, _, _ := strings.Cut(name, ".")
	return source
}

// Above returns the component and everything that it depends on, nearest first, or nil for "".
func Above(component string) []string {
	if component == "" {
		return nil
	}
	out := []string{component}
	for i := 0; i < len(out); i++ {
		for _, c := range needs(out[i]) {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// needs returns what a component depends on directly.
func needs(component string) []string {
	switch component {
	case NATS, ClickHouse:
		return nil
	case event.Ingestor, event.Trainer, event.Monitor:
		return []string{NATS, ClickHouse}
	case event.Validator:
		return []string{event.Ingestor, NATS, ClickHouse}
	case event.Forecaster:
		return []string{event.Validator, NATS, ClickHouse}
	}
	if source, ok := strings.CutPrefix(component, data); ok {
		return []string{upstream + source, event.Ingestor}
	}
	return nil
}
