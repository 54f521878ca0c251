// Command bencheia replays day-ahead forecasting of the demand of 27 balancing authorities and compares with the
// operators' own forecasts and with the seasonal naive one.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellwether-forecast/bellwether/e2e/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	validate := flag.Bool("validate", false, "score the year before the test instead: what settings are chosen on")
	only := flag.String("areas", "", "areas to replay, separated by commas; all when empty")
	workers := flag.Int("workers", 1, "areas replayed at a time, a core each; with more than one the time of a retraining includes that of the forecasts after it")
	flag.Parse()
	runtime.GOMAXPROCS(*workers)
	if err := run(ctx, os.Stdout, *validate, *only, *workers); err != nil {
		fmt.Fprintln(os.Stderr, "bencheia:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func run(ctx context.Context, w io.Writer, validate bool, only string, workers int) error {
	areas, err := bench.Areas()
	if err != nil {
		return err
	}
	from := time.Date(2019, 7, 1, 0, 0, 0, 0, time.UTC)
	if validate {
		from = from.AddDate(-1, 0, 0)
	}
	to := from.AddDate(1, 0, 0)
	replay := bench.HourlyDemand()
	fmt.Fprintf(w, "%s %s/%s, %d CPUs, %d in use; test from %s to %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), workers, from.Format(time.DateOnly), to.Format(time.DateOnly))
	fmt.Fprintf(w, "%-6s %6s %6s | %6s %8s | %6s | h 1-24 of each candidate\n", "area", "h1-24", "h25-48", "10:00", "operator", "snaive")
	areas = slices.DeleteFunc(areas, func(a bench.Area) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), a.Demand.ID.Key)
	})
	all := make([]*bench.Outcome, len(areas))
	at := bench.CPUTime()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i, a := range areas {
		g.Go(func() error {
			o, err := replay.Run(ctx, a, from, to)
			if err != nil {
				return err
			}
			all[i] = o
			fmt.Fprintln(w, line(o, replay))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	report(w, all, bench.CPUTime()-at, workers)
	return nil
}

// line describes the outcome of an area.
func line(o *bench.Outcome, replay bench.DayAhead) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%-6s %6.2f %6.2f | %6.2f %8.2f | %6.2f |", o.Area, o.First.MAPE(), o.Second.MAPE(), o.DayAhead.MAPE(), o.Operator.MAPE(), o.Naive.MAPE())
	for i, c := range replay.Candidates {
		fmt.Fprintf(&s, " %s %.2f", c.Kind(), o.Single[i].MAPE())
	}
	return s.String()
}

// report writes what all areas have in common.
func report(w io.Writer, all []*bench.Outcome, cpu time.Duration, workers int) {
	of := func(f func(o *bench.Outcome) float64) (mean, median float64) {
		var v []float64
		for _, o := range all {
			v = append(v, f(o))
		}
		slices.Sort(v)
		for _, x := range v {
			mean += x / float64(len(v))
		}
		return mean, v[len(v)/2]
	}
	first, firstMedian := of(func(o *bench.Outcome) float64 { return o.First.MAPE() })
	second, _ := of(func(o *bench.Outcome) float64 { return o.Second.MAPE() })
	ours, oursMedian := of(func(o *bench.Outcome) float64 { return o.DayAhead.MAPE() })
	operator, operatorMedian := of(func(o *bench.Outcome) float64 { return o.Operator.MAPE() })
	naive, _ := of(func(o *bench.Outcome) float64 { return o.Naive.MAPE() })
	mase, _ := of(func(o *bench.Outcome) float64 { return o.Scaled })
	covered, scored := map[string]int{}, map[string]int{}
	fits, better, unserved := 0, 0, 0
	var fit, serve time.Duration
	for _, o := range all {
		fits += o.Fits
		unserved += o.Unserved
		fit += o.FitTime
		serve += o.ServeTime
		if o.DayAhead.MAPE() < o.Operator.MAPE() {
			better++
		}
		for month, n := range o.Scored {
			covered[month] += o.Covered[month]
			scored[month] += n
		}
	}
	if workers > 1 {
		fit, serve = cpu, 0 // areas side by side cannot be told apart
	}
	in, n := 0, 0
	fmt.Fprint(w, "coverage of the 90 % interval by month:")
	for _, month := range slices.Sorted(maps.Keys(scored)) {
		in += covered[month]
		n += scored[month]
		fmt.Fprintf(w, " %s %.3f", month, float64(covered[month])/float64(scored[month]))
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "medians: h1-24 %.2f, from 10:00 %.2f, operator %.2f; below the operator in %d of %d areas; mase %.3f\n",
		firstMedian, oursMedian, operatorMedian, better, len(all), mase)
	fmt.Fprintf(w, "targets of all areas that came true but had no forecast, after outages: %d\n", unserved)
	fmt.Fprintf(w, "time on the processor: %.1f s in %d retrainings, %.1f s in forecasts, scores and intervals\n", fit.Seconds(), fits, serve.Seconds())
	fmt.Fprintf(w, "bench_eia: areas=%d mape_h24=%.2f mape_h48=%.2f mape_dayahead=%.2f operator_mape=%.2f snaive_mape=%.2f coverage90=%.3f ms_per_series_retrain=%.0f\n",
		len(all), first, second, ours, operator, naive, float64(in)/float64(n), float64(fit.Milliseconds())/float64(max(fits, 1)))
}
