// Package validatebench measures the validator on hourly demand: how many injected faults its checks name and how soon,
// what they keep back falsely, how far they agree with an offline screening, and how fast they are.
//
// The real handler is measured, with its default configuration, from message to verdict rows. Habits and thresholds are
// learned from the record before 2022; the figures are of 2022 and 2023, with thresholds frozen while habits go on being
// learned, as in production.
package validatebench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"

	"github.com/alecthomas/kong"
)

// options are the flags of the command.
type options struct {
	Data string   `help:"Folder with the demand file; generated demand is used when it is not there." env:"BELLWETHER_DATA" default:"../shared/data"`
	Only []string `help:"Name of a fault to inject; may be repeated. None means all." sep:"none"`
}

// Main runs the command and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	var o options
	p, err := kong.New(&o, kong.Name("benchvalidate"), kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		err = o.run(ctx, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchvalidate:", err)
		return 1
	}
	return 0
}

func (o options) run(ctx context.Context, w io.Writer) error {
	data, origin, err := read(o.Data)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d series; learned before 2022, measured on 2022-2023; %s, %d processors\n\n", origin, len(data), runtime.Version(), runtime.GOMAXPROCS(0))
	groups, err := o.faults(ctx, w, data)
	if err != nil {
		return err
	}
	clean, err := inject(ctx, data, fault{name: "none", days: 1})
	if err != nil {
		return err
	}
	falsely := float64(clean.falsely) / float64(clean.clean)
	fmt.Fprintf(w, "\nuntouched hours: %d of %d quarantined (%.4f %%)\n", clean.falsely, clean.clean, 100*falsely)
	labels, err := agree(ctx, data)
	if err != nil {
		return err
	}
	recall, precision := printLabels(w, labels)
	handler, err := handlerRate(ctx, data)
	if err != nil {
		return err
	}
	rate := checksRate(data)
	fmt.Fprintf(w, "\none core: %.0f points a second through all checks of a point, %.0f from message to rows and messages\n", rate, handler)
	fmt.Fprintf(w, "bench_validate: hard_recall=%.4f soft_recall=%.4f false_quarantine=%.6f label_recall=%.4f label_precision=%.4f rows_per_s=%.0f\n",
		groups[hard], groups[soft], falsely, recall, precision, rate)
	return nil
}

// faults injects all of them and prints the table. It returns the mean recall of each group.
func (o options) faults(ctx context.Context, w io.Writer, data []*demand) (map[string]float64, error) {
	sum, n := map[string]float64{}, map[string]float64{}
	fmt.Fprintf(w, "%-24s %-8s %8s %8s %8s %12s %12s %16s\n", "fault", "group", "injected", "found", "recall", "median delay", "90 % delay", "after it, false")
	for _, f := range faults() {
		if len(o.Only) > 0 && !slices.Contains(o.Only, f.name) {
			continue
		}
		got, err := inject(ctx, data, f)
		if err != nil {
			return nil, err
		}
		slices.Sort(got.delays)
		fmt.Fprintf(w, "%-24s %-8s %8d %8d %8.4f %10d h %10d h %15.4f%%\n", f.name, f.group, got.n, got.found, got.recall(),
			quantile(got.delays, 0.5), quantile(got.delays, 0.9), 100*float64(got.falsely)/float64(max(got.clean, 1)))
		sum[f.group] += got.recall()
		n[f.group]++
	}
	for g := range sum {
		sum[g] /= n[g]
	}
	return sum, nil
}

func quantile(sorted []int, q float64) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// printLabels prints the agreement with the screening and returns its recall and precision.
func printLabels(w io.Writer, labels map[string]agreement) (recall, precision float64) {
	fmt.Fprintf(w, "\n%-24s %8s %12s %8s\n", "category of screening", "hours", "quarantined", "flagged")
	var bad, found, all float64
	for _, k := range slices.SortedFunc(maps.Keys(labels), cmp.Compare[string]) {
		a := labels[k]
		fmt.Fprintf(w, "%-24s %8d %12d %8d\n", k, a.n, a.quarantined, a.flagged)
		all += float64(a.remarked())
		if k != okay {
			bad += float64(a.n)
			found += float64(a.remarked())
		}
	}
	return found / max(bad, 1), found / max(all, 1)
}
