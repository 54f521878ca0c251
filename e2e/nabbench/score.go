package nabbench

import "math"

// Profile weighs hits and mistakes (Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms, 2015, section
// III.B; the weights are NAB's config/profiles.json).
type Profile struct {
	Name               string
	TP, FN, FP         float64
	windows, raw, none float64
}

// profiles are the three of NAB.
func profiles() []Profile {
	return []Profile{
		{Name: "standard", TP: 1, FN: 1, FP: 0.11},
		{Name: "low_fp", TP: 1, FN: 1, FP: 0.22},
		{Name: "low_fn", TP: 1, FN: 2, FP: 0.11},
	}
}

// window is the range of rows that a detection of one anomaly may lie in, both ends included.
type window struct{ from, to int }

// probation returns how many rows at the beginning of a file are for learning: 15 %, of at most 5000 rows.
func probation(rows int) int { return int(math.Floor(0.15 * math.Min(float64(rows), 5000))) }

// scaled is NAB's sigmoid: near 1 at the begin of a window (position -1), 0 at its end, -1 far behind it.
func scaled(position float64) float64 {
	if position > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*position)) - 1
}

// add scores the detections of one file. Of the detections in a window the first counts, which is worth most; each one
// outside costs the more the longer the window before it has passed.
func (p *Profile) add(rows int, windows []window, detections []int) {
	hit := make([]float64, len(windows))
	for i := range hit {
		hit[i] = -p.FN
	}
	for _, at := range detections {
		if at < probation(rows) {
			continue
		}
		in, before := place(windows, at)
		switch {
		case in >= 0:
			w := windows[in]
			position := -float64(w.to-at+1) / float64(w.to-w.from+1)
			hit[in] = math.Max(hit[in], p.TP*scaled(position)/scaled(-1))
		case before >= 0:
			w := windows[before]
			p.raw += p.FP * scaled(float64(at-w.to)/float64(max(w.to-w.from, 1)))
		default:
			p.raw -= p.FP
		}
	}
	for _, h := range hit {
		p.raw += h
	}
	p.windows += float64(len(windows))
	p.none -= p.FN * float64(len(windows))
}

// place returns the window that a row lies in and the last one that ended before it, -1 for none.
func place(windows []window, at int) (in, before int) {
	in, before = -1, -1
	for i, w := range windows {
		switch {
		case at >= w.from && at <= w.to:
			in = i
		case at > w.to && (before < 0 || w.to > windows[before].to):
			before = i
		}
	}
	return in, before
}

// score is 0 for a detector that says nothing and 100 for one that says once at the begin of each window.
func (p *Profile) score() float64 {
	return 100 * (p.raw - p.none) / (p.TP*p.windows - p.none)
}
