package series_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

func TestRevisedAsOf(t *testing.T) {
	h := func(n int) time.Time { return time.Date(2023, 1, 1, n, 0, 0, 0, time.UTC) }
	r := series.Revised{Step: time.Hour, Revs: []series.Revision{
		{TS: h(0), KnownAt: h(1), Value: 10},
		{TS: h(0), KnownAt: h(5), Value: 11}, // revised at 5
		{TS: h(1), KnownAt: h(9), Value: 20}, // backfilled at 9
		{TS: h(1), KnownAt: h(10), Value: 21},
		{TS: h(3), KnownAt: h(4), Value: 40}, // point 2 was never seen
	}}
	for name, tc := range map[string]struct {
		asOf time.Time
		want []float64
	}{
		"before the first point":            {h(-1), nil},
		"first value before its revision":   {h(1), []float64{10, 20}},
		"a late point counts as backfilled": {h(4), []float64{10, 20, math.NaN(), 40}},
		"revision known":                    {h(5), []float64{11, 20, math.NaN(), 40}},
		"all known":                         {h(12), []float64{11, 21, math.NaN(), 40}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, r.AsOf(tc.asOf).Values, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("AsOf(%s) (-want +got):\n%s", tc.asOf, diff)
			}
		})
	}
}
