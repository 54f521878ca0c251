package nabbench

import (
	"math"
	"testing"
)

// The oracle of the first two is the definition of the score; of the others, the sigmoid of the benchmark worked out by
// hand: scaled(x) = 2/(1+exp(5x)) - 1, so that scaled(-1) = 0.98661 and scaled(-0.5) = 0.84828.
func TestScore(t *testing.T) {
	t.Parallel()
	windows := []window{{200, 299}, {600, 699}}
	for name, tc := range map[string]struct {
		detections []int
		profile    int
		want       float64
	}{
		"silence":                     {nil, 0, 0},
		"perfect":                     {[]int{200, 600}, 0, 100},
		"perfect, low FN":             {[]int{200, 600}, 2, 100},
		"silence, low FN":             {nil, 2, 0},
		"half way into one of two":    {[]int{250}, 0, 100 * (0.84828/0.98661 - 1 + 2) / 4},
		"the first of a window":       {[]int{250, 260, 299}, 0, 100 * (0.84828/0.98661 - 1 + 2) / 4},
		"in probation":                {[]int{10, 149}, 0, 0},
		"before all windows":          {[]int{160}, 0, 100 * -0.11 / 4},
		"before, low FP":              {[]int{160}, 1, 100 * -0.22 / 4},
		"long after a window":         {[]int{300 + 3*99 - 1}, 0, 100 * 0.11 * scaled(3*99/99.) / 4},
		"more than three widths on":   {[]int{999}, 0, 100 * -0.11 / 4 * -scaled((999.-699)/99)},
		"one row after, nearly right": {[]int{300}, 0, 100 * 0.11 * (2/(1+math.Exp(5/99.)) - 1) / 4},
	} {
		p := profiles()[tc.profile]
		p.add(1000, windows, tc.detections)
		if got := p.score(); math.Abs(got-tc.want) > 0.01 {
			t.Errorf("%s: %.3f, want %.3f", name, got, tc.want)
		}
	}
}

func TestProbation(t *testing.T) {
	t.Parallel()
	for rows, want := range map[int]int{100: 15, 5000: 750, 22695: 750} {
		if got := probation(rows); got != want {
			t.Errorf("probation(%d) = %d, want %d", rows, got, want)
		}
	}
}
