package lag

import (
	"fmt"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/event"
)

// Window is the newest reports of one consumer. The zero value is ready for reports that come every five seconds. It is
// not safe for concurrent use.
type Window struct {
	Every time.Duration // time between reports; 0 means 5 s
	Storm float64       // share of deliveries that must be repeats in a storm, within (0, 1]; 0 means 0.5

	samples []Sample // oldest first, at most Size
}

// Add takes in the next report. One that is not newer than the last, such as a second replica's, is dropped.
func (w *Window) Add(s Sample) {
	if n := len(w.samples); n > 0 && !s.At.After(w.samples[n-1].At) {
		return
	}
	if len(w.samples) == Size {
		copy(w.samples, w.samples[1:])
		w.samples = w.samples[:Size-1]
	}
	w.samples = append(w.samples, s)
}

// every returns the time between reports.
func (w *Window) every() time.Duration {
	if w.Every <= 0 {
		return 5 * time.Second
	}
	return w.Every
}

// Judge returns the verdict at now.
func (w *Window) Judge(now time.Time) Verdict {
	if w.gone() {
		return Verdict{State: Gone, Evidence: "the consumer does not exist on the bus", ETA: Never}
	}
	read, why := w.readable(now)
	if why != "" {
		return Verdict{State: NoData, Evidence: why, ETA: Never}
	}
	f := facts{reports: read}
	v := f.rates()
	v.Lost = f.lost()
	for _, rule := range w.rules() {
		if why := rule.holds(f, v); why != "" {
			v.State, v.Evidence = rule.state, why+": "+f.numbers()
			return v
		}
	}
	v.State, v.Evidence = OK, "the backlog comes and goes: "+f.numbers()
	return v
}

// gone reports whether the last two reports say that there is no such consumer.
func (w *Window) gone() bool {
	n := len(w.samples)
	return n >= 2 && w.samples[n-1].Lag.Missing && w.samples[n-2].Lag.Missing
}

// readable returns the reports that hold numbers, or why they are too few.
func (w *Window) readable(now time.Time) (read []report, why string) {
	newest := time.Time{}
	for _, s := range w.samples {
		if !s.Err && !s.Lag.Missing {
			read = append(read, report{at: s.At, Lag: s.Lag})
			newest = s.At
		}
	}
	switch silent := now.Sub(newest); {
	case len(read) < Complete:
		return nil, fmt.Sprintf("%d of the last %d reports could be read, %d are needed", len(read), Size, Complete)
	case silent > time.Duration(Size-Complete+1)*w.every():
		return nil, fmt.Sprintf("the last report that could be read is %s old", silent.Round(time.Second))
	case read[len(read)-1].at.Sub(read[0].at) > 2*Size*w.every():
		return nil, fmt.Sprintf("the last %d reports lie more than %s apart", Size, w.every())
	}
	return read, ""
}

// report is a sample that holds numbers.
type report struct {
	at time.Time
	event.Lag
}

// work is what is left to do.
func (r report) work() uint64 { return r.Pending + r.AckPending }
