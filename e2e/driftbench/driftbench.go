// Package driftbench measures package drift on real forecasts: an autoregression rolled over five years of hourly demand
// of US areas and subregions, refitted every four weeks.
//
// Thresholds are chosen on the earlier file, 27 balancing authorities from 2016 to 2020, and measured on the later, 57
// areas and subregions from 2021 to 2023. A model's backtest is its own rolling origin over the year before the test.
package driftbench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/libs/drift"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// options are the flags of the command.
type options struct {
	Data    string `help:"Folder with the EIA files." env:"BELLWETHER_DATA" default:"../shared/data"`
	Choose  bool   `help:"Measure on the series and years that thresholds are chosen on instead."`
	Series  int    `help:"Use only so many series; 0 means all."`
	Workers int    `help:"Series at a time; 0 means one for each processor."`
}

// Main runs the command and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	p, err := kong.New(&o, kong.Name("benchdrift"), kong.Writers(stdout, stderr),
		kong.Description("Measures false alarms and delays of the drift detectors on real forecasts of hourly demand."))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		_, err = o.run(ctx, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchdrift:", err)
		return 1
	}
	return 0
}

// period is where forecasts begin and how many test years follow the first year of reference.
type period struct {
	file     string
	from, to time.Time
	tests    int
}

func (o options) period() period {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	if o.Choose {
		return period{earlierFile, day(2016, 7, 1), day(2020, 6, 29), 3}
	}
	return period{laterFile, day(2020, 10, 1), day(2023, 12, 29), 2}
}

func (o options) workers() int { return cmp.Or(o.Workers, runtime.GOMAXPROCS(0)) }

// result is what the last line says.
type result struct {
	falseAlarms, pages, x2, x2missed, x3, fleet12 float64
}

func (o options) run(ctx context.Context, w, progress io.Writer) (result, error) {
	p := o.period()
	all, err := demand(o.Data, p.file)
	if err != nil {
		return result{}, err
	}
	if o.Series > 0 {
		all = all[:min(o.Series, len(all))]
	}
	rolls, err := o.forward(ctx, progress, all, p)
	if err != nil {
		return result{}, err
	}
	f := fleet{settings: settings{drift.DayAhead(), drift.DayAfter()}, workers: o.workers()}
	for t := range p.tests {
		var members []*rolled
		for i, y := range all {
			if r, ok := newRolled(y, rolls[i], year*(t+1)); ok {
				members = append(members, r)
			}
		}
		f.years = append(f.years, members)
	}
	fmt.Fprintf(w, "%d series of %s, forecast of 48 hours each local midnight by ar_ridge_week refitted every %d days; %d test years from %s, each after a year of reference\n",
		len(all), p.file, refit, p.tests, p.from.AddDate(0, 0, year).Format(time.DateOnly))
	return f.report(ctx, w)
}

// forward rolls the model over all series.
func (o options) forward(ctx context.Context, progress io.Writer, all []series.Series, p period) ([]roll, error) {
	rolls := make([]roll, len(all))
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.workers())
	for i, y := range all {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			rolls[i] = forward(y, y, p.from, p.to)
			if n := done.Add(1); n%10 == 0 || int(n) == len(all) {
				fmt.Fprintf(progress, "forecast %d of %d series\n", n, len(all))
			}
			return nil
		})
	}
	return rolls, g.Wait()
}

// fleet is the series of each test year.
type fleet struct {
	settings settings
	years    [][]*rolled
	workers  int
}

// each calls f for every series of every year, several at a time.
func (f fleet) each(ctx context.Context, do func(y, i int, r *rolled)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.workers)
	for y, members := range f.years {
		for i, r := range members {
			g.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				do(y, i, r)
				return nil
			})
		}
	}
	return g.Wait()
}

func (f fleet) report(ctx context.Context, w io.Writer) (result, error) {
	var out result
	clean, err := f.clean(ctx, w)
	if err != nil {
		return out, err
	}
	out.falseAlarms = clean
	if out.pages, out.fleet12, err = f.pooled(ctx, w); err != nil {
		return out, err
	}
	for _, c := range []struct {
		name string
		x    injection
	}{
		{"errors x1.2", injection{scale: 1.2}},
		{"errors x1.5", injection{scale: 1.5}},
		{"errors x2", injection{scale: 2}},
		{"errors x3", injection{scale: 3}},
		{"bias of +1 error", injection{bias: 1}},
		{"bias of -1 error", injection{bias: -1}},
		{"intervals of 90 % hold 80 %", injection{narrow: true}},
	} {
		d, err := f.delays(ctx, func(r *rolled, _ int) func(int) [buckets]drift.Day { return r.injected(c.x) })
		if err != nil {
			return out, err
		}
		median, missed := d.line(w, c.name)
		switch c.x.scale {
		case 2:
			out.x2, out.x2missed = median, missed
		case 3:
			out.x3 = median
		}
	}
	one := fleet{settings: f.settings, years: f.years[:1], workers: f.workers}
	for _, c := range inputs() {
		d, err := one.delays(ctx, func(r *rolled, onset int) func(int) [buckets]drift.Day { return r.rerun(c, onset) }, year/2)
		if err != nil {
			return out, err
		}
		d.line(w, c.name)
	}
	fmt.Fprintf(w, "bench_drift: false_alarms_per_series_year=%.2f pages_per_month_3000=%.2f x2_delay_weeks=%.1f x2_missed=%.2f x3_delay_weeks=%.1f fleet12_delay_weeks=%.1f\n",
		out.falseAlarms, out.pages, out.x2, out.x2missed, out.x3, out.fleet12)
	return out, nil
}

// clean returns how many alarms a series raises a year when nothing is put in.
func (f fleet) clean(ctx context.Context, w io.Writer) (float64, error) {
	traces := make([][]trace, len(f.years))
	for y, members := range f.years {
		traces[y] = make([]trace, len(members))
	}
	err := f.each(ctx, func(y, i int, r *rolled) { traces[y][i] = r.watch(f.settings, year, -1, nil) })
	if err != nil {
		return 0, err
	}
	total, years := 0, 0.0
	each := map[string]int{}
	for y, list := range traces {
		n := 0
		for _, t := range list {
			all, by := t.raises()
			n += all
			years += float64(len(t.raised)) / year
			each["(event) coverage"] += t.events
			for k, v := range by {
				each[k] += v
			}
		}
		total += n
		fmt.Fprintf(w, "year %d without a known change: %d series, %d alarms\n", y+1, len(list), n)
	}
	for _, k := range sorted(each) {
		fmt.Fprintf(w, "  %-20s %.3f a series and year\n", k, float64(each[k])/years)
	}
	return float64(total) / years, nil
}

func sorted(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// delays are those of one change put into each series at some days of each test year, in days.
type delays []float64

// delays puts a change in and waits. Without onsets it is put in on three days of the year.
func (f fleet) delays(ctx context.Context, change func(r *rolled, onset int) func(i int) [buckets]drift.Day, onsets ...int) (delays, error) {
	if len(onsets) == 0 {
		onsets = []int{60, 120, 180}
	}
	all := make([][]delays, len(f.years))
	for y, members := range f.years {
		all[y] = make([]delays, len(members))
	}
	err := f.each(ctx, func(y, i int, r *rolled) {
		for _, onset := range onsets {
			all[y][i] = append(all[y][i], r.watch(f.settings, year, onset, change(r, onset)).delay(onset))
		}
	})
	return slices.Concat(slices.Concat(all...)...), err
}

// line writes the delays in weeks and returns their median and the share that was missed.
func (d delays) line(w io.Writer, name string) (median, missed float64) {
	known := slices.DeleteFunc(slices.Clone(d), math.IsNaN)
	slices.Sort(known)
	if len(known) == 0 {
		return math.NaN(), math.NaN()
	}
	q := func(share float64) float64 { return known[int(share*float64(len(known)-1))] / 7 }
	lost := 0
	for _, v := range known {
		if math.IsInf(v, 1) {
			lost++
		}
	}
	median, missed = q(0.5), float64(lost)/float64(len(known))
	fmt.Fprintf(w, "%-30s %4d cases: found after %.1f weeks in the median, %.1f in nine of ten, missed %.2f\n", name, len(known), median, q(0.9), missed)
	return median, missed
}
