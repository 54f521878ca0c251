package check

import (
	"fmt"
	"time"
)

// Quiet finds a source that has stopped to report. The clock is that of the other sources: time passes as their data
// become known.
type Quiet struct {
	Factor float64       // times the usual time between two reports; 0 means never
	Least  time.Duration // silence that is never flagged
	Need   int32         // reports seen
}

// Rhythm is how often a source reports.
type Rhythm struct {
	Last time.Time
	Mean float64 // seconds between two reports
	Seen int32
	Told bool // the present silence was reported
}

// Heard learns that a source reported, and whether that ends a silence: one that was told, or one so long that it may have
// been told before a restart.
func (c Quiet) Heard(r *Rhythm, at time.Time) (ended bool) {
	if !at.After(r.Last) {
		return false
	}
	if !r.Last.IsZero() {
		gap := at.Sub(r.Last).Seconds()
		if r.Seen >= c.Need {
			ended = c.Factor > 0 && at.Sub(r.Last) > c.limit(r)
			gap = min(gap, c.limit(r).Seconds())
		}
		r.Mean += max(0.05, 1/float64(r.Seen+1)) * (gap - r.Mean)
		r.Seen++
	}
	ended = ended || r.Told
	r.Last, r.Told = at, false
	return ended
}

func (c Quiet) limit(r *Rhythm) time.Duration {
	return max(time.Duration(c.Factor*r.Mean*float64(time.Second)), c.Least)
}

// Check judges the silence of a source at time now. It speaks once a silence. Numbers of the finding are seconds.
func (c Quiet) Check(r *Rhythm, source string, now time.Time) (Finding, bool) {
	if c.Factor <= 0 || r.Told || r.Seen < c.Need || now.Sub(r.Last) <= c.limit(r) {
		return Finding{}, false
	}
	r.Told = true
	silent := now.Sub(r.Last)
	return Finding{
		Check: Silence, Outcome: Flag, Observed: silent.Seconds(), Expected: r.Mean, Threshold: c.limit(r).Seconds(),
		Detail: fmt.Sprintf("source %s has been silent for %s, it usually reports every %.0f s", source, silent, r.Mean),
	}, true
}
