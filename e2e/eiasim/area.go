package eiasim

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// areasCSV lists the balancing authorities of Form EIA-930: id, name and a time zone with the daylight-saving rule that
// people there live by.
//
//go:embed areas.csv
var areasCSV string

// Routes of the simulated service.
const (
	routeRegion = "region-data"
	routeSubBA  = "region-sub-ba-data"
)

// area is one series with its final hourly values; NaN is a missing report.
type area struct {
	Area
	parent, sub string // of a sub-area; empty otherwise
	parentName  string
	ba, kind    string        // of region-data: balancing authority, and type when it is not demand
	late        time.Duration // how much later than demand it is published
	first       time.Time
	values      []float64
}

func (a *area) time(i int) time.Time { return a.first.Add(time.Duration(i) * time.Hour) }

// index returns the index of the first period at or after t; it may lie outside the values.
func (a *area) index(t time.Time) int {
	d := t.Sub(a.first)
	i := int(d / time.Hour)
	if d > 0 && d%time.Hour != 0 {
		i++
	}
	return i
}

// newArea describes the area with this id. Sub-areas take name and zone from their parent.
func newArea(id string) (area, error) {
	records, err := csv.NewReader(strings.NewReader(areasCSV)).ReadAll()
	if err != nil {
		return area{}, fmt.Errorf("built-in areas: %w", err)
	}
	ba, sub, isSub := strings.Cut(id, "-")
	i := slices.IndexFunc(records, func(r []string) bool { return r[0] == ba })
	if i < 1 {
		return area{}, fmt.Errorf("areas: %q is not a balancing authority: %w", id, ErrConfig)
	}
	a := area{Area: Area{ID: id, Name: records[i][1], Zone: records[i][2], Route: routeRegion}, ba: id}
	if isSub {
		a.Route, a.parent, a.sub, a.parentName = routeSubBA, ba, sub, a.Name
		a.Name = a.Name + " - " + sub
	}
	return a, nil
}

func newAreas(ids []string) ([]area, error) {
	areas := make([]area, 0, len(ids))
	for _, id := range ids {
		a, err := newArea(id)
		if err != nil {
			return nil, err
		}
		areas = append(areas, a)
	}
	slices.SortFunc(areas, func(a, b area) int {
		if c := strings.Compare(a.Route, b.Route); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return slices.CompactFunc(areas, func(a, b area) bool { return a.ID == b.ID }), nil
}

// Zone returns the time zone of the area with this id.
func Zone(id string) (string, error) {
	a, err := newArea(id)
	return a.Zone, err
}

// typeName returns the name of a type of region-data, and how much later than demand it is published.
func typeName(kind string) (name string, late time.Duration) {
	switch kind {
	case "":
		return "Demand", 0
	case "DF":
		return "Day-ahead demand forecast", 3 * time.Hour
	case "NG":
		return "Net generation", 4 * time.Hour
	case "TI":
		return "Total interchange", 27 * time.Hour
	}
	return "", 0
}

// addTypes returns areas with a series of each type beside the demand of every balancing authority, made of it: the
// forecast is demand of the day before, generation is 2 % above or below demand in turn by the hour of the day, and
// interchange is the difference of the two, so that it has both signs.
func addTypes(areas []area, kinds []string) ([]area, error) {
	var out []area
	for _, a := range areas {
		out = append(out, a)
		for _, kind := range kinds {
			name, late := typeName(kind)
			if name == "" {
				return nil, fmt.Errorf("types: %q is not DF, NG or TI: %w", kind, ErrConfig)
			}
			if a.Route != routeRegion {
				continue
			}
			b := a
			b.ID, b.kind, b.late, b.values = a.ID+"."+kind, kind, late, make([]float64, len(a.values))
			for i, demand := range a.values {
				made := math.Round(demand * (1 + .02*math.Sin(float64(i)*math.Pi/12)))
				switch kind {
				case "DF":
					b.values[i] = a.values[max(0, i-24)]
				case "NG":
					b.values[i] = made
				case "TI":
					b.values[i] = made - demand
				}
			}
			out = append(out, b)
		}
	}
	return out, nil
}
