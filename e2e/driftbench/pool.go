package driftbench

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/bellwether-forecast/bellwether/libs/drift"
)

// falseShare is how many of the series that are singled out on a day may be so wrongly.
const falseShare = 0.1

// pooled returns how often a month the fleet pages when nothing is put in, and the median weeks until it does when all
// errors grow by a fifth.
func (f fleet) pooled(ctx context.Context, w io.Writer) (pages, weeks float64, err error) {
	months := 0.0
	var found delays
	for y := range f.years {
		raised, singled, err := f.fleetYear(ctx, y, -1, 1)
		if err != nil {
			return 0, 0, err
		}
		n, before := 0, false
		for _, now := range raised {
			if now && !before {
				n++
			}
			before = now
		}
		pages += float64(n)
		months += float64(len(raised)) / year * 12
		fmt.Fprintf(w, "year %d: the fleet raises %d times; Benjamini-Hochberg at %.1f singles out %.2f series a day\n", y+1, n, falseShare, singled)
		for onset := 20; onset < year-60; onset += 31 {
			raised, _, err := f.fleetYear(ctx, y, onset, 1.2)
			if err != nil {
				return 0, 0, err
			}
			if raised[onset-1] {
				continue
			}
			delay := slices.Index(raised[onset:], true) + 1
			found = append(found, float64(delay)) // 0 when never, counted below
		}
	}
	for i, v := range found {
		if v == 0 {
			found[i] = 1e9
		}
	}
	weeks, _ = found.line(w, "all series, errors x1.2")
	return pages / months, weeks, nil
}

// fleetYear pools a year's series, all with errors multiplied from a day on, and returns on which days the fleet stood
// raised and how many series were singled out a day.
func (f fleet) fleetYear(ctx context.Context, y, onset int, scale float64) (raised []bool, singled float64, err error) {
	traces := make([]trace, len(f.years[y]))
	one := fleet{settings: f.settings, years: [][]*rolled{f.years[y]}, workers: f.workers}
	err = one.each(ctx, func(_, i int, r *rolled) {
		traces[i] = r.watch(f.settings, year, onset, r.injected(injection{scale: scale}))
	})
	if err != nil {
		return nil, 0, err
	}
	var pool drift.Fleet
	for d := range 2 * year {
		if d == year {
			pool.Shift.Sum, pool.Shift.Alarm = 0, false
		}
		var today, p []float64
		for _, t := range traces {
			if d < len(t.pooled) {
				today, p = append(today, t.pooled[d].Today), append(p, t.pooled[d].P)
			}
		}
		pool.Step(today)
		if d < year {
			continue
		}
		raised = append(raised, pool.Shift.Alarm)
		for _, yes := range drift.Discoveries(p, falseShare) {
			if yes {
				singled += 1.0 / year
			}
		}
	}
	return raised, singled, nil
}
