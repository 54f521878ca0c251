package eiasim

import (
	_ "embed"
	"encoding/csv"
	"fmt"
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
	a := area{Area: Area{ID: id, Name: records[i][1], Zone: records[i][2], Route: routeRegion}}
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
