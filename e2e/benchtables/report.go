package benchtables

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// reporter writes the Markdown tables as they come, and the summary in the end.
type reporter struct {
	out          io.Writer
	variants     int
	observations []*result
}

// head says what the measurement is of.
func (b *bench) head(ctx context.Context, out io.Writer, d demand) error {
	engine, err := one[struct{ V string }](ctx, b.store, "default", "SELECT version() AS V")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Measured on %s, with ClickHouse %s embedded: %s demand of %d areas as %d series of two years of hours, %d days of forecasts, %d days of events, inserts of %d rows, %d rounds of each query.\n",
		machine(), engine.V, d.kind, len(d.sources), b.Series, b.ForecastDays, b.EventDays, batch, b.Rounds)
	return nil
}

func (r *reporter) table(name string, results []*result) error {
	r.variants += len(results)
	if name == "observations" {
		r.observations = results
	}
	layoutTable(r.out, name, results)
	columnTable(r.out, results)
	fmt.Fprintf(r.out, "\nLoad average %s when it was done.\n", load())
	return nil
}

// summary is about the observations; without them its figures are NaN.
func (r *reporter) summary() string {
	best, now, twoYears, recent := math.NaN(), math.NaN(), math.NaN(), math.NaN()
	for i, o := range r.observations {
		if i == 0 {
			now, twoYears, recent = o.size.perRow(), o.merged[askTwoYears].quantile(.95), o.merged[askRecentAll].quantile(.95)
			best = now
		}
		if o.shows == r.observations[0].shows {
			best = min(best, o.size.perRow())
		}
	}
	return fmt.Sprintf("bench_tables: variants=%d best_bytes_per_row=%.2f current_bytes_per_row=%.2f series_2y_p95_ms=%.1f recent_all_p95_ms=%.1f\n",
		r.variants, best, now, twoYears, recent)
}

// layoutTable has a line a variant: bytes a row, rows a second, and for each question the median, the 95th percentile
// and the processor time on merged parts, then the median before merging.
func layoutTable(out io.Writer, table string, all []*result) {
	names := questionsOf(table)
	fmt.Fprintf(out, "\n### %s: %.0f rows\n\n| variant | B/row | insert, k rows/s | parts, merged |", table, all[0].size.Rows)
	for _, q := range names {
		fmt.Fprintf(out, " %s |", q.name)
	}
	fmt.Fprintf(out, "\n|---|---|---|---|%s\n", strings.Repeat("---|", len(names)))
	for _, r := range all {
		note := ""
		if r.shows != all[0].shows {
			note = " (not lossless)"
		}
		fmt.Fprintf(out, "| %s%s | %.2f | %.0f | %d, %d |", r.instance.name, note, r.size.perRow(), float64(r.rows)/r.inserting.Seconds()/1000, r.parts, r.mergedParts)
		for _, q := range names {
			t, asked := r.merged[q.name]
			if !asked {
				fmt.Fprint(out, " - |")
				continue
			}
			fmt.Fprintf(out, " %.1f / %.1f; %.1f; %.1f |", t.quantile(.5), t.quantile(.95), t.perRound(), r.unmerged[q.name].quantile(.5))
		}
		fmt.Fprintln(out)
	}
}

// columnTable has a line a column that takes a hundredth of a byte or more in some variant, and says what it takes in
// each of them.
func columnTable(out io.Writer, all []*result) {
	fmt.Fprintf(out, "\n| bytes a value |")
	for _, r := range all {
		fmt.Fprintf(out, " %s |", r.instance.name)
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---|", len(all)))
	at := func(r *result, column string) float64 { return r.size.columns[column] / r.size.Rows }
	var columns []string
	for c := range all[0].size.columns {
		columns = append(columns, c)
	}
	slices.SortFunc(columns, func(x, y string) int { return cmp.Compare(at(all[0], y), at(all[0], x)) })
	for _, c := range columns {
		if !slices.ContainsFunc(all, func(r *result) bool { return at(r, c) >= .01 }) {
			continue
		}
		fmt.Fprintf(out, "| `%s` |", c)
		for _, r := range all {
			fmt.Fprintf(out, " %.2f |", at(r, c))
		}
		fmt.Fprintln(out)
	}
}

// machine returns what the measurement ran on.
func machine() string {
	model := "an unknown processor"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s (%s), %s", runtime.NumCPU(), model, runtime.GOARCH, time.Now().UTC().Format(time.DateOnly))
}

// load returns the machine's load averages of 1, 5 and 15 minutes.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(data)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], ", ")
	}
	return "unknown"
}
