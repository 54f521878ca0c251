package benchtrain

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"testing"
)

// TestTheLastLineSaysWhatWasMeasured trains and forecasts two series as the command does.
func TestTheLastLineSaysWhatWasMeasured(t *testing.T) {
	var out, progress bytes.Buffer
	if err := run(t.Context(), flags{Series: 2, Hours: 3, Of: 10000}, &out, &progress); err != nil {
		t.Fatal(err)
	}
	last := regexp.MustCompile(`\nbench_train: series=2 series_per_s_core=([\d.]+) forecast_ms=([\d.]+) mb_per_1000=(\d+)\n$`).FindStringSubmatch(out.String())
	if last == nil {
		t.Fatalf("output:\n%s", &out)
	}
	for _, text := range last[1:] {
		if v, err := strconv.ParseFloat(text, 64); err != nil || !(v > 0) || math.IsInf(v, 1) {
			t.Errorf("%s is no measure in %s", text, last[0])
		}
	}
}

func TestNumbersMustBePositive(t *testing.T) {
	if err := run(t.Context(), flags{Series: 0, Hours: 3, Of: 1}, nil, nil); err == nil {
		t.Error("no series to train is no error")
	}
}
