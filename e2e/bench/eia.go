package bench

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Area is the demand of a balancing authority, 2015-07 to 2020-06, hour by hour.
type Area struct {
	Demand   series.Series // MW; NaN where nothing was reported or the screening flagged it
	Operator []float64     // the operator's own day-ahead forecast, NaN where there is none
}

// Areas reads the 27 areas. A value counts where the screening of Ruggles et al. (Scientific Data 7:155, 2020) found it
// in order.
func Areas() ([]Area, error) {
	zones, err := zones()
	if err != nil {
		return nil, err
	}
	first := time.Date(2015, 7, 2, 0, 0, 0, 0, time.UTC)
	var out []Area
	err = rows("eia930_hourly_demand_2015_2020.csv.gz", func(f []string) error {
		if len(f) != 6 {
			return errors.New("want 6 fields")
		}
		if len(out) == 0 || out[len(out)-1].Demand.ID.Key != f[0] {
			zone, known := zones[f[0]]
			if !known {
				return fmt.Errorf("no time zone of %s", f[0])
			}
			out = append(out, Area{Demand: series.Series{
				ID: series.ID{Source: "eia", Key: f[0]}, Unit: "MW", Zone: zone, Start: first, Step: time.Hour,
			}})
		}
		a := &out[len(out)-1]
		if at, err := time.Parse("2006-01-02T15", f[1]); err != nil || !at.Equal(a.Demand.Time(a.Demand.Len())) {
			return fmt.Errorf("period %s out of order", f[1])
		}
		v, forecast := positive(f[2]), positive(f[5])
		if f[3] != "OKAY" {
			v = math.NaN()
		}
		a.Demand.Values = append(a.Demand.Values, v)
		a.Operator = append(a.Operator, forecast)
		return nil
	})
	return out, err
}

// positive reads a number above 0, NaN for anything else.
func positive(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) {
		return math.NaN()
	}
	return v
}

// zones returns the time zones of the balancing authorities.
func zones() (map[string]*time.Location, error) {
	names := map[string]string{
		"Eastern": "America/New_York", "Central": "America/Chicago", "Mountain": "America/Denver",
		"Arizona": "America/Phoenix", "Pacific": "America/Los_Angeles",
	}
	out := map[string]*time.Location{}
	err := rows("eia930_balancing_authorities.csv.gz", func(f []string) error {
		// The name is quoted and may hold commas: zone and region are counted from the end.
		name := names[f[len(f)-3]]
		if f[0] == "EPE" {
			name = names["Mountain"] // El Paso changes its clocks
		}
		loc, err := time.LoadLocation(name)
		out[f[0]] = loc
		return err
	})
	return out, err
}
