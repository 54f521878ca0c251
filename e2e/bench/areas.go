package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Weeks of history that AreaSet hands out.
const areaWeeks = 10

// AreaSet returns tasks of the balancing authorities: 48 hours after the last ten weeks, from local midnight of some
// days of the test year. Gaps are filled with the value a week before, since not every tool takes a series with gaps;
// tasks with gaps in their test part, or with more than a tenth of the history missing, are left out.
func AreaSet(areas []Area, days ...time.Time) Set {
	set := Set{Name: "EIA areas", Season: 24, Horizon: 48}
	for _, day := range days {
		for _, a := range areas {
			at, _ := a.Demand.Index(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, a.Demand.Location()))
			t := Task{ID: fmt.Sprintf("%s.%s", a.Demand.ID.Key, day.Format("20060102"))}
			filled, missing := fillWeekly(a.Demand.Values[at+1-(areaWeeks+1)*168 : at+1])
			t.Train, t.Test = filled[168:], a.Demand.Values[at+1:at+1+set.Horizon]
			if missing > len(filled)/10 || hasGap(t.Train) || hasGap(t.Test) {
				continue
			}
			set.Tasks = append(set.Tasks, t)
		}
	}
	return set
}

// fillWeekly returns a copy of v with missing values taken from a week before, and how many there were.
func fillWeekly(v []float64) (filled []float64, missing int) {
	filled = append(filled, v...)
	for i, x := range filled {
		if math.IsNaN(x) {
			missing++
			if i >= 168 {
				filled[i] = filled[i-168]
			}
		}
	}
	return filled, missing
}

func hasGap(v []float64) bool { return slices.ContainsFunc(v, math.IsNaN) }
