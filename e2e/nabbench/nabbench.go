// Package nabbench scores the spike and level tests on the Numenta Anomaly Benchmark with the benchmark's own rules.
package nabbench

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// file is one series of the benchmark.
type file struct {
	name    string
	ts      []time.Time
	values  []float64
	windows []window
}

func (f *file) step() time.Duration {
	var steps []time.Duration
	for i := 1; i < len(f.ts); i++ {
		steps = append(steps, f.ts[i].Sub(f.ts[i-1]))
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// detect returns the rows at which the detector speaks.
func (f *file) detect() []int {
	d := newDetector(f.step())
	var out []int
	for i, v := range f.values {
		if d.add(f.ts[i], v) {
			out = append(out, i)
		}
	}
	return out
}

// options are the flags of the command.
type options struct {
	Data string `help:"Folder with nab_data.csv.gz and nab_windows.csv.gz." env:"BELLWETHER_DATA" default:"../shared/data"`
}

// Main runs the command and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	var o options
	p, err := kong.New(&o, kong.Name("benchnab"), kong.Writers(stdout, stderr))
	if err == nil {
		_, err = p.Parse(args)
	}
	if err == nil {
		err = o.run(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "benchnab:", err)
		return 1
	}
	return 0
}

func (o options) run(w io.Writer) error {
	files, err := read(o.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the files of the benchmark are not at hand (BELLWETHER_DATA names their folder): %w", err)
	}
	if err != nil {
		return err
	}
	all := profiles()
	perfect, silent := profiles()[0], profiles()[0]
	fmt.Fprintf(w, "%-60s %6s %8s %6s %10s %9s\n", "file", "rows", "windows", "found", "elsewhere", "standard")
	for _, f := range files {
		at := f.detect()
		one := profiles()[0]
		one.add(len(f.values), f.windows, at)
		for i := range all {
			all[i].add(len(f.values), f.windows, at)
		}
		silent.add(len(f.values), f.windows, nil)
		perfect.add(len(f.values), f.windows, begins(f.windows))
		found, elsewhere := f.count(at)
		fmt.Fprintf(w, "%-60s %6d %8d %6d %10d %9.1f\n", f.name, len(f.values), len(f.windows), found, elsewhere, one.raw)
	}
	fmt.Fprintf(w, "\n%d files, thresholds set beforehand and the same for all, none chosen on these files; silent detector %.1f, perfect %.1f\n",
		len(files), silent.score(), perfect.score())
	fmt.Fprintf(w, "bench_nab: standard=%.1f low_fp=%.1f low_fn=%.1f\n", all[0].score(), all[1].score(), all[2].score())
	return nil
}

func begins(windows []window) []int {
	var out []int
	for _, w := range windows {
		out = append(out, w.from)
	}
	return out
}

// count returns how many windows hold a detection, and how many detections lie outside of windows.
func (f *file) count(at []int) (found, elsewhere int) {
	hit := map[int]bool{}
	for _, i := range at {
		if i < probation(len(f.values)) {
			continue
		}
		if in, _ := place(f.windows, i); in >= 0 {
			hit[in] = true
		} else {
			elsewhere++
		}
	}
	return len(hit), elsewhere
}

// read reads the files in the order they come.
func read(dir string) ([]*file, error) {
	var out []*file
	byName := map[string]*file{}
	err := lines(filepath.Join(dir, "nab_data.csv.gz"), func(col []string) error {
		ts, err := time.Parse(time.DateTime, col[1])
		if err != nil {
			return err
		}
		v, err := strconv.ParseFloat(col[2], 64)
		if err != nil {
			return err
		}
		f, ok := byName[col[0]]
		if !ok {
			f = &file{name: col[0]}
			byName[col[0]] = f
			out = append(out, f)
		}
		f.ts, f.values = append(f.ts, ts), append(f.values, v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, lines(filepath.Join(dir, "nab_windows.csv.gz"), func(col []string) error {
		f, ok := byName[col[0]]
		if !ok {
			return fmt.Errorf("windows of %s, which is not among the files", col[0])
		}
		from, err := time.Parse(time.DateTime, col[1][:len(time.DateTime)])
		if err != nil {
			return err
		}
		to, err := time.Parse(time.DateTime, col[2][:len(time.DateTime)])
		if err != nil {
			return err
		}
		f.windows = append(f.windows, window{f.row(from), f.row(to.Add(1)) - 1})
		return nil
	})
}

// row returns the first row at or after t.
func (f *file) row(t time.Time) int {
	i, _ := slices.BinarySearchFunc(f.ts, t, time.Time.Compare)
	return i
}

// lines calls each with the columns of every line but the first of a gzip CSV file without quotes.
func lines(path string, each func(col []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	s := bufio.NewScanner(z)
	s.Scan()
	for s.Scan() {
		col := strings.Split(s.Text(), ",")
		if len(col) < 3 {
			return fmt.Errorf("%s: %q has too few columns", path, s.Text())
		}
		if err := each(col); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return s.Err()
}
