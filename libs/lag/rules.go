package lag

import (
	"fmt"
	"time"
)

// test is one state and its condition: why it holds, or "".
type test struct {
	state State
	holds func(f facts, v Verdict) string
}

// rules returns the states of the package comment in their order, from LOST on.
func (w *Window) rules() []test {
	storm := w.Storm
	if storm <= 0 {
		storm = 0.5
	}
	return []test{
		{Lost, func(_ facts, v Verdict) string {
			if v.Lost == 0 {
				return ""
			}
			return fmt.Sprintf("%d messages left the stream before they were delivered", v.Lost)
		}},
		{Rewind, func(f facts, _ Verdict) string { return f.rewound() }},
		{OK, func(f facts, _ Verdict) string {
			if f.idle() {
				return "the backlog is worked off"
			}
			return ""
		}},
		{RedeliveryStorm, func(f facts, _ Verdict) string { return f.storm(storm) }},
		{BlockedAck, func(f facts, _ Verdict) string {
			if f.lasts(func(r report) bool { return r.Full > 0 }) && f.still() {
				return "as many messages are unacknowledged as may be, nothing more is delivered"
			}
			return ""
		}},
		{NotPulling, func(f facts, _ Verdict) string {
			if f.lasts(func(r report) bool { return r.Unpulled > 0 }) && f.still() && !f.last().Paused {
				return "there is work, none of it in hand, and nobody asks for any"
			}
			return ""
		}},
		{Stalled, func(f facts, _ Verdict) string { return f.stalled() }},
		{Slow, func(f facts, _ Verdict) string {
			if first := f.reports[0].work(); f.grows() {
				return fmt.Sprintf("the backlog went from %d to %d messages without once falling", first, f.last().work())
			}
			return ""
		}},
		{CatchingUp, func(f facts, v Verdict) string {
			if first := f.reports[0].work(); f.last().work() < first {
				return fmt.Sprintf("the backlog fell from %d to %d messages, %s to go", first, f.last().work(), v.ETA.Round(time.Second))
			}
			return ""
		}},
	}
}

// facts are what the readable reports of a window say, eight or more of them, oldest first.
type facts struct{ reports []report }

func (f facts) last() report { return f.reports[len(f.reports)-1] }

func (f facts) numbers() string {
	l := f.last()
	return fmt.Sprintf("%d pending, %d unacknowledged of at most %d, %d redelivered, %d waiting pulls, ack floor %d, oldest %s",
		l.Pending, l.AckPending, l.MaxAckPending, l.Redelivered, l.Waiting, l.AckFloor, l.Oldest.Round(time.Second))
}

// lasts reports whether a condition held in all of the newest Complete reports.
func (f facts) lasts(holds func(r report) bool) bool {
	for _, r := range f.reports[len(f.reports)-Complete:] {
		if !holds(r) {
			return false
		}
	}
	return true
}

// still reports whether the ack floor is where it was in the newest Complete reports.
func (f facts) still() bool {
	floor := f.last().AckFloor
	return f.lasts(func(r report) bool { return r.AckFloor == floor })
}

// idle reports whether nothing is left, or the backlog was worked off within the newest Complete reports: whoever
// reaches the end of the stream from time to time keeps up.
func (f facts) idle() bool {
	return !f.lasts(func(r report) bool { return r.work() > 0 })
}

// lost counts the messages that left the stream undelivered, at least: those between what was delivered and the first of
// the stream, what the backlog fell by without being delivered, and one that was the oldest to do and is neither done
// nor there.
func (f facts) lost() uint64 {
	n := f.reports[0].Skipped
	for i, r := range f.reports[1:] {
		n += r.lostSince(f.reports[i])
	}
	return n
}

func (r report) lostSince(before report) uint64 {
	if r.Skipped > before.Skipped {
		return r.Skipped - before.Skipped
	}
	if r.KeepsNewest || !r.Created.Equal(before.Created) || r.Deliveries < before.Deliveries {
		return 0
	}
	delivered := r.Deliveries - before.Deliveries
	if left := min(before.Pending, r.Pending); before.Pending > left+delivered {
		return before.Pending - left - delivered
	}
	if before.OldestSeq > r.AckFloor && before.OldestSeq < r.FirstSeq {
		if r.FirstSeq > before.LastSeq && before.Pending > delivered {
			return before.Pending - delivered // all that was there
		}
		return 1
	}
	return 0
}

// rewound says how the consumer was put back behind where it had been.
func (f facts) rewound() string {
	highest := f.reports[0].AckFloor
	again := ""
	for i, r := range f.reports[1:] {
		before := f.reports[i]
		switch {
		case r.Created.After(before.Created):
			again = "the consumer was made anew"
		case r.LastSeq < before.LastSeq:
			again = "the stream ends earlier than it did"
		case r.Deliveries < before.Deliveries:
			again = "the count of deliveries fell"
		}
		highest = max(highest, r.AckFloor)
	}
	if floor := f.last().AckFloor; again != "" && floor < highest {
		return fmt.Sprintf("%s and is back at message %d, after %d", again, floor, highest)
	}
	return ""
}

// storm says that most deliveries repeat earlier ones. Deliveries count every attempt; the highest message delivered
// moves only when one is delivered for the first time.
func (f facts) storm(share float64) string {
	first, last := f.reports[len(f.reports)-Complete], f.last()
	if last.Deliveries < first.Deliveries || last.Delivered < first.Delivered {
		return ""
	}
	all, fresh := last.Deliveries-first.Deliveries, last.Delivered-first.Delivered
	finished := last.AckFloor - min(first.AckFloor, last.AckFloor)
	if all < Complete || finished*2 > all || !f.lasts(func(r report) bool { return r.Redelivered > 0 }) {
		return ""
	}
	if repeats := all - min(fresh, all); float64(repeats) >= share*float64(all) {
		return fmt.Sprintf("%d of %d deliveries repeat messages, %d finished", repeats, all, finished)
	}
	return ""
}

// stalled says that nothing moves.
func (f facts) stalled() string {
	switch {
	case f.last().Paused:
		return "the consumer is paused with work waiting"
	case f.still():
		return "the ack floor does not move"
	}
	return ""
}

// grows reports whether the backlog has grown and never fallen. The bus counts what arrives a moment after it has
// arrived, so that a single report may show less than the one before.
func (f facts) grows() bool {
	for i := 2; i < len(f.reports); i++ {
		if f.reports[i].work() < f.reports[i-2].work() {
			return false
		}
	}
	return f.last().work() > f.reports[0].work()
}

// rates estimates what arrives and what is finished from what was delivered and what is left, so that it holds for
// consumers of a part of their stream as well. Repeats of a delivery finish nothing.
func (f facts) rates() Verdict {
	first, last := f.reports[0], f.last()
	span := last.at.Sub(first.at).Seconds()
	if span <= 0 || last.Deliveries < first.Deliveries {
		return Verdict{ETA: eta(0, last.work())}
	}
	grown := float64(last.work()) - float64(first.work())
	finished := float64(last.Deliveries-first.Deliveries) - (float64(last.AckPending) - float64(first.AckPending))
	if fresh := float64(last.Delivered) - float64(first.Delivered); fresh >= 0 && last.Redelivered > 0 {
		finished = min(finished, max(0, fresh-(float64(last.AckPending)-float64(first.AckPending))))
	}
	v := Verdict{AckRate: max(0, finished) / span}
	v.PublishRate = max(0, grown/span+v.AckRate)
	v.ETA = eta(v.AckRate-v.PublishRate, last.work())
	return v
}

// eta is how long a backlog takes to fall at so many messages a second.
func eta(rate float64, work uint64) time.Duration {
	switch seconds := float64(work) / rate; {
	case work == 0:
		return 0
	case rate <= 0 || seconds > (1000*time.Hour).Seconds():
		return Never
	default:
		return time.Duration(seconds * float64(time.Second))
	}
}
