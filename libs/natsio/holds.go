package natsio

import "time"

// holdMargin makes messages that wait come back after the one they wait for, which the server redelivers within some
// tens of milliseconds of its time.
const holdMargin = 50 * time.Millisecond

// holds knows which messages of each subject were put back and are not handled yet. A later message of the subject
// waits for all of them: it is put back too.
type holds struct {
	back    map[string]map[uint64]time.Time // subject, sequence: when it comes back
	waited  map[uint64]int                  // sequence: deliveries that ended in waiting
	excused map[uint64]int                  // sequence: attempts that failed for what is not the message's fault
	patient time.Duration                   // how long after its time a message is waited for; by then another process has it
}

func newHolds(patient time.Duration) holds {
	return holds{back: map[string]map[uint64]time.Time{}, waited: map[uint64]int{}, excused: map[uint64]int{}, patient: patient}
}

// hold notes that d comes back at the given time.
func (h *holds) hold(d *delivery, at time.Time) {
	seqs, ok := h.back[d.in.Subject]
	if !ok {
		seqs = map[uint64]time.Time{}
		h.back[d.in.Subject] = seqs
	}
	seqs[d.seq] = at
}

// lift notes that d has been handled, so that what follows it need not wait.
func (h *holds) lift(d *delivery) {
	seqs := h.back[d.in.Subject]
	delete(seqs, d.seq)
	if len(seqs) == 0 {
		delete(h.back, d.in.Subject)
	}
}

// blocks reports whether d has to wait at time now, and how long. It then counts as put back itself.
func (h *holds) blocks(d *delivery, now time.Time) (time.Duration, bool) {
	var until time.Time
	seqs := h.back[d.in.Subject]
	for seq, at := range seqs {
		switch {
		case now.After(at.Add(h.patient)):
			delete(seqs, seq)
		case seq < d.seq && (until.IsZero() || at.Before(until)):
			until = at
		}
	}
	if until.IsZero() {
		return 0, false
	}
	delay := max(until.Sub(now), 0) + holdMargin
	h.hold(d, now.Add(delay))
	h.waited[d.seq]++
	return delay, true
}

// attempt returns which attempt to handle d this is: deliveries that ended in waiting are not counted. A new process
// does not know of them and counts too many; that only shortens the way to the dead-letter stream for a message that
// goes on failing.
func (h *holds) attempt(d *delivery) int { return max(1, d.in.Attempt-h.waited[d.seq]) }

// excuse notes that this attempt to handle d shall not count against it.
func (h *holds) excuse(d *delivery) { h.excused[d.seq]++ }

// failures returns how many attempts to handle d count against it, this one included.
func (h *holds) failures(d *delivery) int { return d.in.Attempt - h.excused[d.seq] }

// forget drops what is known of d, which is settled for good.
func (h *holds) forget(d *delivery) {
	h.lift(d)
	delete(h.waited, d.seq)
	delete(h.excused, d.seq)
}
