// Command benchpeers compares accuracy and time with statsforecast, mlforecast and LightGBM on the same series, on the
// same machine, in the same run, one core each.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/bellwether-forecast/bellwether/e2e/bench"
	"github.com/bellwether-forecast/bellwether/e2e/bench/peers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir := flag.String("dir", filepath.Join(".cache", "peers"), "folder of the virtual environment")
	arima := flag.Int("arima", 3, "series of each set that AutoARIMA forecasts; it takes minutes for one")
	limit := flag.Int("series", 0, "series of each set that are compared; all when 0")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(ctx, os.Stdout, *dir, *arima, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to clean up
	}
}

func run(ctx context.Context, w io.Writer, dir string, arima, limit int) error {
	sets, err := sets(limit)
	if err != nil {
		return err
	}
	env, err := peers.Install(ctx, dir, os.Stderr)
	if err != nil {
		return err
	}
	ours := row{name: "Bellwether"}
	lab := bench.HourlyLab()
	for _, s := range sets {
		at := bench.CPUTime()
		forecasts, err := lab.Forecasts(ctx, s, time.Hour)
		if err != nil {
			return err
		}
		ours.add(s, forecasts, (bench.CPUTime() - at).Seconds())
	}
	results, err := env.Forecast(ctx, sets, arima)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s/%s; statsforecast %s, mlforecast %s, lightgbm %s; one core each, seconds on the processor\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		results.Versions["statsforecast"], results.Versions["mlforecast"], results.Versions["lightgbm"])
	rows := table(sets, results, ours)
	report(w, rows)
	return nil
}

// sets returns M4 Hourly and the areas on the first Wednesdays of two months of the test year.
func sets(limit int) ([]bench.Set, error) {
	m4, err := bench.M4("hourly")
	if err != nil {
		return nil, err
	}
	areas, err := bench.Areas()
	if err != nil {
		return nil, err
	}
	eia := bench.AreaSet(areas, time.Date(2019, 10, 2, 0, 0, 0, 0, time.UTC), time.Date(2020, 2, 5, 0, 0, 0, 0, time.UTC))
	out := []bench.Set{m4, eia}
	for i, s := range out {
		if limit > 0 {
			out[i].Tasks = s.Tasks[:min(limit, len(s.Tasks))]
		}
	}
	return out, nil
}

// row is a forecaster and what it did.
type row struct {
	name    string
	n       int
	smape   float64
	mase    float64 // sums over the series
	seconds float64
	sets    []string
}

// add scores the forecasts of a set, those with a mean.
func (r *row) add(s bench.Set, forecasts []bench.Forecast, seconds float64) {
	part := s
	part.Tasks = nil
	var given []bench.Forecast
	for i, f := range forecasts {
		if f.Mean != nil {
			part.Tasks, given = append(part.Tasks, s.Tasks[i]), append(given, f)
		}
	}
	scores, n := part.Score(given), float64(len(given))
	r.n += len(given)
	r.smape += n * scores.SMAPE
	r.mase += n * scores.MASE
	r.seconds += seconds
	r.sets = append(r.sets, fmt.Sprintf("%s: n %d smape %.3f mase %.3f s %.1f", s.Name, len(given), scores.SMAPE, scores.MASE, seconds))
}

// table scores the peers and puts ours first.
func table(sets []bench.Set, results peers.Results, ours row) []row {
	rows := []row{ours}
	for _, run := range results.Runs {
		at := slices.IndexFunc(rows, func(r row) bool { return r.name == run.Peer })
		if at < 0 {
			at = len(rows)
			rows = append(rows, row{name: run.Peer})
		}
		for _, s := range sets {
			if s.Name != run.Set {
				continue
			}
			forecasts := make([]bench.Forecast, len(s.Tasks))
			for i, t := range s.Tasks {
				forecasts[i].Mean = run.Forecasts[t.ID]
			}
			rows[at].add(s, forecasts, run.Seconds)
		}
	}
	return rows
}

// report writes the table and the ratios to the most accurate peer that forecast every series.
func report(w io.Writer, rows []row) {
	ours, best := rows[0], -1
	for i, r := range rows {
		fmt.Fprintf(w, "%-14s series %4d  smape %7.3f  mase %6.3f  seconds %8.1f\n", r.name, r.n, r.smape/float64(r.n), r.mase/float64(r.n), r.seconds)
		for _, line := range r.sets {
			fmt.Fprintf(w, "    %s\n", line)
		}
		if i > 0 && r.n == ours.n && !math.IsNaN(r.mase) && (best < 0 || r.mase < rows[best].mase) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	fmt.Fprintf(w, "the most accurate peer on all series is %s\n", rows[best].name)
	fmt.Fprintf(w, "peers: accuracy_ratio=%.3f speed_ratio=%.1f\n", ours.mase/rows[best].mase, rows[best].seconds/ours.seconds)
}
