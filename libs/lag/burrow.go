package lag

import "time"

// Burrow judges reports by the rules of Burrow (core/internal/evaluator/caching.go and the wiki page "Consumer Lag
// Evaluation Rules"), with the ack floor for the committed offset and what is left to do for the lag. It is the yardstick
// of the benchmark: its STOP is STALLED as well here, its WARN is SLOW. It knows none of the other states.
func Burrow(samples []Sample, now time.Time) State {
	var read []report
	for _, s := range samples {
		if !s.Err && !s.Lag.Missing {
			read = append(read, report{at: s.At, Lag: s.Lag})
		}
	}
	if len(read) < 2 {
		return NoData
	}
	f := facts{reports: read}
	first, last := read[0], f.last()
	if last.work() == 0 {
		return OK
	}
	zero := false
	for i, r := range read {
		zero = zero || r.work() == 0
		if i > 0 && r.AckFloor < read[i-1].AckFloor && last.AckFloor < read[i-1].AckFloor {
			return Rewind
		}
	}
	switch {
	case now.Sub(commit(read)) > last.at.Sub(first.at) && !zero:
		return Stalled // STOP
	case zero:
		return OK
	case first.AckFloor == last.AckFloor:
		return Stalled
	case f.grows():
		return Slow
	}
	return OK
}

// commit is when the ack floor last moved: Kafka's consumers commit with a time, JetStream's do not.
func commit(read []report) time.Time {
	at := read[0].at
	for i, r := range read[1:] {
		if r.AckFloor != read[i].AckFloor {
			at = r.at
		}
	}
	return at
}
