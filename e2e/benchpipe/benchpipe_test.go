package benchpipe

import (
	"bytes"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestRun runs the benchmark on little data. The run itself checks that every row is accounted for; here it is its last
// line that others read.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	f := flags{Series: 3, Years: 1, Baseline: 300, Messages: 40, Inserts: 1, Reads: 3, Data: "generated", Dir: t.TempDir()}
	if err := run(t.Context(), f, &out, io.Discard); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	const number = `\d+\.\d\d`
	want := regexp.MustCompile(`^bench_pipe: rows_per_s=[1-9]\d* publish_ratio=` + number + ` insert_ratio=` + number + ` path_ratio=` + number +
		` read_p95_ratio=` + number + ` rss_mb=[1-9]\d* baseline_ratio=\d+\.\d$`)
	if last := lines[len(lines)-1]; !want.MatchString(last) {
		t.Errorf("last line %q does not match %s", last, want)
	}
}

func TestReadDemand(t *testing.T) {
	t.Parallel()
	d, err := readDemand(strings.NewReader("series,period,raw_mw\nA,2020-01-01T00,5,OKAY\nA,2020-01-01T01,MISSING,x\nB,2020-01-01T00,7,OKAY\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]float64{{5, math.NaN()}, {7}}, d.values, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("values mismatch (-want +got):\n%s", diff)
	}
	if _, err := readDemand(strings.NewReader("series,period,raw_mw\n")); err == nil {
		t.Error("a file without values was read")
	}
}
